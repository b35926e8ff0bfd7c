/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * An exchange: one request to one instance, from connecting to the final reply.
 * It is a state machine on top of the connection, so that one poll loop can run
 * many exchanges.
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
	/* Called with the value of each push message; may be NULL. */
	void		(*on_push)(const json_t *value, void *arg);
	void		*arg;
	/*
	 * A read-only request may be sent before the handshake is answered,
	 * which saves a round trip.
	 */
	int		 read_only;
};

/*
 * Starts an exchange; request and target must outlive it.  `deadline` is in
 * milliseconds of clock_ms.  Never fails: exchange_step returns all errors.
 * Blocks only to resolve the host name of a TCP target.
 */
struct exchange	*exchange_start(const struct target *,
		    const struct exchange_request *, int64_t deadline);

/* Closes the connection and frees the exchange, which may be NULL. */
void		 exchange_free(struct exchange *);

/*
 * Return the descriptor and events to poll, and the time by which exchange_step
 * must be called.
 */
int		 exchange_fd(const struct exchange *);
short		 exchange_events(const struct exchange *);
int64_t		 exchange_due(const struct exchange *);

/*
 * Advances as far as possible without blocking.  After EXCHANGE_DONE,
 * exchange_take_reply returns the reply.  After EXCHANGE_FAILED the error is
 * set: unreachable, protocol, or timeout.  Its message says which step failed
 * and whether the request had been sent.
 */
enum exchange_state exchange_step(struct exchange *, struct error *);

/* Returns the reply, a new reference.  Call it once, after EXCHANGE_DONE. */
json_t		*exchange_take_reply(struct exchange *);

/* Whether the whole request was sent: only then can it have had an effect. */
int		 exchange_sent(const struct exchange *);

#endif
