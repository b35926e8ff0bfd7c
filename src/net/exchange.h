/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * One request to one instance, from connecting to the final reply: greeting,
 * `\set output yaml`, the request, push messages, the reply.  A state machine
 * on top of the console, so that one poll loop can serve many.
 */

#ifndef CR_EXCHANGE_H
#define CR_EXCHANGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "net/conn.h"
#include "util/error.h"
#include "target/target.h"

struct session;

enum session_state { SESSION_BUSY, SESSION_DONE, SESSION_FAILED };

struct session_request {
	const char	*line;		/* without a newline */
	size_t		 len;
	const char	*rest;		/* of the line, or NULL */
	size_t		 rest_len;
	/* Called for each push message with its value; may be NULL. */
	void		(*on_push)(const json_t *value, void *arg);
	void		*arg;
	/*
	 * It changes nothing in the instance, so it may be sent before the
	 * answer to the handshake is there: one round trip less.
	 */
	int		 harmless;
};

/*
 * Starts a session; request and target must outlive it.  `deadline` is in
 * milliseconds of clock_ms.  Never fails: what goes wrong comes from
 * session_step.  Blocks only to resolve the name of a TCP host.
 */
struct session	*session_start(const struct target *,
		    const struct session_request *, int64_t deadline);

/* Closes the connection and frees the session; NULL is fine. */
void		 session_free(struct session *);

/* What to poll, for which events, and until when at the latest. */
int		 session_fd(const struct session *);
short		 session_events(const struct session *);
int64_t		 session_due(const struct session *);

/*
 * Goes on as far as possible without blocking.  After SESSION_DONE the reply
 * can be taken; after SESSION_FAILED the error is filled in: unreachable,
 * timeout (the message says in what the time ran out, and whether the request
 * had been sent) or protocol.
 */
enum session_state session_step(struct session *, struct error *);

/* The reply tree (a new reference); once, after SESSION_DONE. */
json_t		*session_take_reply(struct session *);

/* Whether the whole request has left: only then can it have had effects. */
int		 session_sent(const struct session *);

#endif
