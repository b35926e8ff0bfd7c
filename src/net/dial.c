/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* for O_PATH and struct ucred */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/dial.h"
#include "util/clock.h"
#include "util/owner.h"

/* Whether an errno value means that this machine has run out of a resource. */
static int
is_local(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOBUFS ||
	    code == ENOMEM;
}

static int
local_error(struct error *error, const char *what)
{
	return error_set(error, errno == ENOMEM ?
	    ERROR_OUT_OF_MEMORY : ERROR_LOCAL, "%s: %s",
	    what, strerror(errno));
}

static int
unix_connect_error(const char *path, int code, struct error *error)
{
	struct stat st;

	switch (code) {
	case ENOENT:
		return error_set_transient(error, ERROR_NO_SOCKET,
		    "no such socket: "
		    "the instance is not running, or its socket is elsewhere");
	case ECONNREFUSED:
		/*
		 * connect(2) also fails with ECONNREFUSED if the file is not a
		 * socket.
		 */
		if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
			return error_set(error, ERROR_NOT_A_SOCKET,
			    "the path is %s, not a socket",
			    S_ISDIR(st.st_mode) ? "a directory" :
			    S_ISREG(st.st_mode) ? "a regular file" :
			    "a special file");
		return error_set_transient(error, ERROR_REFUSED,
		    "connection refused: "
		    "no process is listening on the socket");
	case EACCES:
	case EPERM:
		return error_set(error, ERROR_NO_PERMISSION,
		    "permission denied; run as the socket's owner or as root");
	case EAGAIN:
		return error_set_transient(error, ERROR_BUSY,
		    "the instance does not accept connections: "
		    "its listen backlog is full");
	default:
		return error_set(error, ERROR_UNREACHABLE,
		    "cannot connect: %s", strerror(code));
	}
}

/*
 * Connects to a socket whose path is too long for a socket address.  Opens the
 * file with O_PATH and connects to its short name in /proc/self/fd.
 */
static int
connect_long_path(int fd, const char *path, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int code, file, result;

	if ((file = open(path, O_PATH | O_CLOEXEC)) == -1) {
		return is_local(errno) ? local_error(error, "open") :
		    unix_connect_error(path, errno, error);
	}
	snprintf(address.sun_path, sizeof(address.sun_path),
	    "/proc/self/fd/%d", file);
	result = connect(fd, (struct sockaddr *)&address, sizeof(address));
	code = errno;
	close(file);
	if (result == 0)
		return 0;
	if (code == ENOENT)
		return error_set(error, ERROR_LOCAL,
		    "the path is longer than %zu bytes, so connecting to it "
		    "requires /proc", sizeof(address.sun_path) - 1);
	return unix_connect_error(path, code, error);
}

static int
connect_path(int fd, const char *path, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
	    sizeof(address.sun_path))
		return connect_long_path(fd, path, error);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		return unix_connect_error(path, errno, error);
	return 0;
}

/*
 * Checks that a socket found by discovery is served by a trusted user or by the
 * owner of the socket's directory.  Without this check, any user who can create
 * files in that directory could receive the request.
 */
