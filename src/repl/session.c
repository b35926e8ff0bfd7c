/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "repl/session.h"
#include "net/conn.h"
#include "proto/request.h"
#include "util/clock.h"

struct line {
	char	*text;
	int	 forgotten;
};

struct session {
	struct conn	*conn;
	/*
	 * The lines that were sent, answered ones first.  An answered line is
	 * kept as long as the send queue may refer to it.
	 */
	struct line	 lines[SESSION_LINES_MAX];
	size_t		 count;
	size_t		 answered;
};

struct session *
session_open(const struct target *target, int64_t deadline,
    struct error *error)
{
	struct session *session;

	if ((session = calloc(1, sizeof(*session))) == NULL) {
		error_out_of_memory(error);
		return NULL;
	}
	session->conn = conn_open(target, deadline, error);
	if (session->conn == NULL) {
		session_close(session);
		return NULL;
	}
	return session;
}

void
session_close(struct session *session)
{
	size_t i;

	if (session == NULL)
		return;
	conn_close(session->conn);
	for (i = 0; i < session->count; i++)
		free(session->lines[i].text);
	free(session);
}

int
session_fd(const struct session *session)
{
	return conn_fd(session->conn);
}

short
session_events(const struct session *session)
{
	return conn_events(session->conn);
}

int64_t
session_due(const struct session *session)
{
	return conn_due(session->conn);
}

size_t
session_waiting(const struct session *session)
{
	return session->count - session->answered;
}

int
session_sent(const struct session *session)
{
	return conn_has_sent(session->conn);
}

const char *
session_version(const struct session *session)
{
	return conn_version(session->conn);
}

static void
free_answered(struct session *session)
{
	size_t i;

	if (!session_sent(session))
		return;
	for (i = 0; i < session->answered; i++)
		free(session->lines[i].text);
	session->count -= session->answered;
	memmove(session->lines, session->lines + session->answered,
	    session->count * sizeof(session->lines[0]));
	session->answered = 0;
}

int
session_send(struct session *session, char *text, size_t len,
    struct error *error)
{
	struct line *line;

	free_answered(session);
	if (session->count == SESSION_LINES_MAX) {
		free(text);
		return error_set(error, ERROR_LOCAL,
		    "too many lines are waiting for a reply");
	}
	line = &session->lines[session->count++];
	line->text = text;
	line->forgotten = 0;
	return conn_send(session->conn, &(struct conn_line){ .data = text,
	    .len = len }, error);
}

int
session_eval(struct session *session, const char *what, const char *text,
    size_t len, size_t from, size_t to, struct error *error)
{
	size_t line_len;
	char *line = request_repl(what, text, len, from, to, &line_len);

	if (line == NULL)
		return error_out_of_memory(error);
	return session_send(session, line, line_len, error);
}

void
session_forget(struct session *session)
{
	size_t i;

	for (i = session->answered; i < session->count; i++)
		session->lines[i].forgotten = 1;
}

/*
 * If a line was waiting for its reply when the connection was closed, changes
 * the error to say that the outcome of the line is unknown.
 */
static void
classify_disconnect(const struct session *session, struct error *error)
{
	size_t i, wanted = 0;

	if (error->code != ERROR_CLOSED_EARLY)
		return;
	for (i = session->answered; i < session->count; i++)
		wanted += !session->lines[i].forgotten;
	if (wanted > 0)
		error_set(error, ERROR_CLOSED,
		    "connection closed before the final reply: the outcome is "
		    "unknown");
}

/*
 * Marks the oldest waiting line as answered.  Returns 1 if its reply is wanted,
 * or 0 if the reply must be discarded.  Returns -1 with an error if no line is
 * waiting.
 */
static int
take_answer(struct session *session, struct error *error)
{
	if (session_waiting(session) == 0)
		return error_set(error, ERROR_BAD_REPLY,
		    "unexpected reply");
	return !session->lines[session->answered++].forgotten;
}

static enum session_event
take_document(struct session *session, const struct document *doc,
    struct error *error)
{
	if (doc->is_push)
		return SESSION_PUSH;
	switch (take_answer(session, error)) {
	case 0:
		return SESSION_WAIT;
	case 1:
		return SESSION_REPLY;
	default:
		return SESSION_FAILED;
	}
}

enum session_event
session_step(struct session *session, struct document *doc,
    struct error *error)
{
	enum session_event event;

	free_answered(session);
	for (;;) {
		switch (conn_step(session->conn, doc, error)) {
		case CONN_WAIT:
			return SESSION_WAIT;
		case CONN_GREETED:
			break;
		case CONN_READY:
			conn_extend(session->conn, CLOCK_FOREVER);
			return SESSION_READY;
		case CONN_DOCUMENT:
			event = take_document(session, doc, error);
			if (event != SESSION_WAIT)
				return event;
			break;
		case CONN_REFUSED:
			if (take_answer(session, error) == 1)
				return SESSION_REFUSED;
			/* The caller has given up on this reply: discard it. */
			break;
		case CONN_FAILED:
			classify_disconnect(session, error);
			return SESSION_FAILED;
		}
	}
}
