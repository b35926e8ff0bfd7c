/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The other end of a console for tests: a directory of its own with a
 * listening socket in it, and what a console says.
 */

#ifndef CR_TEST_PEER_H
#define CR_TEST_PEER_H

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tempdir.h"

/*
 * The longest that a test waits for something that is to come, ms: under
 * valgrind, on a machine that does much else, things take their time.
 */
#define PEER_PATIENCE_MS	60000

/* Two lines of 63 characters each. */
#define PEER_GREETING							\
	"Tarantool 2.6.0 (Lua console)                                  \n" \
	"type 'help' for interactive help                               \n"
#define PEER_GREETING_BINARY						\
	"Tarantool 2.6.0 (Binary) 4b3d8bbf-dd32-4b9c-a5fc-9cb51b1c1c26  \n" \
	"u9m6cKhVvXb9HcWpFvXhW2bZ0bFv9CkJ1wVY1mJbYqQ=                   \n"

/* Makes a directory and enters it, for a group of tests. */
static inline int
peer_enter_directory(void **state)
{
	char *dir = malloc(TEMP_SIZE);

	if (dir == NULL || mkdtemp(temp_template(dir)) == NULL || chdir(dir) == -1)
		return -1;
	*state = dir;
	return 0;
}

static inline int
peer_leave_directory(void **state)
{
	char command[TEMP_SIZE + 10];
	int result;

	if (chdir("/") == -1)
		return -1;
	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	result = system(command);
	free(*state);
	return result;
}

/* Listens on a short path.  Returns the descriptor. */
static inline int
peer_listen(const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	unlink(path);
	strlcpy(address.sun_path, path, sizeof(address.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&address,
	    sizeof(address)) == -1 || listen(fd, backlog) == -1) {
		perror(path);
		abort();
	}
	return fd;
}

/* Whether there is something to accept, to read or to be told soon. */
static inline int
peer_wait(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int result;

	do {
		result = poll(&pfd, 1, PEER_PATIENCE_MS);
	} while (result == -1 && errno == EINTR);
	return result == 1;
}

static inline int
peer_accept(int listener)
{
	return peer_wait(listener, POLLIN) ? accept(listener, NULL, NULL) : -1;
}

/* Sends all.  Returns -1 if the client has gone. */
static inline int
peer_send(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

#endif
