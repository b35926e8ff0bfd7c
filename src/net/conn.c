/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* O_PATH, struct ucred */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/conn.h"
#include "util/owner.h"

#define LINE_SIZE	64	/* of the greeting, which has two */
#define VERSION_SIZE	32

/* What one step reads, so that a fast peer leaves time for the others. */
#define READ_SIZE	((size_t)64 * 1024)
#define READS_PER_STEP	16

/* Pieces that wait to be sent: two lines of up to three are enough. */
#define PIECES_MAX	8

static const char greeting_start[] = "Tarantool ";

enum conn_state { CONNECTING, GREETING, READY };

struct conn {
	const struct target	*target;
	enum conn_state	 state;
	int			 fd;
	int64_t			 opened;
	int64_t			 greeted_from;	/* connected since */
	int64_t			 deadline;
	int64_t			 due;		/* of this state */
	int			 late;		/* had its last chance */

	struct addrinfo		*addresses;	/* of a TCP host */
	const struct addrinfo	*address;	/* the one being tried */

	char			 greeting[CONN_GREETING_SIZE];
	size_t			 greeting_len;
	char			 version[VERSION_SIZE];

	struct framer		 framer;
	struct iovec		 out[PIECES_MAX]; /* to be sent; not owned */
	size_t			 out_first;
	size_t			 out_count;	/* with those before it */
	int			 out_error;	/* errno of a failed send */
};

int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

double
clock_seconds(int64_t from, int64_t until)
{
	int64_t ms = until > from ? until - from : 0, unit;

	/* A few of them pass before the time is looked at. */
	unit = ms < 1000 ? 10 : 50;
	ms = (ms + unit / 2) / unit * unit;
	return (double)ms / 1000.0;
}

/* Whether a system call failed for lack of something on our side. */
static int
is_local(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOBUFS ||
	    code == ENOMEM;
}

static int
local_error(struct error *error, const char *what)
{
	return error_set(error, OUTCOME_USAGE,
	    errno == ENOMEM ? "out_of_memory" : "local_error", "%s: %s",
	    what, strerror(errno));
}

static int
unix_connect_error(const char *path, int code, struct error *error)
{
	struct stat st;

	switch (code) {
	case ENOENT:
		return error_set_transient(error, OUTCOME_UNREACHABLE,
		    "no_socket", "no such socket: "
		    "the instance is not running, or its socket is elsewhere");
	case ECONNREFUSED:
		/* The kernel says the same of what is no socket at all. */
		if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
			return error_set(error, OUTCOME_UNREACHABLE,
			    "not_a_socket", "%s, not a socket",
			    S_ISDIR(st.st_mode) ? "a directory" :
			    S_ISREG(st.st_mode) ? "a regular file" :
			    "a special file");
		return error_set_transient(error, OUTCOME_UNREACHABLE,
		    "refused", "connection refused: "
		    "nobody listens on the socket");
	case EACCES:
	case EPERM:
		return error_set(error, OUTCOME_UNREACHABLE, "no_permission",
		    "permission denied: "
		    "connect as the owner of the socket, or as root");
	case EAGAIN:
		return error_set_transient(error, OUTCOME_UNREACHABLE, "busy",
		    "the instance does not accept connections: "
		    "its queue of connections is full");
	default:
		return error_set(error, OUTCOME_UNREACHABLE, "unreachable",
		    "cannot connect: %s", strerror(code));
	}
}

/*
 * Connects to a path that does not fit a socket address: through a descriptor
 * of the socket file, whose name under /proc is short.
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
		return error_set(error, OUTCOME_USAGE, "local_error",
		    "the path is longer than %zu bytes, and there is no /proc "
		    "to connect through", sizeof(address.sun_path) - 1);
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

static void
begin_greeting(struct conn *conn)
{
	conn->state = GREETING;
	conn->greeted_from = clock_ms();
	conn->due = conn->greeted_from + CONN_GREETING_MS;
	if (conn->due > conn->deadline)
		conn->due = conn->deadline;
}

/*
 * Checks that a socket which we have found ourselves is served by somebody who
 * may: the Lua of a request is not for everybody who can make a file.
 */
static int
check_peer(const struct conn *conn, struct error *error)
{
	const struct target *target = conn->target;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	char name[64];

	if (!target->is_found)
		return 0;
	if (getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &peer,
	    &len) == -1)
		return local_error(error, "getsockopt");
	if (owner_is_trusted(peer.uid) || peer.uid == target->owner)
		return 0;
	return error_set(error, OUTCOME_UNREACHABLE, "wrong_owner",
	    "the process behind the socket belongs to another user, %s: "
	    "run this as that user, or give the socket with --socket",
	    owner_name(peer.uid, name, sizeof(name)));
}

