/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The connection to one admin console: a state machine that never blocks,
 * prints nothing and knows no YAML.  The caller polls conn_fd for
 * conn_events, calls conn_step, and does what it returns.
 */

#ifndef CR_CONN_H
#define CR_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "target/target.h"
#include "net/framing.h"

#define CONN_GREETING_SIZE	128
/* A console greets at once or not at all, milliseconds. */
#define CONN_GREETING_MS	3000
/* A deadline that never comes. */
#define CLOCK_FOREVER		INT64_MAX

struct conn;

enum conn_event {
	CONN_WAIT,		/* nothing yet: poll again */
	CONN_GREETED,	/* a text console: conn_send may be called */
	CONN_DOCUMENT,	/* a document was received, and is passed on */
	CONN_FAILED		/* the error says why; only close is left */
};

/* Milliseconds of the monotonic clock. */
int64_t		 clock_ms(void);

/* The seconds between two of these times, rounded as people say them. */
double		 clock_seconds(int64_t from, int64_t until);

/*
 * Starts to connect; `deadline` is when all must be over, in milliseconds of
 * clock_ms.  Resolving the name of a TCP host is the one thing that blocks.
 * A unix path of any length works.  Returns NULL with an error if the
 * connection fails at once.  The target must outlive the console.
 */
struct conn	*conn_open(const struct target *, int64_t deadline,
		    struct error *);

/* Closes the connection and frees the console; NULL is fine. */
void		 conn_close(struct conn *);

/* What to poll, for which events, and until when (clock_ms) at the latest. */
int		 conn_fd(const struct conn *);
short		 conn_events(const struct conn *);
int64_t		 conn_due(const struct conn *);

/*
 * Goes on as far as possible without blocking; to be called when poll says so
 * or when conn_due has come.  A document is valid until the next call with
 * the same console.  Call again at once after CONN_DOCUMENT: more of them
 * may have come together.
 */
enum conn_event conn_step(struct conn *, struct document *,
		    struct error *);

/*
 * Queue the beginning of a line, and the rest of it without its newline, to be
 * sent.  The bytes are not copied and must stay until the console is closed, as
 * many consoles may be sent the same.  They must not contain a newline.  Return
 * 0, or -1 with an error if too many pieces are waiting.
 */
int		 conn_put(struct conn *, const char *data, size_t len,
		    struct error *);
int		 conn_send(struct conn *, const char *line, size_t len,
		    struct error *);

/*
 * After the greeting: when all must be over, instead of what was said before;
 * CLOCK_FOREVER for never.
 */
void		 conn_extend(struct conn *, int64_t deadline);

/* The Tarantool version of the greeting, such as "2.6.0"; "" before it. */
const char	*conn_version(const struct conn *);

#endif
