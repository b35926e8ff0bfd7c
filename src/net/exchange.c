/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "net/exchange.h"
#include "net/conn.h"
#include "proto/yaml_tree.h"
#include "util/clock.h"

/*
 * The time limit for handling received documents in one step, in milliseconds.
 */
#define SLICE_MS	10

struct exchange {
	const struct exchange_request	*request;
	struct conn			*conn;	/* NULL if connecting failed */
	enum exchange_state		 state;
	int				 is_ready; /* the handshake is done */
	int				 is_queued; /* the request is queued */
	int				 sent;
	int				 again;	/* step again before polling */
	int64_t				 started;
	int64_t				 deadline;
	json_t				*reply;
	struct error			 error;		/* set on failure */
};

struct exchange *
exchange_start(const struct target *target,
    const struct exchange_request *request, int64_t deadline)
{
	struct exchange *exchange;

	/* exchange_step reports a NULL exchange as out of memory. */
	if ((exchange = calloc(1, sizeof(*exchange))) == NULL)
		return NULL;
	exchange->request = request;
	exchange->started = clock_ms();
	exchange->deadline = deadline;
	exchange->state = EXCHANGE_BUSY;
	exchange->conn = conn_open(target, deadline, &exchange->error);
	if (exchange->conn == NULL)
		exchange->state = EXCHANGE_FAILED;
	return exchange;
}

void
exchange_free(struct exchange *exchange)
{
	if (exchange == NULL)
		return;
	conn_close(exchange->conn);
	json_decref(exchange->reply);
	free(exchange);
}

int
exchange_fd(const struct exchange *exchange)
{
	if (exchange == NULL || exchange->conn == NULL)
		return -1;
	return conn_fd(exchange->conn);
}

short
exchange_events(const struct exchange *exchange)
{
	if (exchange == NULL || exchange->conn == NULL)
		return 0;
	return conn_events(exchange->conn);
}

int64_t
exchange_due(const struct exchange *exchange)
{
	if (exchange == NULL || exchange->state != EXCHANGE_BUSY ||
	    exchange->again)
		return 0;
	return conn_due(exchange->conn);
}

int
exchange_sent(const struct exchange *exchange)
{
	return exchange != NULL && exchange->sent;
}

static void
note_sent(struct exchange *exchange)
{
	if (exchange->is_ready && exchange->is_queued &&
	    conn_has_sent(exchange->conn))
		exchange->sent = 1;
}

/*
 * Sets the error for a timeout.  A request that was not sent completely had no
 * effect, so a retry is safe.
 */
static int
fail_deadline(struct exchange *exchange)
{
	double seconds = clock_seconds(exchange->started, exchange->deadline);

	if (exchange->sent)
		return error_set(&exchange->error, ERROR_DEADLINE,
		    "no final reply within %g s", seconds);
	return error_set_transient(&exchange->error, ERROR_DEADLINE,
	    "the request could not be sent within %g s", seconds);
}

/*
 * If the error is a timeout or a closed connection, replaces it with one that
 * says whether the request was sent.
 */
static void
classify_disconnect(struct exchange *exchange)
{
	struct error *error = &exchange->error;

	if (exchange->is_ready && error->outcome == OUTCOME_TIMEOUT) {
		fail_deadline(exchange);
	} else if (error->code == ERROR_CLOSED_EARLY) {
		if (exchange->sent)
			error_set(error, ERROR_CLOSED,
			    "connection closed before the final reply: the "
			    "outcome is unknown");
		else
			error_set_transient(error, ERROR_CLOSED_EARLY,
			    "connection closed before the request "
			    "was sent");
	}
}

static int
send_request(struct exchange *exchange)
{
	exchange->is_queued = 1;
	return conn_send(exchange->conn, &exchange->request->line,
	    &exchange->error);
}

/* Sends the request after the handshake, unless it is already queued. */
static int
begin_request(struct exchange *exchange)
{
	exchange->is_ready = 1;
	/* Do not send a request after the deadline. */
	if (clock_ms() >= exchange->deadline)
		return fail_deadline(exchange);
	return exchange->is_queued ? 0 : send_request(exchange);
}

static void
take_push(const struct exchange *exchange, const struct document *doc)
{
	struct error ignored;
	json_t *value;

	if (exchange->request->on_push == NULL)
		return;
	/* Push messages only show progress, so ignore invalid ones. */
	if ((value = yaml_tree_parse(doc->data, doc->len, &ignored)) == NULL)
		return;
	exchange->request->on_push(value, exchange->request->arg);
	json_decref(value);
}

static int
take_document(struct exchange *exchange, const struct document *doc)
{
	if (doc->is_push) {
		take_push(exchange, doc);
		return 0;
	}
	exchange->reply = yaml_tree_parse(doc->data, doc->len,
	    &exchange->error);
	if (exchange->reply == NULL)
		return -1;
	exchange->state = EXCHANGE_DONE;
	return 0;
}

/*
 * Handles one event of the connection.  Returns 1 if the caller must call again
 * at once, 0 if it must poll first, or -1 on failure.
 */
static int
advance(struct exchange *exchange)
{
	struct document doc;
	enum conn_event event;
	int result = 0;

	event = conn_step(exchange->conn, &doc, &exchange->error);
	note_sent(exchange);
	switch (event) {
	case CONN_WAIT:
		return 0;
	case CONN_GREETED:
		result = exchange->request->read_only ?
		    send_request(exchange) : 0;
		break;
	case CONN_READY:
		result = begin_request(exchange);
		break;
	case CONN_DOCUMENT:
		result = take_document(exchange, &doc);
		break;
	case CONN_REFUSED:
		/*
		 * The instance refused the request without running it, so the
		 * request had no effect.
		 */
		if (exchange->error.outcome == OUTCOME_UNREACHABLE)
			exchange->sent = 0;
		return -1;
	case CONN_FAILED:
		classify_disconnect(exchange);
		return -1;
	}
	return result == -1 ? -1 : 1;
}

enum exchange_state
exchange_step(struct exchange *exchange, struct error *error)
{
	int64_t until;
	int more = 1;

	if (exchange == NULL) {
		error_out_of_memory(error);
		return EXCHANGE_FAILED;
	}
	until = clock_ms() + SLICE_MS;
	while (exchange->state == EXCHANGE_BUSY &&
	    (more = advance(exchange)) == 1 && clock_ms() < until)
		continue;
	if (more == -1)
		exchange->state = EXCHANGE_FAILED;
	exchange->again = more == 1;
	if (exchange->state == EXCHANGE_FAILED)
		*error = exchange->error;
	return exchange->state;
}

json_t *
exchange_take_reply(struct exchange *exchange)
{
	json_t *reply = exchange->reply;

	exchange->reply = NULL;
	return reply;
}
