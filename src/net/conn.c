/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* memmem */

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/conn.h"
#include "net/dial.h"
#include "net/greeting.h"
#include "net/protocol.h"
#include "util/clock.h"

/*
 * The limits on reading in one step, so that a fast peer cannot starve other
 * connections.
 */
#define READ_SIZE	((size_t)64 * 1024)
#define READS_PER_STEP	16

/* The capacity of the send queue: the handshake and CONN_LINES_MAX lines. */
#define PACKETS_MAX	(CONN_LINES_MAX + 1)

enum conn_state { CONNECTING, GREETING, HANDSHAKING, READY };

struct conn {
	const struct target	*target;
	enum conn_state	 state;
	int			 fd;
	int64_t			 opened;
	int64_t			 greeted_from;	/* when the socket connected */
	int64_t			 deadline;
	int64_t			 due;		/* deadline for this state */
	/* Whether the final read, the one after the deadline, has begun. */
	int			 final_read;

	struct dial		 dial;		/* used in state CONNECTING */

	struct greeting		 greeting;
	const struct protocol	*protocol;	/* NULL before the greeting */
	struct protocol_state	 protocol_state;

	struct framer		 framer;
	struct packet		 out[PACKETS_MAX]; /* send queue: ring buffer */
	size_t			 out_first;
	size_t			 out_count;
	int			 has_handshake; /* the handshake is queued */
	int			 is_awaiting;	/* a reply is outstanding */
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
		error_set(error, ERROR_OUT_OF_MEMORY, "calloc: %s",
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
	free(conn->protocol_state.push);
	free(conn);
}

/* Returns the number of queued packets that may be sent now. */
static size_t
sendable(const struct conn *conn)
{
	if (conn->out_count == 0 || !conn->protocol->one_at_a_time)
		return conn->out_count;
	return conn->is_awaiting ? 0 : 1;
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
	return sendable(conn) > 0 ? POLLIN | POLLOUT : POLLIN;
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

/* Appends an empty packet to the send queue, which must have room. */
static struct packet *
next_packet(struct conn *conn)
{
	struct packet *packet;

	packet = &conn->out[(conn->out_first + conn->out_count++) %
	    PACKETS_MAX];
	memset(packet, 0, sizeof(*packet));
	return packet;
}

static enum conn_event
not_a_tarantool(const struct conn *conn, struct error *error)
{
	static const char http[] = "HTTP/";
	int is_http = conn->greeting.len >= sizeof(http) - 1 &&
	    memcmp(conn->greeting.data, http, sizeof(http) - 1) == 0;

	error_set(error, ERROR_NOT_A_CONSOLE,
	    "not a Tarantool server (%s)", is_http ? "an HTTP port" :
	    "unrecognised greeting");
	return CONN_FAILED;
}

/*
 * Checks the received part of the greeting.  If the greeting is complete,
 * selects the protocol and queues the handshake.
 */
static enum conn_event
check_greeting(struct conn *conn, struct error *error)
{
	switch (greeting_check(&conn->greeting)) {
	case GREETING_INCOMPLETE:
		return CONN_WAIT;
	case GREETING_FOREIGN:
		return not_a_tarantool(conn, error);
	case GREETING_BINARY:
		conn->protocol = &protocol_iproto;
		break;
	case GREETING_CONSOLE:
		conn->protocol = &protocol_text;
		break;
	}
	conn->state = HANDSHAKING;
	conn->due = conn->deadline;
	conn->protocol_state.target = conn->target;
	conn->protocol_state.greeting = &conn->greeting;
	conn->has_handshake = 1;
	if (conn->protocol->handshake(&conn->protocol_state,
	    next_packet(conn), error) == -1)
		return CONN_FAILED;
	return conn->protocol->one_at_a_time ? CONN_WAIT : CONN_GREETED;
}

static enum conn_event
no_greeting(struct conn *conn, struct error *error)
{
	conn->greeting.version[0] = '\0';
	/*
	 * Report the same error whether the time limit for the greeting or the
	 * deadline of the connection has passed.
	 */
	error_set_transient(error, ERROR_NO_GREETING,
	    "connected, but received no greeting within %g s: %s",
	    clock_seconds(conn->greeted_from, conn->due),
	    conn->target->kind == TARGET_UNIX ?
	    "the instance is hung or busy, or the socket does not belong to "
	    "Tarantool" :
	    "the instance is hung or busy, or the port does not belong to "
	    "Tarantool (HTTP and TLS servers wait for the client to speak "
	    "first; TLS is not supported)");
	return CONN_FAILED;
}

static enum conn_event
step_greeting(struct conn *conn, int64_t now, struct error *error)
{
	enum conn_event event = CONN_WAIT;
	ssize_t len;

	/* Do not read beyond the greeting: later bytes belong to the framer. */
	do {
		len = recv(conn->fd, conn->greeting.data + conn->greeting.len,
		    GREETING_SIZE - conn->greeting.len, 0);
	} while (len == -1 && errno == EINTR);
	if (len > 0) {
		conn->greeting.len += (size_t)len;
		event = check_greeting(conn, error);
	} else if (len == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
		error_set_transient(error, ERROR_CLOSED_BEFORE_GREETING,
		    "connection closed before the greeting: "
		    "the instance refused the connection or is stopping");
		return CONN_FAILED;
	}
	if (conn->state == GREETING && event == CONN_WAIT && now >= conn->due)
		return no_greeting(conn, error);
	return event;
}

/* Removes the first `len` bytes, which have been sent, from the queue. */
static void
forget_sent(struct conn *conn, size_t len)
{
	struct packet *packet;
	struct iovec *piece;
	size_t part;

	while (conn->out_count > 0) {
		packet = &conn->out[conn->out_first];
		while (packet->first < packet->count) {
			piece = &packet->pieces[packet->first];
			part = len < piece->iov_len ? len : piece->iov_len;
			piece->iov_base = (char *)piece->iov_base + part;
			piece->iov_len -= part;
			len -= part;
			if (piece->iov_len > 0)
				return;
			packet->first++;
		}
		conn->out_first = (conn->out_first + 1) % PACKETS_MAX;
		conn->out_count--;
		conn->has_handshake = 0;
		conn->is_awaiting = 1;
		if (conn->protocol->one_at_a_time)
			return;
	}
}

/* Fills `pieces` with the memory to send.  Returns the number of pieces. */
static size_t
gather(const struct conn *conn, struct iovec *pieces)
{
	const struct packet *packet;
	size_t i, k, count = 0;

	for (i = 0; i < sendable(conn); i++) {
		packet = &conn->out[(conn->out_first + i) % PACKETS_MAX];
		for (k = packet->first; k < packet->count; k++)
			pieces[count++] = packet->pieces[k];
	}
	return count;
}

/* Sends as many bytes as the kernel accepts. */
static void
flush(struct conn *conn)
{
	struct iovec pieces[PACKETS_MAX * PACKET_PIECES];
	struct msghdr message;
	ssize_t len;

	while (conn->out_error == 0 && sendable(conn) > 0) {
		memset(&message, 0, sizeof(message));
		message.msg_iov = pieces;
		message.msg_iovlen = gather(conn, pieces);
		len = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
		if (len >= 0)
			forget_sent(conn, (size_t)len);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			/*
			 * Only store the error: read_some reports it once all
			 * received data is read.
			 */
			conn->out_error = errno;
	}
}

/*
 * Sets the error for a closed connection.  The exchange or session replaces it
 * with an error that says whether the whole request was sent.
 */
static enum conn_event
fail_closed(const struct conn *conn, int code, struct error *error)
{
	if (code == 0 || code == ECONNRESET || code == EPIPE)
		error_set(error, ERROR_CLOSED_EARLY,
		    "connection closed by the instance");
	else
		error_set(error, ERROR_CLOSED_EARLY,
		    "connection lost: %s", strerror(code));
	/*
	 * Until the handshake is done, callers send only read-only requests,
	 * so a retry is safe.
	 */
	error->transient = conn->state == HANDSHAKING;
	return CONN_FAILED;
}

/*
 * Reads once from the socket.  Returns 1 if data was read, 0 if none is
 * available, or -1 with an error.
 */
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
			return error_set(error, ERROR_REPLY_TOO_LARGE,
			    "the reply is larger than %zu MiB",
			    FRAMER_DOCUMENT_MAX / 1024 / 1024);
		if (errno == EDQUOT)
			return error_set(error, ERROR_REPLY_TOO_LARGE,
			    "the replies being received exceed %zu MiB in "
			    "total",
			    FRAMER_TOTAL_MAX / 1024 / 1024);
		return error_set(error, ERROR_NO_MEMORY_FOR_REPLY,
		    "not enough memory for the reply");
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
		error_set_transient(error, ERROR_DEADLINE,
		    "the %s did not answer within %g s: %s",
		    conn->protocol->peer, seconds, conn->protocol->advice);
	else
		error_set(error, ERROR_DEADLINE,
		    "no reply within %g s", seconds);
	return CONN_FAILED;
}

/* Decodes the next message.  Returns CONN_WAIT if it is incomplete. */
static enum conn_event
next_message(struct conn *conn, struct document *doc, struct error *error)
{
	switch (conn->protocol->decode(&conn->protocol_state, &conn->framer,
	    doc, error)) {
	case MESSAGE_NONE:
		break;
	case MESSAGE_ACCEPTED:
		conn->is_awaiting = 0;
		conn->state = READY;
		return CONN_READY;
	case MESSAGE_DOCUMENT:
		conn->is_awaiting = doc->is_push;
		return CONN_DOCUMENT;
	case MESSAGE_REFUSED:
		conn->is_awaiting = 0;
		return CONN_REFUSED;
	case MESSAGE_INVALID:
		return CONN_FAILED;
	}
	return CONN_WAIT;
}

/*
 * Sends, then reads until an event occurs, no data is left, or the limit for
 * one step is reached.
 */
static enum conn_event
transfer(struct conn *conn, int64_t now, struct document *doc,
    struct error *error)
{
	enum conn_event event;
	int i, more;

