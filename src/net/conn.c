/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/conn.h"
#include "net/dial.h"
#include "util/clock.h"

#define LINE_SIZE	64	/* of the greeting, which has two */
#define VERSION_SIZE	32

/*
 * The first line that any console is sent: whatever the default output of the
 * instance is, that of this session can be read then.
 */
#define HANDSHAKE	"\\set output yaml"
#define HANDSHAKE_REPLY	"---\n- true\n...\n"

/* What one step reads, so that a fast peer leaves time for the others. */
#define READ_SIZE	((size_t)64 * 1024)
#define READS_PER_STEP	16

/* Pieces that wait to be sent: two lines of up to three are enough. */
#define PIECES_MAX	8

static const char greeting_start[] = "Tarantool ";

enum conn_state { CONNECTING, GREETING, HANDSHAKING, READY };

struct conn {
	const struct target	*target;
	enum conn_state	 state;
	int			 fd;
	int64_t			 opened;
	int64_t			 greeted_from;	/* connected since */
	int64_t			 deadline;
	int64_t			 due;		/* of this state */
	int			 final_read;	/* late, one was granted */

	struct dial		 dial;		/* until it is connected */

	char			 greeting[CONN_GREETING_SIZE];
	size_t			 greeting_len;
	char			 version[VERSION_SIZE];

	struct framer		 framer;
	struct iovec		 out[PIECES_MAX]; /* to be sent; not owned */
	size_t			 out_first;
	size_t			 out_count;	/* with those before it */
	int			 out_error;	/* errno of a failed send */
};

static void
begin_greeting(struct conn *conn)
{
	conn->fd = dial_take(&conn->dial);
	dial_finish(&conn->dial);
	conn->state = GREETING;
	conn->greeted_from = clock_ms();
	conn->due = conn->greeted_from + CONN_GREETING_MS;
	if (conn->due > conn->deadline)
		conn->due = conn->deadline;
}

struct conn *
conn_open(const struct target *target, int64_t deadline, struct error *error)
{
	struct conn *conn;

	if ((conn = calloc(1, sizeof(*conn))) == NULL) {
		error_set(error, OUTCOME_USAGE, "out_of_memory", "calloc: %s",
		    strerror(errno));
		return NULL;
	}
	conn->target = target;
	conn->fd = -1;
	conn->opened = clock_ms();
	conn->deadline = deadline;
	framer_init(&conn->framer);
	switch (dial_begin(&conn->dial, target, deadline, error)) {
	case DIAL_WAIT:
		break;
	case DIAL_CONNECTED:
		begin_greeting(conn);
		break;
	case DIAL_FAILED:
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
	dial_finish(&conn->dial);
	if (conn->fd != -1)
		close(conn->fd);
	framer_finish(&conn->framer);
	free(conn);
}

int
conn_fd(const struct conn *conn)
{
	return conn->state == CONNECTING ? conn->dial.fd : conn->fd;
}

short
conn_events(const struct conn *conn)
{
	if (conn->state == CONNECTING)
		return POLLOUT;
	return conn->out_first < conn->out_count ? POLLIN | POLLOUT : POLLIN;
}

int64_t
conn_due(const struct conn *conn)
{
	return conn->state == CONNECTING ? conn->dial.due : conn->due;
}

static enum conn_event
step_connecting(struct conn *conn, struct error *error)
{
	switch (dial_step(&conn->dial, error)) {
	case DIAL_CONNECTED:
		begin_greeting(conn);
		return CONN_WAIT;
	case DIAL_WAIT:
		return CONN_WAIT;
	default:
		return CONN_FAILED;
	}
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

	/*
	 * Compare prefixes: a peer that is not Tarantool may never send all
	 * the bytes of a greeting.
	 */
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
	conn->state = HANDSHAKING;
	conn->due = conn->deadline;
	if (conn_send(conn, HANDSHAKE, sizeof(HANDSHAKE) - 1, error) == -1)
		return CONN_FAILED;
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

/* Whether everything that was queued has been sent is for the caller to say. */
static enum conn_event
fail_closed(const struct conn *conn, int code, struct error *error)
{
	if (code == 0 || code == ECONNRESET || code == EPIPE)
		error_set(error, OUTCOME_UNREACHABLE, "closed",
		    "connection closed by the instance");
	else
		error_set(error, OUTCOME_UNREACHABLE, "closed",
		    "connection lost: %s", strerror(code));
	/* Until the handshake is answered nothing has run in the instance. */
	error->transient = conn->state == HANDSHAKING;
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
		fail_closed(conn, conn->out_error, error);
		return -1;
	}
	if (errno != EAGAIN && errno != EWOULDBLOCK) {
		fail_closed(conn, errno, error);
		return -1;
	}
	if (conn->out_error != 0) {
		fail_closed(conn, conn->out_error, error);
		return -1;
	}
	return 0;
}

static enum conn_event
fail_deadline(const struct conn *conn, struct error *error)
{
	double seconds = clock_seconds(conn->opened, conn->deadline);

	if (conn->state == HANDSHAKING)
		error_set_transient(error, OUTCOME_TIMEOUT, "deadline",
		    "the console did not answer within %g s: the "
		    "instance is busy, or --timeout is too short", seconds);
	else
		error_set(error, OUTCOME_TIMEOUT, "deadline",
		    "no reply within %g s", seconds);
	return CONN_FAILED;
}

static enum conn_event
check_handshake(struct conn *conn, const struct document *doc,
    struct error *error)
{
	char text[200];
	size_t i;

	if (doc->len == sizeof(HANDSHAKE_REPLY) - 1 &&
	    memcmp(doc->data, HANDSHAKE_REPLY, doc->len) == 0) {
		conn->state = READY;
		return CONN_READY;
	}
	for (i = 0; i < doc->len && i < sizeof(text) - 1; i++)
		text[i] = isspace((unsigned char)doc->data[i]) ? ' ' :
		    doc->data[i] == '\0' ? '?' : doc->data[i];
	text[i] = '\0';
	error_set(error, OUTCOME_PROTOCOL, "bad_handshake",
	    "the console did not take YAML as its format: %s", text);
	return CONN_FAILED;
}

/* Sends and reads until there is a document. */
static enum conn_event
transfer(struct conn *conn, int64_t now, struct document *doc,
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
	if (conn->final_read)
		return fail_deadline(conn, error);
	conn->final_read = now >= conn->deadline;
	for (i = 0, more = 1; i < READS_PER_STEP && more; i++) {
		if ((more = read_some(conn, error)) == -1)
			return CONN_FAILED;
		if (more && framer_next(&conn->framer, doc))
			return CONN_DOCUMENT;
	}
	if (conn->final_read)
		return fail_deadline(conn, error);
	return CONN_WAIT;
}

enum conn_event
conn_step(struct conn *conn, struct document *doc, struct error *error)
{
	enum conn_event event = CONN_WAIT;
	int64_t now = clock_ms();

	if (conn->state == CONNECTING)
		event = step_connecting(conn, error);
	if (event != CONN_WAIT || conn->state == CONNECTING)
		return event;
	if (conn->state == GREETING)
		return step_greeting(conn, now, error);
	event = transfer(conn, now, doc, error);
	if (event == CONN_DOCUMENT && conn->state == HANDSHAKING)
		event = check_handshake(conn, doc, error);
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
	conn->final_read = 0;
}

const char *
conn_version(const struct conn *conn)
{
	return conn->version;
}
