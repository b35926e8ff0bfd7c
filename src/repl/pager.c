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
#include "util/environment.h"
#include "util/signals.h"
#include "util/utf8.h"

/*
 * The lowest exit status with which sh(1) reports that it cannot run a command.
 */
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
		} else if (!utf8_continues(text[i])) {
			width++;
		}
	}
	return rows + (width + columns - 1) / columns;
}

/* Whether to show the text in the pager (see pager_print). */
static int
is_too_long(FILE *out, const char *text, size_t len)
{
	struct winsize size;

	if (!isatty(fileno(out)) || !isatty(STDIN_FILENO) ||
	    ioctl(fileno(out), TIOCGWINSZ, &size) == -1 || size.ws_row == 0 ||
	    size.ws_col == 0)
		return 0;
	/* The console's prompt needs a row as well. */
	return pager_rows(text, len, size.ws_col) >= size.ws_row;
}

/* Starts the pager.  Returns a descriptor for writing to it, or -1. */
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
	/*
	 * This process ignores SIGPIPE, and the pager would inherit that.
	 * Restore the default action.
	 */
	signal(SIGPIPE, SIG_DFL);
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	close(fds[1]);
	/*
	 * Use the same defaults as git.  With FRX, less(1) passes colours
	 * through, does not clear the screen, and quits if the text fits on one
	 * screen.
	 */
	setenv("LESS", "FRX", 0);
	setenv("LV", "-c", 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(EXIT_NOT_FOUND);
}

/*
 * Handles a signal that has arrived while the pager is running.  Ignores
 * SIGINT, which the terminal also sends to the pager.  Ends the pager after
 * SIGTERM or SIGHUP.
 */
static void
pass_on(pid_t pid)
{
	if (signals_terminating())
		kill(pid, SIGTERM);
	signals_reset();
}

/*
 * Runs the pager and waits until it ends.  Returns 0 if the pager could not be
 * executed, otherwise 1.
 */
static int
run_pager(const char *command, const char *text, size_t len)
{
	pid_t pid, ended;
	ssize_t done;
	int fd, status;

	if ((fd = start(command, &pid)) == -1)
		return 0;
	/*
	 * Let signals interrupt the write when the pager has stopped reading.
	 */
	signals_break_calls(1);
	/*
	 * Any error ends the loop, for example EPIPE after the user has quit
	 * the pager.
	 */
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
 * Writes text to a terminal, which may be slow.  Stops early once
 * signals_count() reaches `interrupts`.  Returns the number of bytes written,
 * or -1.
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

/*
 * Prints text without a pager.  Uses write(2) at a terminal, because stdio
 * treats EINTR as an error and loses data.
 */
static void
print(FILE *out, const char *text, size_t len)
{
	static const char reset[] = "\033[0m", mark[] = "^C\n";
	int fd = fileno(out);
	ssize_t done;

	if (!isatty(fd) || fflush(out) != 0 ||
	    (done = write_until(fd, text, len, 1)) == -1) {
		/*
		 * After a failed write(2), fwrite(3) fails as well and sets the
		 * error flag of the stream.
		 */
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
	const char *command = env_get(ENV_PAGER);

	if (command == NULL)
		command = "less";
	if (command[0] == '\0' || strcmp(command, "cat") == 0 ||
	    !is_too_long(out, text, len) || fflush(out) != 0 ||
	    !run_pager(command, text, len))
		print(out, text, len);
}