	flush(conn);
	if ((event = next_message(conn, doc, error)) != CONN_WAIT)
		return event;
	/*
	 * Read once more after the deadline: the reply may have arrived in time
	 * while this process was suspended.
	 */
	if (conn->final_read)
		return fail_deadline(conn, error);
	conn->final_read = now >= conn->deadline;
	for (i = 0, more = 1; i < READS_PER_STEP && more; i++) {
		if ((more = read_some(conn, error)) == -1)
			return CONN_FAILED;
		if (more && (event = next_message(conn, doc, error)) !=
		    CONN_WAIT)
			return event;
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
	return transfer(conn, now, doc, error);
}

int
conn_send(struct conn *conn, const struct conn_line *line,
    struct error *error)
{
	size_t lines = conn->out_count - (conn->has_handshake ? 1 : 0);

	if (lines == CONN_LINES_MAX)
		return error_set(error, ERROR_LOCAL,
		    "the send queue is full");
	conn->protocol->encode(&conn->protocol_state, line,
	    next_packet(conn));
	return 0;
}

int
conn_has_sent(const struct conn *conn)
{
	return conn->out_count == 0;
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
	static const char nobody[] = " 00000000-0000-0000-0000-000000000000";

	/*
	 * Until box.cfg is called, Cartridge's own server (remote-control)
	 * listens on the binary port.  Its greeting contains this UUID and a
	 * fixed version, 1.10, which is not the version of Tarantool.
	 */
	if (conn->protocol == &protocol_iproto && memmem(conn->greeting.data,
	    GREETING_LINE_SIZE, nobody, sizeof(nobody) - 1) != NULL)
		return "";
	return conn->greeting.version;
}