static int
open_unix(struct conn *conn, struct error *error)
{
	conn->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (conn->fd == -1)
		return local_error(error, "socket");
	if (connect_path(conn->fd, conn->target->path, error) == -1 ||
	    check_peer(conn, error) == -1)
		return -1;
	begin_greeting(conn);
	return 0;
}

static int
resolve(struct conn *conn, struct error *error)
{
	const struct target *target = conn->target;
	struct addrinfo hints;
	int result;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV;
	result = getaddrinfo(target->host, target->port, &hints,
	    &conn->addresses);
	if (result == 0)
		return 0;
	conn->addresses = NULL;
	if (result == EAI_MEMORY)
		return error_out_of_memory(error);
	error_set(error, OUTCOME_UNREACHABLE, "name_resolution",
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
		return error_set_transient(error, OUTCOME_UNREACHABLE,
		    "refused", "connection refused: "
		    "nobody listens on the port");
	case ECONNABORTED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return error_set_transient(error, OUTCOME_UNREACHABLE,
		    "unreachable", "cannot connect: %s", strerror(code));
	default:
		return error_set(error, OUTCOME_UNREACHABLE, "unreachable",
		    "cannot connect: %s", strerror(code));
	}
}

static void
close_socket(struct conn *conn)
{
	if (conn->fd != -1)
		close(conn->fd);
	conn->fd = -1;
}

/*
 * Starts to connect to the next address of the host that can be tried.
 * Returns -1 with the error of the last one if there is none left.
 */
static int
try_address(struct conn *conn, const struct addrinfo *address,
    struct error *error)
{
	const struct addrinfo *left;
	int64_t now, share;
	int one = 1, result = -1;

	for (; address != NULL; address = address->ai_next) {
		close_socket(conn);
		conn->address = address;
		conn->fd = socket(address->ai_family, SOCK_STREAM |
		    SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
		if (conn->fd == -1) {
			result = is_local(errno) ?
			    local_error(error, "socket") :
			    tcp_connect_error(errno, error);
			continue;
		}
		/* The request is a long line and is to leave at once. */
		setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		if (connect(conn->fd, address->ai_addr,
		    address->ai_addrlen) == -1 && errno != EINPROGRESS &&
		    errno != EINTR) {
			result = tcp_connect_error(errno, error);
			continue;
		}
		/* A silent address must not take the time of the others. */
		share = 0;
		for (left = address; left != NULL; left = left->ai_next)
			share++;
		now = clock_ms();
		conn->state = CONNECTING;
		conn->due = conn->deadline <= now ? conn->deadline :
		    now + (conn->deadline - now + share - 1) / share;
		return 0;
	}
	return result;
}

struct conn *
conn_open(const struct target *target, int64_t deadline,
    struct error *error)
{
	struct conn *conn;
	int result;

	if ((conn = calloc(1, sizeof(*conn))) == NULL) {
		local_error(error, "calloc");
		return NULL;
	}
	conn->target = target;
	conn->fd = -1;
	conn->opened = clock_ms();
	conn->deadline = deadline;
	framer_init(&conn->framer);
	if (target->kind == TARGET_UNIX)
		result = open_unix(conn, error);
	else if ((result = resolve(conn, error)) == 0)
		result = try_address(conn, conn->addresses, error);
	if (result == -1) {
		conn_close(conn);
		return NULL;
	}
	return conn;
}

void
conn_close(struct conn *conn)
{
	if (conn == NULL)
		return;
	close_socket(conn);
	if (conn->addresses != NULL)
		freeaddrinfo(conn->addresses);
	framer_finish(&conn->framer);
	free(conn);
}

int
conn_fd(const struct conn *conn)
{
	return conn->fd;
}

short
conn_events(const struct conn *conn)
{
	if (conn->state == CONNECTING)
		return POLLOUT;
	return conn->out_first < conn->out_count ? POLLIN | POLLOUT :
	    POLLIN;
}

int64_t
conn_due(const struct conn *conn)
{
	return conn->due;
}

static enum conn_event
fail_deadline(const struct conn *conn, const char *what,
    struct error *error)
{
	error_set(error, OUTCOME_TIMEOUT, "deadline", "no %s within %g s",
	    what, clock_seconds(conn->opened, conn->deadline));
	return CONN_FAILED;
}

static enum conn_event
step_connecting(struct conn *conn, int64_t now, struct error *error)
{
	struct pollfd pfd = { .fd = conn->fd, .events = POLLOUT };
	socklen_t len;
	int code;

	if (poll(&pfd, 1, 0) <= 0) {
		if (now < conn->due)
			return CONN_WAIT;
		if (now >= conn->deadline) {
			fail_deadline(conn, "connection", error);
			error->transient = 1;
			return CONN_FAILED;
		}
		code = ETIMEDOUT;
	} else {
		len = sizeof(code);
		if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &code,
		    &len) == -1)
			code = errno;
	}
	if (code == 0) {
		begin_greeting(conn);
		return CONN_WAIT;
	}
	tcp_connect_error(code, error);
	if (conn->address->ai_next == NULL ||
	    try_address(conn, conn->address->ai_next, error) == -1)
		return CONN_FAILED;
	return CONN_WAIT;
}

