/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/pager.h"
#include "util/signals.h"

/* What a shell exits with if there is no such program. */
#define EXIT_NOT_FOUND	126

size_t
pager_rows(const char *text, size_t len, size_t columns)
{
	size_t i, width = 0, rows = 0;

	for (i = 0; i < len; i++) {
		if (text[i] == '\n') {
			rows += width == 0 ? 1 : (width + columns - 1) /
			    columns;
			width = 0;
		} else if (text[i] == '\033') {
			while (i < len && text[i] != 'm')
				i++;
		} else if (text[i] == '\t') {
			width += 8 - width % 8;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			width++;
		}
	}
	return rows + (width + columns - 1) / columns;
}

/* Whether the text is more than the terminal of the stream shows at once. */
static int
is_too_long(FILE *out, const char *text, size_t len)
{
	struct winsize size;

	if (!isatty(fileno(out)) || !isatty(STDIN_FILENO) ||
	    ioctl(fileno(out), TIOCGWINSZ, &size) == -1 || size.ws_row == 0 ||
	    size.ws_col == 0)
		return 0;
	/* The prompt needs a row, too. */
	return pager_rows(text, len, size.ws_col) >= size.ws_row;
}

/* Starts the pager.  Returns where to write to, or -1. */
static int
start(const char *command, pid_t *pid)
{
	int fds[2];

	if (pipe(fds) == -1)
		return -1;
	if ((*pid = fork()) == -1) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (*pid > 0) {
		close(fds[0]);
		fcntl(fds[1], F_SETFD, FD_CLOEXEC);
		return fds[1];
	}
	/* Ignored signals would stay so. */
	signal(SIGPIPE, SIG_DFL);
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	close(fds[1]);
	/* As git does: quit if it fits, colours, leave the text there. */
	setenv("LESS", "FRX", 0);
	setenv("LV", "-c", 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(EXIT_NOT_FOUND);
}

/* A signal came: Ctrl-C is for the pager, any other for us both. */
static void
pass_on(pid_t pid)
{
	if (signals_terminating())
		kill(pid, SIGTERM);
	signals_reset();
}

/* Returns whether the pager could be run. */
static int
run(const char *command, const char *text, size_t len)
{
	pid_t pid, ended;
	ssize_t done;
	int fd, status;

	if ((fd = start(command, &pid)) == -1)
		return 0;
	/* A pager that does not read must not keep a signal from its end. */
	signals_break_calls(1);
	/* Whoever has seen enough closes the pipe. */
	while (len > 0) {
		done = write(fd, text, len);
		if (done == -1 && errno == EINTR)
			pass_on(pid);
		else if (done == -1)
			break;
		else {
			text += done;
			len -= (size_t)done;
		}
	}
	close(fd);
	while ((ended = waitpid(pid, &status, 0)) == -1 && errno == EINTR)
		pass_on(pid);
	signals_break_calls(0);
	if (ended == -1)
		return 1;
	signals_reset();
	return !WIFEXITED(status) || WEXITSTATUS(status) < EXIT_NOT_FOUND;
}

/*
 * Writes to a terminal, which may be slow, until it is done or interrupted.
 * Returns how much of it was written, or -1.
 */
static ssize_t
write_until(int fd, const char *text, size_t len, int interrupts)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };
	size_t written = 0;
	ssize_t done;
	int failed;

	signals_break_calls(1);
	while (written < len && signals_count() < interrupts) {
		done = write(fd, text + written, len - written);
		if (done > 0)
			written += (size_t)done;
		else if (done == -1 && errno == EAGAIN)
			poll(&writable, 1, -1);
		else if (done == -1 && errno != EINTR)
			break;
	}
	failed = written < len && signals_count() < interrupts;
	signals_break_calls(0);
	return failed ? -1 : (ssize_t)written;
}

/* Prints it without a pager.  A stream would take a signal for an error. */
static void
print(FILE *out, const char *text, size_t len)
{
	static const char reset[] = "\033[0m", mark[] = "^C\n";
	int fd = fileno(out);
	ssize_t done;

	if (!isatty(fd) || fflush(out) != 0 ||
	    (done = write_until(fd, text, len, 1)) == -1) {
		/* What is wrong with it, if anything, is kept there. */
		fwrite(text, 1, len, out);
	} else if ((size_t)done < len && !signals_terminating()) {
		if (memchr(text, '\033', (size_t)done) != NULL)
			write_until(fd, reset, sizeof(reset) - 1, INT_MAX);
		write_until(fd, mark, sizeof(mark) - 1, INT_MAX);
		signals_reset();
	}
}

void
pager_print(FILE *out, const char *text, size_t len)
{
	const char *command = getenv("PAGER");

	if (command == NULL)
		command = "less";
	if (command[0] == '\0' || strcmp(command, "cat") == 0 ||
	    !is_too_long(out, text, len) || fflush(out) != 0 ||
	    !run(command, text, len))
		print(out, text, len);
}
