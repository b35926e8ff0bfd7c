/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A session: a connection on which lines are sent and answered one after the
 * other.  The instance runs them in one console session.  A session is a state
 * machine on top of a connection, like an exchange (net/exchange.h).
 */

#ifndef CR_SESSION_H
#define CR_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "net/framing.h"
#include "target/target.h"
#include "util/error.h"

/* The maximum number of lines that may await replies at once. */
#define SESSION_LINES_MAX	4

struct session;

enum session_event {
	SESSION_WAIT,		/* poll again */
	SESSION_READY,		/* lines may be sent now */
	SESSION_PUSH,		/* a push message arrived */
	SESSION_REPLY,		/* a reply arrived */
	SESSION_REFUSED,	/* the reply is an error; still connected */
	SESSION_FAILED		/* the error is set: close the session */
};

/*
 * Starts connecting to the target.  The session fails unless it is ready before
 * clock_ms() reaches `deadline`.  Once ready, it has no time limit.  The target
 * must outlive the session.  Returns NULL with an error if connecting fails at
 * once.  Blocks only to resolve the host name of a TCP target.
 */
struct session	*session_open(const struct target *, int64_t deadline,
		    struct error *);

/* Closes and frees the session, which may be NULL. */
void		 session_close(struct session *);

/*
 * Return the descriptor and events to poll, and the value of clock_ms() at
 * which session_step must be called even without an event.
 */
int		 session_fd(const struct session *);
short		 session_events(const struct session *);
int64_t		 session_due(const struct session *);

/*
 * Advances the session as far as possible without blocking.  The caller must
 * call it again at once unless it returns SESSION_WAIT.  A document is valid
 * until the next call.
 *
 * Before SESSION_READY, SESSION_FAILED means that connecting failed.  Later, it
 * means that the connection was closed or that an unexpected reply arrived.  If
 * the connection was closed while a line waited for its reply, the error is a
 * protocol error, because the outcome of the line is unknown.
 */
enum session_event session_step(struct session *, struct document *,
		    struct error *);

/*
 * Sends a line, which must not contain a newline.  Takes ownership of the line,
 * even on failure.  Allowed only after SESSION_READY.  Returns 0, or -1 with an
 * error if too many lines are waiting for a reply.
 */
int		 session_send(struct session *, char *line, size_t len,
		    struct error *);

/*
 * Like session_send, but sends a line that calls src/lua/commands/repl.lua with
 * these arguments (see request_repl).
 */
int		 session_eval(struct session *, const char *what,
		    const char *text, size_t len, size_t from, size_t to,
		    struct error *);

/*
 * Makes session_step discard all outstanding replies, but not the replies to
 * lines that are sent later.
 */
void		 session_forget(struct session *);

/*
 * Returns the number of lines that wait for a reply, including those whose
 * replies will be discarded.
 */
size_t		 session_waiting(const struct session *);

/* Whether all queued bytes have been written to the socket. */
int		 session_sent(const struct session *);

/* Returns the Tarantool version from the greeting (see conn_version). */
const char	*session_version(const struct session *);

#endif
