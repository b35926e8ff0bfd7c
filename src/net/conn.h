/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The connection to one instance: lines in, documents out.  A state machine
 * that never blocks, prints nothing and knows no YAML.  The caller polls conn_fd
 * for conn_events, calls conn_step, and does what it returns.
 *
 * Below are the socket (net/dial.h) and the framing (net/framing.h); greeting
 * and handshake are here.  Nothing above sees more of the protocol of the text
 * console than this interface, so another protocol can stand behind it.
 */

#ifndef CR_CONN_H
#define CR_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "net/framing.h"
#include "target/target.h"
#include "util/error.h"

#define CONN_GREETING_SIZE	128
/* A console greets at once or not at all, milliseconds. */
#define CONN_GREETING_MS	3000

struct conn;

enum conn_event {
	CONN_WAIT,		/* nothing yet: poll again */
	CONN_GREETED,		/* lines may be queued behind the handshake */
	CONN_READY,		/* the handshake is done */
	CONN_DOCUMENT,		/* a document was received, and is passed on */
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
 * Queue the beginning of a line, and the rest of it without its newline, to be
 * sent; only once it is greeted.  The bytes are not copied and must stay until
 * the connection is closed, as many may be sent the same.  They must not
 * contain a newline.  Return 0, or -1 with an error if too many pieces are
 * waiting.
 */
int		 conn_put(struct conn *, const char *data, size_t len,
		    struct error *);
int		 conn_send(struct conn *, const char *line, size_t len,
		    struct error *);

/*
 * Sets when all must be over, instead of what was said before; CLOCK_FOREVER
 * for never.  Only once it is greeted.
 */
void		 conn_extend(struct conn *, int64_t deadline);

/* The Tarantool version of the greeting, such as "2.6.0"; "" before it. */
const char	*conn_version(const struct conn *);

#endif
