/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A connection sends lines of Lua to one instance and receives YAML documents.
 * The connection is a state machine: the caller polls conn_fd for conn_events,
 * calls conn_step, and handles the result.  The connection prints nothing and
 * does not parse YAML.
 *
 * A connection consists of a dialler (net/dial.h), a framer (net/framing.h) and
 * a protocol (net/protocol.h).  The greeting of the server (net/greeting.h)
 * selects the protocol, which callers never see.
 */

#ifndef CR_CONN_H
#define CR_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "net/framing.h"
#include "target/target.h"
#include "util/error.h"

/*
 * The time limit for the greeting, in milliseconds.  Tarantool sends its
 * greeting at once or never.
 */
#define CONN_GREETING_MS	3000

/* The maximum number of lines in the send queue. */
#define CONN_LINES_MAX		4

struct conn;

/*
 * A line in one or two pieces, without a newline.  The text protocol appends
 * the newline.
 */
struct conn_line {
	const char	*data;
	size_t		 len;
	const char	*rest;		/* the second piece, or NULL */
	size_t		 rest_len;
};

enum conn_event {
	CONN_WAIT,		/* nothing happened: poll again */
	/*
	 * The greeting has arrived.  Lines may now be queued, although
	 * CONN_READY is still to come.  Only the text protocol has this event.
	 */
	CONN_GREETED,
	CONN_READY,		/* the handshake is done */
	CONN_DOCUMENT,
	CONN_REFUSED,		/* the instance answered a line with an error */
	CONN_FAILED		/* the error is set: close the connection */
};

/*
 * Starts connecting to a target, which must outlive the connection.  The
 * connection fails at `deadline`, a clock_ms time in milliseconds, unless
 * conn_extend replaces the deadline.  Blocks only to resolve the host name of a
 * TCP target.  Returns NULL with an error if connecting fails at once.
 */
struct conn	*conn_open(const struct target *, int64_t deadline,
		    struct error *);

/* Closes and frees the connection, which may be NULL. */
void		 conn_close(struct conn *);

/*
 * Return the descriptor to poll, the events to poll for, and the clock_ms time
 * by which conn_step must be called.
 */
int		 conn_fd(const struct conn *);
short		 conn_events(const struct conn *);
int64_t		 conn_due(const struct conn *);

/*
 * Sends and receives as much as possible without blocking, and returns the next
 * event.  Call it at the time that conn_due returns, or earlier if poll(2)
 * reports the descriptor.  Then repeat the call until it returns CONN_WAIT or
 * CONN_FAILED, because several documents may have arrived together.  A document
 * is valid until the next call.
 */
enum conn_event	 conn_step(struct conn *, struct document *, struct error *);

/*
 * Queues a line; allowed only after CONN_GREETED or CONN_READY.  Does not copy
 * the bytes, because many connections may send the same line.  The bytes must
 * stay valid until they are sent or the connection is closed.  Returns 0, or -1
 * with an error if CONN_LINES_MAX lines are already queued.
 */
int		 conn_send(struct conn *, const struct conn_line *,
		    struct error *);

/* Whether all queued bytes have been written to the socket. */
int		 conn_has_sent(const struct conn *);

/*
 * Replaces the deadline of the connection.  CLOCK_FOREVER removes it.  Allowed
 * only after CONN_READY.
 */
void		 conn_extend(struct conn *, int64_t deadline);

/*
 * Returns the Tarantool version in the greeting, such as "2.6.0".  Returns ""
 * before the greeting arrives.  Also returns "" for the temporary server that
 * Cartridge runs before box.cfg is called.
 */
const char	*conn_version(const struct conn *);

#endif