static int
check_peer(const struct dial *dial, struct error *error)
{
	const struct target *target = dial->target;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	char name[64];

	if (!target->is_found)
		return 0;
	if (getsockopt(dial->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return local_error(error, "getsockopt");
	if (owner_is_trusted(peer.uid) || peer.uid == target->owner)
		return 0;
	return error_set(error, ERROR_WRONG_OWNER,
	    "the process listening on the socket belongs to another user (%s); "
	    "run as that user, or specify the socket with --socket",
	    owner_name(peer.uid, name, sizeof(name)));
}

static int
open_unix(struct dial *dial, struct error *error)
{
	dial->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (dial->fd == -1)
		return local_error(error, "socket");
	if (connect_path(dial->fd, dial->target->path, error) == -1 ||
	    check_peer(dial, error) == -1)
		return -1;
	return 0;
}

static int
resolve(struct dial *dial, struct error *error)
{
	const struct target *target = dial->target;
	struct addrinfo hints;
	int result;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV;
	result = getaddrinfo(target->host, target->port, &hints,
	    &dial->addresses);
	if (result == 0)
		return 0;
	dial->addresses = NULL;
	if (result == EAI_MEMORY)
		return error_out_of_memory(error);
	error_set(error, ERROR_NAME_RESOLUTION,
	    "cannot resolve the host name: %s", result == EAI_SYSTEM ?
	    strerror(errno) : gai_strerror(result));
	error->transient = result == EAI_AGAIN || result == EAI_SYSTEM;
	return -1;
}

static int
tcp_connect_error(int code, struct error *error)
{
	switch (code) {
	case ECONNREFUSED:
		return error_set_transient(error, ERROR_REFUSED,
		    "connection refused: "
		    "no process is listening on the port");
	case ECONNABORTED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return error_set_transient(error, ERROR_UNREACHABLE,
		    "cannot connect: %s", strerror(code));
	default:
		return error_set(error, ERROR_UNREACHABLE,
		    "cannot connect: %s", strerror(code));
	}
}

static void
close_socket(struct dial *dial)
{
	if (dial->fd != -1)
		close(dial->fd);
	dial->fd = -1;
}

/*
 * Starts connecting to the first usable address in a list.  Returns 0, or -1
 * with the last error if no address is usable.
 */
static int
try_address(struct dial *dial, const struct addrinfo *address,
    struct error *error)
{
	const struct addrinfo *left;
	int64_t now, share;
	int one = 1, result = -1;

	for (; address != NULL; address = address->ai_next) {
		close_socket(dial);
		dial->address = address;
		dial->fd = socket(address->ai_family, SOCK_STREAM |
		    SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
		if (dial->fd == -1) {
			result = is_local(errno) ?
			    local_error(error, "socket") :
			    tcp_connect_error(errno, error);
			continue;
		}
		/*
		 * Disable Nagle's algorithm, which could delay the end of the
		 * request.
		 */
		setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		if (connect(dial->fd, address->ai_addr,
		    address->ai_addrlen) == -1 && errno != EINPROGRESS &&
		    errno != EINTR) {
			result = tcp_connect_error(errno, error);
			continue;
		}
		/*
		 * Divide the remaining time among the remaining addresses, so
		 * that an unresponsive address cannot use all of it.
		 */
		share = 0;
		for (left = address; left != NULL; left = left->ai_next)
			share++;
		now = clock_ms();
		dial->due = dial->deadline <= now ? dial->deadline :
		    now + (dial->deadline - now + share - 1) / share;
		return 0;
	}
	return result;
}

enum dial_state
dial_begin(struct dial *dial, const struct target *target, int64_t deadline,
    struct error *error)
{
	int result;

	memset(dial, 0, sizeof(*dial));
	dial->target = target;
	dial->fd = -1;
	dial->began = clock_ms();
	dial->deadline = dial->due = deadline;
	if (target->kind == TARGET_UNIX)
		return open_unix(dial, error) == -1 ? DIAL_FAILED :
		    DIAL_CONNECTED;
	result = resolve(dial, error);
	if (result == 0)
		result = try_address(dial, dial->addresses, error);
	return result == -1 ? DIAL_FAILED : DIAL_WAIT;
}

enum dial_state
dial_step(struct dial *dial, struct error *error)
{
	struct pollfd pfd = { .fd = dial->fd, .events = POLLOUT };
	int64_t now = clock_ms();
	socklen_t len;
	int code;

	if (poll(&pfd, 1, 0) <= 0) {
		if (now < dial->due)
			return DIAL_WAIT;
		if (now >= dial->deadline) {
			error_set_transient(error, ERROR_DEADLINE,
			    "could not connect within %g s",
			    clock_seconds(dial->began, dial->deadline));
			return DIAL_FAILED;
		}
		code = ETIMEDOUT;
	} else {
		len = sizeof(code);
		if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &code,
		    &len) == -1)
			code = errno;
	}
	if (code == 0)
		return DIAL_CONNECTED;
	tcp_connect_error(code, error);
	if (dial->address->ai_next == NULL ||
	    try_address(dial, dial->address->ai_next, error) == -1)
		return DIAL_FAILED;
	return DIAL_WAIT;
}

int
dial_take(struct dial *dial)
{
	int fd = dial->fd;

	dial->fd = -1;
	return fd;
}

void
dial_finish(struct dial *dial)
{
	close_socket(dial);
	if (dial->addresses != NULL)
		freeaddrinfo(dial->addresses);
	dial->addresses = NULL;
}
