/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * An exchange connects to one instance, sends one request and waits for the
 * final reply.  It is a state machine, so one poll loop can run many exchanges.
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
	/* The function to call with the value of each push message, or NULL. */
	void		(*on_push)(const json_t *value, void *arg);
	void		*arg;
	/*
	 * Whether the request only reads.  If so, it may be sent before the
	 * handshake is answered, which saves a round trip.
	 */
	int		 read_only;
};

/*
 * Starts an exchange.  The target and the request must outlive it.  `deadline`
 * is a clock_ms time, in milliseconds.  Never fails: exchange_step reports all
 * errors.  Blocks only to resolve the host name of a TCP target.
 */
struct exchange	*exchange_start(const struct target *,
		    const struct exchange_request *, int64_t deadline);

/* Closes the connection and frees the exchange, which may be NULL. */
void		 exchange_free(struct exchange *);

/*
 * Return the descriptor to poll, the events to poll for, and the clock_ms time
 * by which exchange_step must be called.
 */
int		 exchange_fd(const struct exchange *);
short		 exchange_events(const struct exchange *);
int64_t		 exchange_due(const struct exchange *);

/*
 * Advances as far as possible without blocking.  On EXCHANGE_DONE,
 * exchange_take_reply returns the reply.  On EXCHANGE_FAILED, the error says
 * which step failed and whether the request had been sent.  The `outcome` field
 * of the error is usually OUTCOME_UNREACHABLE, OUTCOME_PROTOCOL or
 * OUTCOME_TIMEOUT.  It is OUTCOME_FAILED if the Lua code left a transaction
 * open, and OUTCOME_USAGE for an error on this machine.  However, if memory for
 * the reply runs out, it is OUTCOME_PROTOCOL or OUTCOME_USAGE.
 */
enum exchange_state exchange_step(struct exchange *, struct error *);

/* Returns the reply as a new reference.  Call it once, after EXCHANGE_DONE. */
json_t		*exchange_take_reply(struct exchange *);

/*
 * Returns 1 if the handshake is done and the whole request was sent, unless the
 * instance refused the request without running it.  If the result is 0, the
 * request had no effect.
 */
int		 exchange_sent(const struct exchange *);

#endif
