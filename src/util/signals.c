/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "util/signals.h"

/*
 * The number of signals that the program survives.  After the first, it starts
 * no more requests.  After the second, it no longer waits for replies.  The
 * third kills it.
 */
#define COUNTED	2

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

#define SIGNALS	(sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t count;
static volatile sig_atomic_t is_final;
/*
 * The signal that signals_die raises: the last one received, except that SIGINT
 * does not replace SIGTERM or SIGHUP.
 */
static volatile sig_atomic_t reason;
static int level;
static int fds[2] = { -1, -1 };
static struct sigaction before[SIGNALS];

static void
on_signal(int number)
{
	int saved = errno;
	ssize_t ignored;

	if (reason == 0 || number != SIGINT)
		reason = number;
	if (number != SIGINT)
		is_final = 1;
	if (count < COUNTED) {
		count++;
		/* Ignore errors: a full pipe is already readable. */
		ignored = write(fds[1], "", 1);
		(void)ignored;
	} else {
		signal(number, SIG_DFL);
		raise(number);
	}
	errno = saved;
}

static void
close_pipe(void)
{
	close(fds[0]);
	close(fds[1]);
	fds[0] = fds[1] = -1;
}

/*
 * Installs the handlers.  Signals that were ignored at the start stay ignored.
 */
static void
handle(int flags)
{
	struct sigaction action;
	size_t i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = flags;
	sigemptyset(&action.sa_mask);
	for (i = 0; i < SIGNALS; i++)
		if (before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

int
signals_begin(void)
{
	size_t i;
	int end;

	if (level++ > 0)
		return fds[0];
	count = is_final = 0;
	if (pipe(fds) == -1) {
		fds[0] = fds[1] = -1;
		return -1;
	}
	for (end = 0; end < 2; end++) {
		if (fcntl(fds[end], F_SETFD, FD_CLOEXEC) == -1 ||
		    fcntl(fds[end], F_SETFL, O_NONBLOCK) == -1) {
			close_pipe();
			return -1;
		}
	}
	for (i = 0; i < SIGNALS; i++)
		sigaction(signals[i], NULL, &before[i]);
	handle(SA_RESTART);
	return fds[0];
}

void
signals_break_calls(int yes)
{
	if (fds[0] != -1)
		handle(yes ? 0 : SA_RESTART);
}

void
signals_end(void)
{
	size_t i;

	if (level == 0 || --level > 0 || fds[0] == -1)
		return;
	for (i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	close_pipe();
}

int
signals_count(void)
{
	return count;
}

int
signals_terminating(void)
{
	return is_final;
}

void
signals_clear(void)
{
	char bytes[16];

	while (fds[0] != -1 && read(fds[0], bytes, sizeof(bytes)) > 0)
		continue;
}

void
signals_reset(void)
{
	if (is_final)
		return;
	count = 0;
	reason = 0;
	signals_clear();
}

int
signals_last(void)
{
	return reason;
}

void
signals_die(void)
{
	sigset_t set;

	if (reason == 0)
		return;
	signal(reason, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, reason);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(reason);
}
