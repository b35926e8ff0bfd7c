/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A conversation with one instance: a connection on which one line after the
 * other is sent and answered, so that they share a session there.  A state
 * machine on top of the console, like the session for a single request.
 */

#ifndef CR_SESSION_H
#define CR_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "target/target.h"
#include "net/framing.h"

/* Lines that may wait for a reply at a time. */
#define DIALOG_LINES_MAX	4

struct dialog;

enum dialog_event {
	DIALOG_WAIT,		/* nothing yet: poll again */
	DIALOG_READY,		/* lines can be sent from now on */
	DIALOG_PUSH,		/* a message came, and is passed on */
	DIALOG_REPLY,		/* so did the reply to a line */
	DIALOG_FAILED		/* the error says why; only close is left */
};

/*
 * Starts to connect; by `deadline`, milliseconds of clock_ms, it must be ready.
 * From then on there is none.  The target must outlive the dialog.  Returns
 * NULL with an error if that fails at once.  Blocks only to resolve the name of
 * a TCP host.
 */
struct dialog	*dialog_open(const struct target *, int64_t deadline,
		    struct error *);

/* Closes the connection and frees the dialog; NULL is fine. */
void		 dialog_close(struct dialog *);

/* What to poll, for which events, and until when at the latest. */
int		 dialog_fd(const struct dialog *);
short		 dialog_events(const struct dialog *);
int64_t		 dialog_due(const struct dialog *);

/*
 * Goes on as far as possible without blocking.  A document is valid until the
 * next step.  Call again at once after anything but DIALOG_WAIT.  Errors are
 * those of connecting; once it is ready, that the connection was closed: with
 * a line that waits for its reply a protocol error, as the outcome is not
 * known; or that a reply came that nobody had asked for.
 */
enum dialog_event dialog_step(struct dialog *, struct wire_document *,
		    struct error *);

/*
 * Sends a line, without its newline, which the dialog takes over and frees, in
 * any case.  Only once it is ready.  Returns 0, or -1 with an error: too many
 * are waiting.
 */
int		 dialog_send(struct dialog *, char *line, size_t len,
		    struct error *);

/* The replies to all lines that wait for one are not wanted any more. */
void		 dialog_forget(struct dialog *);

/* How many lines wait for a reply, forgotten or not. */
size_t		 dialog_waiting(const struct dialog *);

/* Whether all that was given to it has left. */
int		 dialog_sent(const struct dialog *);

/* The Tarantool version of the greeting. */
const char	*dialog_version(const struct dialog *);

#endif
