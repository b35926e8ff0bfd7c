/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "net/handshake.h"
#include "proto/reply.h"
#include "net/exchange.h"

/* The longest that one step goes on while documents keep coming, ms. */
#define SLICE_MS	10

enum stage {
	STAGE_GREETING,		/* also before, while connecting */
	STAGE_HANDSHAKE,
	STAGE_REQUEST		/* queued, or sent */
};

struct session {
	const struct session_request	*request;
	struct console			*console;	/* NULL if not open */
	enum session_state		 state;
	enum stage			 stage;
	int				 sent;
	int				 again;		/* more is at hand */
	int64_t				 started;
	int64_t				 deadline;
	json_t				*reply;
	struct error			 error;		/* if failed */
};

struct session *
session_start(const struct target *target,
    const struct session_request *request, int64_t deadline)
{
	struct session *session;

	/* A missing session is one that failed for lack of memory. */
	if ((session = calloc(1, sizeof(*session))) == NULL)
		return NULL;
	session->request = request;
	session->started = clock_ms();
	session->deadline = deadline;
	session->state = SESSION_BUSY;
	session->console = console_open(target, deadline, &session->error);
	if (session->console == NULL)
		session->state = SESSION_FAILED;
	return session;
}

void
session_free(struct session *session)
{
	if (session == NULL)
		return;
	console_close(session->console);
	json_decref(session->reply);
	free(session);
}

int
session_fd(const struct session *session)
{
	if (session == NULL || session->console == NULL)
		return -1;
	return console_fd(session->console);
}

short
session_events(const struct session *session)
{
	if (session == NULL || session->console == NULL)
		return 0;
	return console_events(session->console);
}

int64_t
session_due(const struct session *session)
{
	if (session == NULL || session->state != SESSION_BUSY ||
	    session->again)
		return 0;
	return console_due(session->console);
}

int
session_sent(const struct session *session)
{
	return session != NULL && session->sent;
}

/* The console asks for POLLOUT as long as it has something to send. */
static void
note_sent(struct session *session)
{
	if (session->stage == STAGE_REQUEST &&
	    !(console_events(session->console) & POLLOUT))
		session->sent = 1;
}

/* What was not sent whole has had no effect: it can be tried again. */
static int
fail_deadline(struct session *session)
{
	double seconds = clock_seconds(session->started, session->deadline);

	if (session->sent)
		return error_set(&session->error, OUTCOME_TIMEOUT, "deadline",
		    "no final reply within %g s", seconds);
	if (session->stage == STAGE_REQUEST)
		return error_set_transient(&session->error, OUTCOME_TIMEOUT,
		    "deadline", "the request could not be sent within %g s",
		    seconds);
	return error_set_transient(&session->error, OUTCOME_TIMEOUT,
	    "deadline", "the console did not answer within %g s: the "
	    "instance is busy, or --timeout is too short", seconds);
}

/* Says what the end of the time or of the connection means here. */
static void
explain(struct session *session)
{
	struct error *error = &session->error;

	if (session->stage == STAGE_GREETING)
		return;
	if (error->outcome == OUTCOME_TIMEOUT) {
		fail_deadline(session);
	} else if (strcmp(error->code, "closed") == 0) {
		if (session->sent)
			error_set(error, OUTCOME_PROTOCOL, "closed",
			    "connection closed before the final reply: "
			    "the outcome is not known");
		else
			error_set_transient(error, OUTCOME_UNREACHABLE,
			    "closed", "connection closed before the request "
			    "was sent");
	}
}

static int
send_request(struct session *session)
{
	const struct session_request *request = session->request;

	if (request->rest == NULL)
		return console_send(session->console, request->line,
		    request->len, &session->error);
	if (console_put(session->console, request->line, request->len,
	    &session->error) == -1)
		return -1;
	return console_send(session->console, request->rest, request->rest_len,
	    &session->error);
}

static int
begin_handshake(struct session *session)
{
	session->stage = STAGE_HANDSHAKE;
	if (console_send(session->console, HANDSHAKE, sizeof(HANDSHAKE) - 1,
	    &session->error) == -1)
		return -1;
	return session->request->harmless ? send_request(session) : 0;
}

/* Checks the answer to the handshake; then the request may be sent. */
static int
begin_request(struct session *session, const struct wire_document *doc)
{
	if (handshake_check(doc, &session->error) == -1)
		return -1;
	session->stage = STAGE_REQUEST;
	/* An answer that is late may be read, but not acted upon. */
	if (clock_ms() >= session->deadline)
		return fail_deadline(session);
	return session->request->harmless ? 0 : send_request(session);
}

static void
take_push(const struct session *session, const struct wire_document *doc)
{
	struct error ignored;
	json_t *value;

	if (session->request->on_push == NULL)
		return;
	/* Pushes are a bonus: one that cannot be read is left out. */
	if ((value = reply_parse(doc->data, doc->len, &ignored)) == NULL)
		return;
	session->request->on_push(value, session->request->arg);
	json_decref(value);
}

static int
take_document(struct session *session, const struct wire_document *doc)
{
	if (session->stage == STAGE_HANDSHAKE)
		return begin_request(session, doc);
	if (doc->is_push) {
		take_push(session, doc);
		return 0;
	}
	session->reply = reply_parse(doc->data, doc->len, &session->error);
	if (session->reply == NULL)
		return -1;
	session->state = SESSION_DONE;
	return 0;
}

/* One step of the console.  Returns 1 to go on, 0 to wait, -1 on failure. */
static int
advance(struct session *session)
{
	struct wire_document doc;
	enum console_event event;
	int result = 0;

	event = console_step(session->console, &doc, &session->error);
	note_sent(session);
	switch (event) {
	case CONSOLE_WAIT:
		return 0;
	case CONSOLE_GREETED:
		result = begin_handshake(session);
		break;
	case CONSOLE_DOCUMENT:
		result = take_document(session, &doc);
		break;
	case CONSOLE_FAILED:
		explain(session);
		return -1;
	}
	return result == -1 ? -1 : 1;
}

enum session_state
session_step(struct session *session, struct error *error)
{
	int64_t until;
	int more = 1;

	if (session == NULL) {
		error_out_of_memory(error);
		return SESSION_FAILED;
	}
	until = clock_ms() + SLICE_MS;
	while (session->state == SESSION_BUSY &&
	    (more = advance(session)) == 1 && clock_ms() < until)
		continue;
	if (more == -1)
		session->state = SESSION_FAILED;
	session->again = more == 1;
	if (session->state == SESSION_FAILED)
		*error = session->error;
	return session->state;
}

json_t *
session_take_reply(struct session *session)
{
	json_t *reply = session->reply;

	session->reply = NULL;
	return reply;
}
