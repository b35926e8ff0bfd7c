/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Waits for what happens first: input, a reply of the instance, a signal.
 */

#ifndef CR_EVENT_H
#define CR_EVENT_H

#include <stdint.h>

#include "net/framing.h"
#include "repl/session.h"
#include "target/target.h"
#include "util/error.h"

enum event {
	EVENT_INPUT,		/* it is readable */
	EVENT_READY,		/* the session is */
	EVENT_REPLY,		/* there is a document */
	EVENT_REFUSED,		/* an error in its place; the session goes on */
	EVENT_SIGNAL,
	EVENT_DISCONNECTED,	/* the error says why */
	EVENT_TIMEOUT
};

/* Where lines are read from. */
struct event_input {
	int	  fd;
	/* Of the one who edits lines there, and what it does with it; or -1. */
	int	  editor_fd;
	void	(*on_editor)(void);
};

struct event_source {
	const struct target	*target;
	struct session		*session;	/* NULL: no connection now */
	int			 signals_fd;	/* of signals_begin */
	struct document		 doc;		/* valid until the next wait */
	/* Called with each message of the instance, whenever it comes. */
	void			(*on_push)(const struct document *, void *arg);
	void			*arg;
};

/* Closes the connection, if there is one. */
void	 event_disconnect(struct event_source *);

/*
 * Connects, each try within `timeout` seconds, and keeps trying for `wait`
 * seconds; a signal ends it.  Blocks.  Returns 0, or -1 with an error.
 */
int	 event_connect(struct event_source *, double timeout, double wait,
	    struct error *);

/*
 * Blocks until something happens, or until that time of clock_ms.  Without an
 * input, input is left alone.  A reply is then the document.
 */
enum event event_wait(struct event_source *, const struct event_input *,
	    int64_t until, struct error *);

#endif
