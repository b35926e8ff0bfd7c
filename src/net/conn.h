/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The connection to one admin console: a state machine that never blocks,
 * prints nothing and knows no YAML.  The caller polls console_fd for
 * console_events, calls console_step, and does what it returns.
 */

#ifndef CR_CONN_H
#define CR_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "target/target.h"
#include "net/framing.h"

#define CONSOLE_GREETING_SIZE	128
/* A console greets at once or not at all, milliseconds. */
#define CONSOLE_GREETING_MS	3000
/* A deadline that never comes. */
#define CONSOLE_FOREVER		INT64_MAX

struct console;

enum console_event {
	CONSOLE_WAIT,		/* nothing yet: poll again */
	CONSOLE_GREETED,	/* a text console: console_send may be called */
	CONSOLE_DOCUMENT,	/* a document was received, and is passed on */
	CONSOLE_FAILED		/* the error says why; only close is left */
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
struct console	*console_open(const struct target *, int64_t deadline,
		    struct error *);

/* Closes the connection and frees the console; NULL is fine. */
void		 console_close(struct console *);

/* What to poll, for which events, and until when (clock_ms) at the latest. */
int		 console_fd(const struct console *);
short		 console_events(const struct console *);
int64_t		 console_due(const struct console *);

/*
 * Goes on as far as possible without blocking; to be called when poll says so
 * or when console_due has come.  A document is valid until the next call with
 * the same console.  Call again at once after CONSOLE_DOCUMENT: more of them
 * may have come together.
 */
enum console_event console_step(struct console *, struct wire_document *,
		    struct error *);

/*
 * Queue the beginning of a line, and the rest of it without its newline, to be
 * sent.  The bytes are not copied and must stay until the console is closed, as
 * many consoles may be sent the same.  They must not contain a newline.  Return
 * 0, or -1 with an error if too many pieces are waiting.
 */
int		 console_put(struct console *, const char *data, size_t len,
		    struct error *);
int		 console_send(struct console *, const char *line, size_t len,
		    struct error *);

/*
 * After the greeting: when all must be over, instead of what was said before;
 * CONSOLE_FOREVER for never.
 */
void		 console_extend(struct console *, int64_t deadline);

/* The Tarantool version of the greeting, such as "2.6.0"; "" before it. */
const char	*console_version(const struct console *);

#endif