static enum conn_event
not_a_console(struct error *error)
{
	error_set(error, OUTCOME_UNREACHABLE, "not_a_console",
	    "not a Tarantool console: the greeting is not understood");
	return CONN_FAILED;
}

/* Reads the version out of the first line, as far as it can be one. */
static int
read_version(struct conn *conn, const char *line)
{
	const char *p;
	size_t len;

	/* The name of the product may have more than one word. */
	for (p = strchr(line, ' '); p != NULL; p = strchr(p, ' ')) {
		p++;
		if (!isdigit((unsigned char)p[0]))
			continue;
		len = strspn(p, "0123456789."
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-");
		if (p[len] != ' ' || len >= sizeof(conn->version))
			return -1;
		memcpy(conn->version, p, len);
		conn->version[len] = '\0';
		return 0;
	}
	return -1;
}

/* Looks at what there is of the greeting: done, more needed, or wrong. */
static enum conn_event
check_greeting(struct conn *conn, struct error *error)
{
	size_t len = conn->greeting_len;
	size_t start_len = sizeof(greeting_start) - 1;
	char line[LINE_SIZE];

	/* Who greets otherwise may never send as much as we would wait for. */
	if (memcmp(conn->greeting, greeting_start,
	    len < start_len ? len : start_len) != 0)
		return not_a_console(error);
	if (len < LINE_SIZE)
		return CONN_WAIT;
	memcpy(line, conn->greeting, LINE_SIZE);
	if (line[LINE_SIZE - 1] != '\n')
		return not_a_console(error);
	line[LINE_SIZE - 1] = '\0';
	if (strstr(line, " (Binary)") != NULL) {
		error_set(error, OUTCOME_UNREACHABLE, "binary_port",
		    "a binary (iproto) port, not a text console");
		return CONN_FAILED;
	}
	if (strstr(line, " (Lua console)") == NULL ||
	    read_version(conn, line) == -1)
		return not_a_console(error);
	if (len < CONN_GREETING_SIZE)
		return CONN_WAIT;
	if (conn->greeting[CONN_GREETING_SIZE - 1] != '\n')
		return not_a_console(error);
	conn->state = READY;
	conn->due = conn->deadline;
	return CONN_GREETED;
}

static enum conn_event
no_greeting(struct conn *conn, struct error *error)
{
	conn->version[0] = '\0';
	/* The same whichever limit comes first: what is wrong is the same. */
	error_set_transient(error, OUTCOME_UNREACHABLE, "no_greeting",
	    "connected, but no greeting within %g s: %s",
	    clock_seconds(conn->greeted_from, conn->due),
	    conn->target->kind == TARGET_UNIX ?
	    "the instance hangs or is busy, or the socket is none of Tarantool" :
	    "the instance hangs or is busy, or the port is none of Tarantool "
	    "(an HTTP port waits for a request)");
	return CONN_FAILED;
}

static enum conn_event
step_greeting(struct conn *conn, int64_t now, struct error *error)
{
	enum conn_event event = CONN_WAIT;
	ssize_t len;

	/* Not a byte more: what comes after it is framed. */
	do {
		len = recv(conn->fd,
		    conn->greeting + conn->greeting_len,
		    CONN_GREETING_SIZE - conn->greeting_len, 0);
	} while (len == -1 && errno == EINTR);
	if (len > 0) {
		conn->greeting_len += (size_t)len;
		event = check_greeting(conn, error);
	} else if (len == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
		error_set_transient(error, OUTCOME_UNREACHABLE,
		    "closed_before_greeting",
		    "connection closed before the greeting: "
		    "the instance refused it, or is stopping");
		return CONN_FAILED;
	}
	if (event == CONN_WAIT && now >= conn->due)
		return no_greeting(conn, error);
	return event;
}

/* Takes what was sent off the queue. */
static void
forget_sent(struct conn *conn, size_t len)
{
	struct iovec *piece;
	size_t part;

	while (conn->out_first < conn->out_count) {
		piece = &conn->out[conn->out_first];
		part = len < piece->iov_len ? len : piece->iov_len;
		piece->iov_base = (char *)piece->iov_base + part;
		piece->iov_len -= part;
		len -= part;
		if (piece->iov_len > 0)
			return;
		conn->out_first++;
	}
	conn->out_first = conn->out_count = 0;
}

/* Sends as much as the kernel takes. */
static void
flush(struct conn *conn)
{
	struct msghdr message;
	ssize_t len;

	while (conn->out_error == 0 &&
	    conn->out_first < conn->out_count) {
		memset(&message, 0, sizeof(message));
		message.msg_iov = &conn->out[conn->out_first];
		message.msg_iovlen = conn->out_count - conn->out_first;
		len = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
		if (len >= 0)
			forget_sent(conn, (size_t)len);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			/* The reading side tells what happened. */
			conn->out_error = errno;
	}
}

/* Whether everything that was queued has left is for the session to say. */
static enum conn_event
fail_closed(int code, struct error *error)
{
	if (code == 0 || code == ECONNRESET || code == EPIPE)
		error_set(error, OUTCOME_UNREACHABLE, "closed",
		    "connection closed by the instance");
	else
		error_set(error, OUTCOME_UNREACHABLE, "closed",
		    "connection lost: %s", strerror(code));
	return CONN_FAILED;
}

/* Reads once.  Returns 1 if there may be more, 0 if not now, -1 on failure. */
static int
read_some(struct conn *conn, struct error *error)
{
	size_t want = READ_SIZE, left;
	ssize_t len;
	char *room;

	left = FRAMER_DOCUMENT_MAX - framer_pending(&conn->framer);
	if (left < want)
		want = left > 0 ? left : 1;
	if ((room = framer_reserve(&conn->framer, want)) == NULL) {
		if (errno == EMSGSIZE)
			return error_set(error, OUTCOME_PROTOCOL,
			    "reply_too_large",
			    "the reply is larger than %zu MiB",
			    FRAMER_DOCUMENT_MAX / 1024 / 1024);
		if (errno == EDQUOT)
			return error_set(error, OUTCOME_PROTOCOL,
			    "reply_too_large",
			    "the replies of all instances that are being "
			    "received are larger than %zu MiB together",
			    FRAMER_TOTAL_MAX / 1024 / 1024);
		return error_set(error, OUTCOME_PROTOCOL, "out_of_memory",
		    "out of memory for the reply");
	}
	do {
		len = recv(conn->fd, room, want, 0);
	} while (len == -1 && errno == EINTR);
	if (len > 0) {
		framer_commit(&conn->framer, (size_t)len);
		return 1;
	}
	if (len == 0) {
		fail_closed(conn->out_error, error);
		return -1;
	}
	if (errno != EAGAIN && errno != EWOULDBLOCK) {
		fail_closed(errno, error);
		return -1;
	}
	if (conn->out_error != 0) {
		fail_closed(conn->out_error, error);
		return -1;
	}
	return 0;
}

static enum conn_event
step_ready(struct conn *conn, int64_t now, struct document *doc,
    struct error *error)
{
	int i, more;

	flush(conn);
	if (framer_next(&conn->framer, doc))
		return CONN_DOCUMENT;
	/*
	 * What had come before the deadline is still read after it, once: the
	 * reply may be waiting if it was us who slept.
	 */
	if (conn->late)
		return fail_deadline(conn, "reply", error);
	conn->late = now >= conn->deadline;
	for (i = 0, more = 1; i < READS_PER_STEP && more; i++) {
		if ((more = read_some(conn, error)) == -1)
			return CONN_FAILED;
		if (more && framer_next(&conn->framer, doc))
			return CONN_DOCUMENT;
	}
	if (conn->late)
		return fail_deadline(conn, "reply", error);
	return CONN_WAIT;
}

enum conn_event
conn_step(struct conn *conn, struct document *doc,
    struct error *error)
{
	enum conn_event event = CONN_WAIT;
	int64_t now = clock_ms();

	if (conn->state == CONNECTING)
		event = step_connecting(conn, now, error);
	if (conn->state == GREETING && event == CONN_WAIT)
		event = step_greeting(conn, now, error);
	else if (conn->state == READY && event == CONN_WAIT)
		event = step_ready(conn, now, doc, error);
	return event;
}

int
conn_put(struct conn *conn, const char *data, size_t len,
    struct error *error)
{
	struct iovec *piece;

	if (conn->out_count == PIECES_MAX)
		return error_set(error, OUTCOME_USAGE, "local_error",
		    "too much is waiting to be sent");
	piece = &conn->out[conn->out_count++];
	/* Nothing is written through it. */
	piece->iov_base = (void *)(uintptr_t)data;
	piece->iov_len = len;
	return 0;
}

int
conn_send(struct conn *conn, const char *line, size_t len,
    struct error *error)
{
	if (conn_put(conn, line, len, error) == -1)
		return -1;
	return conn_put(conn, "\n", 1, error);
}

void
conn_extend(struct conn *conn, int64_t deadline)
{
	conn->deadline = conn->due = deadline;
	conn->late = 0;
}

const char *
conn_version(const struct conn *conn)
{
	return conn->version;
}
