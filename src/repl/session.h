/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A session of the console: a connection on which one line after the other is
 * sent and answered, so that they share a session in the instance.  A state
 * machine on top of the connection, as the exchange is for a single request.
 */

#ifndef CR_SESSION_H
#define CR_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "net/framing.h"
#include "target/target.h"
#include "util/error.h"

/* Lines that may wait for a reply at a time. */
#define SESSION_LINES_MAX	4

struct session;

enum session_event {
	SESSION_WAIT,		/* nothing yet: poll again */
	SESSION_READY,		/* lines can be sent from now on */
	SESSION_PUSH,		/* a message came, and is passed on */
	SESSION_REPLY,		/* so did the reply to a line */
	SESSION_REFUSED,	/* an error came in its place; it goes on */
	SESSION_FAILED		/* the error says why; only close is left */
};

/*
 * Starts to connect; by `deadline`, milliseconds of clock_ms, it must be ready.
 * From then on there is none.  The target must outlive the session.  Returns
 * NULL with an error if that fails at once.  Blocks only to resolve the name of
 * a TCP host.
 */
struct session	*session_open(const struct target *, int64_t deadline,
		    struct error *);

/* Closes the connection and frees the session; NULL is fine. */
void		 session_close(struct session *);

/* What to poll, for which events, and until when at the latest. */
int		 session_fd(const struct session *);
short		 session_events(const struct session *);
int64_t		 session_due(const struct session *);

/*
 * Goes on as far as possible without blocking.  A document is valid until the
 * next step.  Call again at once after anything but SESSION_WAIT.  Errors are
 * those of connecting; once it is ready, that the connection was closed: with
 * a line that waits for its reply a protocol error, as the outcome is not
 * known; or that a reply came that nobody had asked for.
 */
enum session_event session_step(struct session *, struct document *,
		    struct error *);

/*
 * Sends a line, without its newline, which the session takes over and frees, in
 * any case.  Only once it is ready.  Returns 0, or -1 with an error: too many
 * are waiting.
 */
int		 session_send(struct session *, char *line, size_t len,
		    struct error *);

/*
 * Sends text for src/lua/commands/repl.lua in the instance; see request_typed.
 * Otherwise as session_send.
 */
int		 session_eval(struct session *, const char *what,
		    const char *text, size_t len, size_t from, size_t to,
		    struct error *);

/* The replies to all lines that wait for one are not wanted any more. */
void		 session_forget(struct session *);

/* How many lines wait for a reply, forgotten or not. */
size_t		 session_waiting(const struct session *);

/* Whether everything queued has been written to the socket. */
int		 session_sent(const struct session *);

/* The Tarantool version of the greeting. */
const char	*session_version(const struct session *);

#endif
