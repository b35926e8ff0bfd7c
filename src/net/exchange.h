/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * One request to one instance, from connecting to the final reply.  A state
 * machine on top of the connection, so that one poll loop can serve many.
 */

#ifndef CR_EXCHANGE_H
#define CR_EXCHANGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "net/conn.h"
#include "target/target.h"
#include "util/error.h"

struct exchange;

enum exchange_state { EXCHANGE_BUSY, EXCHANGE_DONE, EXCHANGE_FAILED };

struct exchange_request {
	struct conn_line line;
	/* Called for each push message with its value; may be NULL. */
	void		(*on_push)(const json_t *value, void *arg);
	void		*arg;
	/*
	 * It changes nothing in the instance, so it may be sent before the
	 * answer to the handshake is there: one round trip less.
	 */
	int		 read_only;
};

/*
 * Starts an exchange; request and target must outlive it.  `deadline` is in
 * milliseconds of clock_ms.  Never fails: what goes wrong comes from
 * exchange_step.  Blocks only to resolve the name of a TCP host.
 */
struct exchange	*exchange_start(const struct target *,
		    const struct exchange_request *, int64_t deadline);

/* Closes the connection and frees the exchange; NULL is fine. */
void		 exchange_free(struct exchange *);

/* What to poll, for which events, and until when at the latest. */
int		 exchange_fd(const struct exchange *);
short		 exchange_events(const struct exchange *);
int64_t		 exchange_due(const struct exchange *);

/*
 * Goes on as far as possible without blocking.  After EXCHANGE_DONE the reply
 * can be taken; after EXCHANGE_FAILED the error is filled in: unreachable,
 * timeout (the message says in what the time ran out, and whether the request
 * had been sent) or protocol.
 */
enum exchange_state exchange_step(struct exchange *, struct error *);

/* The reply tree (a new reference); once, after EXCHANGE_DONE. */
json_t		*exchange_take_reply(struct exchange *);

/* Whether the whole request has left: only then can it have had effects. */
int		 exchange_sent(const struct exchange *);

#endif
