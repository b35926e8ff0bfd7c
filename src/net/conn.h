/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The connection to one instance: lines in, documents out.  A state machine
 * that never blocks, prints nothing and knows no YAML.  The caller polls conn_fd
 * for conn_events, calls conn_step, and does what it returns.
 *
 * Below are the socket (net/dial.h), the framing (net/framing.h) and the
 * protocol (net/protocol.h), which the greeting (net/greeting.h) tells.  Nothing
 * above sees more of a protocol than this interface.
 */

#ifndef CR_CONN_H
#define CR_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "net/framing.h"
#include "target/target.h"
#include "util/error.h"

/* A console greets at once or not at all, milliseconds. */
#define CONN_GREETING_MS	3000

/* Lines that may wait to be sent at a time. */
#define CONN_LINES_MAX		4

struct conn;

/* A line without its newline, in one piece or two.  It contains no newline. */
struct conn_line {
	const char	*data;
	size_t		 len;
	const char	*rest;		/* what follows, or NULL */
	size_t		 rest_len;
};

enum conn_event {
	CONN_WAIT,		/* nothing yet: poll again */
	CONN_GREETED,		/* lines may be queued behind the handshake;
				   not all protocols have it */
	CONN_READY,		/* the handshake is done */
	CONN_DOCUMENT,		/* a document was received, and is passed on */
	CONN_REFUSED,		/* the instance answered a line with an error */
	CONN_FAILED		/* the error says why; only close is left */
};

/*
 * Starts to connect; `deadline` is when all must be over, in milliseconds of
 * clock_ms.  Blocks only to resolve the name of a TCP host.  Returns NULL with
 * an error if the connection fails at once.  The target must outlive it.
 */
struct conn	*conn_open(const struct target *, int64_t deadline,
		    struct error *);

/* Closes the connection and frees it; NULL is fine. */
void		 conn_close(struct conn *);

/* What to poll, for which events, and until when (clock_ms) at the latest. */
int		 conn_fd(const struct conn *);
short		 conn_events(const struct conn *);
int64_t		 conn_due(const struct conn *);

/*
 * Goes on as far as possible without blocking; to be called when poll says so
 * or when conn_due has come.  A document is valid until the next call with the
 * same connection.  Call again at once after anything but CONN_WAIT: more
 * documents may have come together.
 */
enum conn_event	 conn_step(struct conn *, struct document *, struct error *);

/*
 * Queues a line to be sent; only once it is greeted or ready.  Its bytes are not copied
 * and must stay until the connection is closed, as many connections may be sent
 * the same.  Returns 0, or -1 with an error if CONN_LINES_MAX are waiting.
 */
int		 conn_send(struct conn *, const struct conn_line *,
		    struct error *);

/* Whether everything that was queued has been written to the socket. */
int		 conn_has_sent(const struct conn *);

/*
 * Sets when all must be over, instead of what was said before; CLOCK_FOREVER
 * for never.  Only once it is ready.
 */
void		 conn_extend(struct conn *, int64_t deadline);

/*
 * The Tarantool version of the greeting, such as "2.6.0"; "" before it, or if
 * the greeting is that of a program in front of Tarantool.
 */
const char	*conn_version(const struct conn *);

#endif
