/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A connection to one instance: sends lines and receives documents.  It is a
 * state machine that never blocks, prints nothing and does not parse YAML.  The
 * caller polls conn_fd for conn_events, calls conn_step, and handles its
 * result.
 *
 * A connection combines dialling (net/dial.h), framing (net/framing.h) and a
 * protocol (net/protocol.h), which the greeting (net/greeting.h) selects.
 * Callers use only this interface and never see the protocol.
 */

#ifndef CR_CONN_H
#define CR_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "net/framing.h"
#include "target/target.h"
#include "util/error.h"

/* Time limit for the greeting: a console sends it at once or never. */
#define CONN_GREETING_MS	3000

/* The maximum number of queued lines. */
#define CONN_LINES_MAX		4

struct conn;

/*
 * A line, in one or two pieces.  The pieces contain no newline: the text
 * protocol appends one to the line.
 */
struct conn_line {
	const char	*data;
	size_t		 len;
	const char	*rest;		/* second piece, or NULL */
	size_t		 rest_len;
};

enum conn_event {
	CONN_WAIT,		/* nothing happened: poll again */
	CONN_GREETED,		/* lines may be queued before CONN_READY
				   (text protocol only) */
	CONN_READY,		/* the handshake is done */
	CONN_DOCUMENT,		/* a document was received */
	CONN_REFUSED,		/* the instance answered a line with an error */
	CONN_FAILED		/* the error is set: close the connection */
};

/*
 * Starts connecting.  The connection fails at the time `deadline`, in
 * milliseconds of clock_ms, unless conn_extend sets another deadline.  Blocks
 * only to resolve the host name of a TCP target.  Returns NULL with an error if
 * connecting fails at once.  The target must outlive the connection.
 */
struct conn	*conn_open(const struct target *, int64_t deadline,
		    struct error *);

/* Closes and frees the connection, which may be NULL. */
void		 conn_close(struct conn *);

/*
 * Return the descriptor and events to poll, and the time by which conn_step
 * must be called.
 */
int		 conn_fd(const struct conn *);
short		 conn_events(const struct conn *);
int64_t		 conn_due(const struct conn *);

/*
 * Advances as far as possible without blocking.  Call it when poll(2) reports
 * the descriptor or when the time of conn_due has come.  Unless it returns
 * CONN_WAIT, call it again at once, because several documents may have arrived
 * together.  A document is valid until the next call.
 */
enum conn_event	 conn_step(struct conn *, struct document *, struct error *);

/*
 * Queues a line; allowed only after CONN_GREETED or CONN_READY.  The bytes are
 * not copied, because many connections may send the same line: they must stay
 * valid until the connection is closed.  Returns 0, or -1 with an error if
 * CONN_LINES_MAX lines are already queued.
 */
int		 conn_send(struct conn *, const struct conn_line *,
		    struct error *);

/* Whether all queued bytes have been written to the socket. */
int		 conn_has_sent(const struct conn *);

/*
 * Replaces the deadline; CLOCK_FOREVER removes it.  Allowed only after
 * CONN_READY.
 */
void		 conn_extend(struct conn *, int64_t deadline);

/*
 * Returns the Tarantool version in the greeting, such as "2.6.0".  Returns ""
 * if no greeting has arrived, or if it comes from the server that Cartridge
 * runs until box.cfg is called.
 */
const char	*conn_version(const struct conn *);

#endif
