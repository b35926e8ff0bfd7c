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

enum console_state { CONNECTING, GREETING, READY };

struct console {
	const struct target	*target;
	enum console_state	 state;
	int			 fd;
	int64_t			 opened;
	int64_t			 greeted_from;	/* connected since */
	int64_t			 deadline;
	int64_t			 due;		/* of this state */
	int			 late;		/* had its last chance */

	struct addrinfo		*addresses;	/* of a TCP host */
	const struct addrinfo	*address;	/* the one being tried */

	char			 greeting[CONSOLE_GREETING_SIZE];
	size_t			 greeting_len;
	char			 version[VERSION_SIZE];

	struct wire		 wire;
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
begin_greeting(struct console *console)
{
	console->state = GREETING;
	console->greeted_from = clock_ms();
	console->due = console->greeted_from + CONSOLE_GREETING_MS;
	if (console->due > console->deadline)
		console->due = console->deadline;
}

/*
 * Checks that a socket which we have found ourselves is served by somebody who
 * may: the Lua of a request is not for everybody who can make a file.
 */
static int
check_peer(const struct console *console, struct error *error)
{
	const struct target *target = console->target;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	char name[64];

	if (!target->is_found)
		return 0;
	if (getsockopt(console->fd, SOL_SOCKET, SO_PEERCRED, &peer,
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
open_unix(struct console *console, struct error *error)
{
	console->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (console->fd == -1)
		return local_error(error, "socket");
	if (connect_path(console->fd, console->target->path, error) == -1 ||
	    check_peer(console, error) == -1)
		return -1;
	begin_greeting(console);
	return 0;
}

static int
resolve(struct console *console, struct error *error)
{
	const struct target *target = console->target;
	struct addrinfo hints;
	int result;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV;
	result = getaddrinfo(target->host, target->port, &hints,
	    &console->addresses);
	if (result == 0)
		return 0;
	console->addresses = NULL;
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
close_socket(struct console *console)
{
	if (console->fd != -1)
		close(console->fd);
	console->fd = -1;
}

/*
 * Starts to connect to the next address of the host that can be tried.
 * Returns -1 with the error of the last one if there is none left.
 */
static int
try_address(struct console *console, const struct addrinfo *address,
    struct error *error)
{
	const struct addrinfo *left;
	int64_t now, share;
	int one = 1, result = -1;

	for (; address != NULL; address = address->ai_next) {
		close_socket(console);
		console->address = address;
		console->fd = socket(address->ai_family, SOCK_STREAM |
		    SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
		if (console->fd == -1) {
			result = is_local(errno) ?
			    local_error(error, "socket") :
			    tcp_connect_error(errno, error);
			continue;
		}
		/* The request is a long line and is to leave at once. */
		setsockopt(console->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		if (connect(console->fd, address->ai_addr,
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
		console->state = CONNECTING;
		console->due = console->deadline <= now ? console->deadline :
		    now + (console->deadline - now + share - 1) / share;
		return 0;
	}
	return result;
}

struct console *
console_open(const struct target *target, int64_t deadline,
    struct error *error)
{
	struct console *console;
	int result;

	if ((console = calloc(1, sizeof(*console))) == NULL) {
		local_error(error, "calloc");
		return NULL;
	}
	console->target = target;
	console->fd = -1;
	console->opened = clock_ms();
	console->deadline = deadline;
	wire_init(&console->wire);
	if (target->kind == TARGET_UNIX)
		result = open_unix(console, error);
	else if ((result = resolve(console, error)) == 0)
		result = try_address(console, console->addresses, error);
	if (result == -1) {
		console_close(console);
		return NULL;
	}
	return console;
}

void
console_close(struct console *console)
{
	if (console == NULL)
		return;
	close_socket(console);
	if (console->addresses != NULL)
		freeaddrinfo(console->addresses);
	wire_finish(&console->wire);
	free(console);
}

int
console_fd(const struct console *console)
{
	return console->fd;
}

short
console_events(const struct console *console)
{
	if (console->state == CONNECTING)
		return POLLOUT;
	return console->out_first < console->out_count ? POLLIN | POLLOUT :
	    POLLIN;
}

int64_t
console_due(const struct console *console)
{
	return console->due;
}

static enum console_event
fail_deadline(const struct console *console, const char *what,
    struct error *error)
{
	error_set(error, OUTCOME_TIMEOUT, "deadline", "no %s within %g s",
	    what, clock_seconds(console->opened, console->deadline));
	return CONSOLE_FAILED;
}

static enum console_event
step_connecting(struct console *console, int64_t now, struct error *error)
{
	struct pollfd pfd = { .fd = console->fd, .events = POLLOUT };
	socklen_t len;
	int code;

	if (poll(&pfd, 1, 0) <= 0) {
		if (now < console->due)
			return CONSOLE_WAIT;
		if (now >= console->deadline) {
			fail_deadline(console, "connection", error);
			error->transient = 1;
			return CONSOLE_FAILED;
		}
		code = ETIMEDOUT;
	} else {
		len = sizeof(code);
		if (getsockopt(console->fd, SOL_SOCKET, SO_ERROR, &code,
		    &len) == -1)
			code = errno;
	}
	if (code == 0) {
		begin_greeting(console);
		return CONSOLE_WAIT;
	}
	tcp_connect_error(code, error);
	if (console->address->ai_next == NULL ||
	    try_address(console, console->address->ai_next, error) == -1)
		return CONSOLE_FAILED;
	return CONSOLE_WAIT;
}

static enum console_event
not_a_console(struct error *error)
{
	error_set(error, OUTCOME_UNREACHABLE, "not_a_console",
	    "not a Tarantool console: the greeting is not understood");
	return CONSOLE_FAILED;
}

/* Reads the version out of the first line, as far as it can be one. */
static int
read_version(struct console *console, const char *line)
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
		if (p[len] != ' ' || len >= sizeof(console->version))
			return -1;
		memcpy(console->version, p, len);
		console->version[len] = '\0';
		return 0;
	}
	return -1;
}

/* Looks at what there is of the greeting: done, more needed, or wrong. */
static enum console_event
check_greeting(struct console *console, struct error *error)
{
	size_t len = console->greeting_len;
	size_t start_len = sizeof(greeting_start) - 1;
	char line[LINE_SIZE];

	/* Who greets otherwise may never send as much as we would wait for. */
	if (memcmp(console->greeting, greeting_start,
	    len < start_len ? len : start_len) != 0)
		return not_a_console(error);
	if (len < LINE_SIZE)
		return CONSOLE_WAIT;
	memcpy(line, console->greeting, LINE_SIZE);
	if (line[LINE_SIZE - 1] != '\n')
		return not_a_console(error);
	line[LINE_SIZE - 1] = '\0';
	if (strstr(line, " (Binary)") != NULL) {
		error_set(error, OUTCOME_UNREACHABLE, "binary_port",
		    "a binary (iproto) port, not a text console");
		return CONSOLE_FAILED;
	}
	if (strstr(line, " (Lua console)") == NULL ||
	    read_version(console, line) == -1)
		return not_a_console(error);
	if (len < CONSOLE_GREETING_SIZE)
		return CONSOLE_WAIT;
	if (console->greeting[CONSOLE_GREETING_SIZE - 1] != '\n')
		return not_a_console(error);
	console->state = READY;
	console->due = console->deadline;
	return CONSOLE_GREETED;
}

static enum console_event
no_greeting(struct console *console, struct error *error)
{
	console->version[0] = '\0';
	/* The same whichever limit comes first: what is wrong is the same. */
	error_set_transient(error, OUTCOME_UNREACHABLE, "no_greeting",
	    "connected, but no greeting within %g s: %s",
	    clock_seconds(console->greeted_from, console->due),
	    console->target->kind == TARGET_UNIX ?
	    "the instance hangs or is busy, or the socket is none of Tarantool" :
	    "the instance hangs or is busy, or the port is none of Tarantool "
	    "(an HTTP port waits for a request)");
	return CONSOLE_FAILED;
}

static enum console_event
step_greeting(struct console *console, int64_t now, struct error *error)
{
	enum console_event event = CONSOLE_WAIT;
	ssize_t len;

	/* Not a byte more: what comes after it belongs to the wire. */
	do {
		len = recv(console->fd,
		    console->greeting + console->greeting_len,
		    CONSOLE_GREETING_SIZE - console->greeting_len, 0);
	} while (len == -1 && errno == EINTR);
	if (len > 0) {
		console->greeting_len += (size_t)len;
		event = check_greeting(console, error);
	} else if (len == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
		error_set_transient(error, OUTCOME_UNREACHABLE,
		    "closed_before_greeting",
		    "connection closed before the greeting: "
		    "the instance refused it, or is stopping");
		return CONSOLE_FAILED;
	}
	if (event == CONSOLE_WAIT && now >= console->due)
		return no_greeting(console, error);
	return event;
}

/* Takes what was sent off the queue. */
static void
forget_sent(struct console *console, size_t len)
{
	struct iovec *piece;
	size_t part;

	while (console->out_first < console->out_count) {
		piece = &console->out[console->out_first];
		part = len < piece->iov_len ? len : piece->iov_len;
		piece->iov_base = (char *)piece->iov_base + part;
		piece->iov_len -= part;
		len -= part;
		if (piece->iov_len > 0)
			return;
		console->out_first++;
	}
	console->out_first = console->out_count = 0;
}

/* Sends as much as the kernel takes. */
static void
flush(struct console *console)
{
	struct msghdr message;
	ssize_t len;

	while (console->out_error == 0 &&
	    console->out_first < console->out_count) {
		memset(&message, 0, sizeof(message));
		message.msg_iov = &console->out[console->out_first];
		message.msg_iovlen = console->out_count - console->out_first;
		len = sendmsg(console->fd, &message, MSG_NOSIGNAL);
		if (len >= 0)
			forget_sent(console, (size_t)len);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			/* The reading side tells what happened. */
			console->out_error = errno;
	}
}

/* Whether everything that was queued has left is for the session to say. */
static enum console_event
fail_closed(int code, struct error *error)
{
	if (code == 0 || code == ECONNRESET || code == EPIPE)
		error_set(error, OUTCOME_UNREACHABLE, "closed",
		    "connection closed by the instance");
	else
		error_set(error, OUTCOME_UNREACHABLE, "closed",
		    "connection lost: %s", strerror(code));
	return CONSOLE_FAILED;
}

/* Reads once.  Returns 1 if there may be more, 0 if not now, -1 on failure. */
static int
read_some(struct console *console, struct error *error)
{
	size_t want = READ_SIZE, left;
	ssize_t len;
	char *room;

	left = WIRE_DOCUMENT_MAX - wire_pending(&console->wire);
	if (left < want)
		want = left > 0 ? left : 1;
	if ((room = wire_room(&console->wire, want)) == NULL) {
		if (errno == EMSGSIZE)
			return error_set(error, OUTCOME_PROTOCOL,
			    "reply_too_large",
			    "the reply is larger than %zu MiB",
			    WIRE_DOCUMENT_MAX / 1024 / 1024);
		if (errno == EDQUOT)
			return error_set(error, OUTCOME_PROTOCOL,
			    "reply_too_large",
			    "the replies of all instances that are being "
			    "received are larger than %zu MiB together",
			    WIRE_TOTAL_MAX / 1024 / 1024);
		return error_set(error, OUTCOME_PROTOCOL, "out_of_memory",
		    "out of memory for the reply");
	}
	do {
		len = recv(console->fd, room, want, 0);
	} while (len == -1 && errno == EINTR);
	if (len > 0) {
		wire_put(&console->wire, (size_t)len);
		return 1;
	}
	if (len == 0) {
		fail_closed(console->out_error, error);
		return -1;
	}
	if (errno != EAGAIN && errno != EWOULDBLOCK) {
		fail_closed(errno, error);
		return -1;
	}
	if (console->out_error != 0) {
		fail_closed(console->out_error, error);
		return -1;
	}
	return 0;
}

static enum console_event
step_ready(struct console *console, int64_t now, struct wire_document *doc,
    struct error *error)
{
	int i, more;

	flush(console);
	if (wire_next(&console->wire, doc))
		return CONSOLE_DOCUMENT;
	/*
	 * What had come before the deadline is still read after it, once: the
	 * reply may be waiting if it was us who slept.
	 */
	if (console->late)
		return fail_deadline(console, "reply", error);
	console->late = now >= console->deadline;
	for (i = 0, more = 1; i < READS_PER_STEP && more; i++) {
		if ((more = read_some(console, error)) == -1)
			return CONSOLE_FAILED;
		if (more && wire_next(&console->wire, doc))
			return CONSOLE_DOCUMENT;
	}
	if (console->late)
		return fail_deadline(console, "reply", error);
	return CONSOLE_WAIT;
}

enum console_event
console_step(struct console *console, struct wire_document *doc,
    struct error *error)
{
	enum console_event event = CONSOLE_WAIT;
	int64_t now = clock_ms();

	if (console->state == CONNECTING)
		event = step_connecting(console, now, error);
	if (console->state == GREETING && event == CONSOLE_WAIT)
		event = step_greeting(console, now, error);
	else if (console->state == READY && event == CONSOLE_WAIT)
		event = step_ready(console, now, doc, error);
	return event;
}

int
console_put(struct console *console, const char *data, size_t len,
    struct error *error)
{
	struct iovec *piece;

	if (console->out_count == PIECES_MAX)
		return error_set(error, OUTCOME_USAGE, "local_error",
		    "too much is waiting to be sent");
	piece = &console->out[console->out_count++];
	/* Nothing is written through it. */
	piece->iov_base = (void *)(uintptr_t)data;
	piece->iov_len = len;
	return 0;
}

int
console_send(struct console *console, const char *line, size_t len,
    struct error *error)
{
	if (console_put(console, line, len, error) == -1)
		return -1;
	return console_put(console, "\n", 1, error);
}

void
console_extend(struct console *console, int64_t deadline)
{
	console->deadline = console->due = deadline;
	console->late = 0;
}

const char *
console_version(const struct console *console)
{
	return console->version;
}
