/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Waits for the next event: input, a reply of the instance, or a signal.
 */

#ifndef CR_EVENT_H
#define CR_EVENT_H

#include <stdint.h>

#include "net/framing.h"
#include "repl/session.h"
#include "target/target.h"
#include "util/error.h"

enum event {
	EVENT_INPUT,		/* input is readable */
	EVENT_READY,		/* the session is ready */
	EVENT_REPLY,		/* a document arrived */
	EVENT_REFUSED,		/* error instead of a reply; keep the session */
	EVENT_SIGNAL,
	EVENT_DISCONNECTED,	/* the error is set */
	EVENT_TIMEOUT
};

/* The input that lines are read from. */
struct event_input {
	int	  fd;
	/*
	 * The signal descriptor of the line editor, or -1.  on_editor is called
	 * when the descriptor is readable.
	 */
	int	  editor_fd;
	void	(*on_editor)(void);
};

struct event_source {
	const struct target	*target;
	struct session		*session;	/* NULL if not connected */
	int			 signals_fd;	/* from signals_begin */
	struct document		 doc;		/* valid until the next wait */
	/* Called with each push message as soon as it arrives. */
	void			(*on_push)(const struct document *, void *arg);
	void			*arg;
};

/* Closes the connection, if there is one. */
void	 event_disconnect(struct event_source *);

/*
 * Connects.  Each attempt may take `timeout` seconds; failures are retried for
 * `wait` seconds or until a signal arrives.  Blocks.  Returns 0, or -1 with an
 * error.
 */
int	 event_connect(struct event_source *, double timeout, double wait,
	    struct error *);

/*
 * Blocks until an event occurs, or until clock_ms reaches `until`.  If `input`
 * is NULL, does not wait for input.  After EVENT_REPLY, source->doc is the
 * document that has arrived.
 */
enum event event_wait(struct event_source *, const struct event_input *,
	    int64_t until, struct error *);

#endif
