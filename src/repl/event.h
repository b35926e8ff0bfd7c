/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Connects to the instance and waits for events: input, replies and signals. */

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
	EVENT_REPLY,		/* a reply arrived */
	EVENT_REFUSED,		/* the reply is an error; still connected */
	EVENT_SIGNAL,
	EVENT_DISCONNECTED,	/* the connection failed; the error is set */
	EVENT_TIMEOUT
};

/* The input that event_wait watches. */
struct event_input {
	int	  fd;
	/*
	 * The signal descriptor of the line editor, or -1.  event_wait calls
	 * on_editor when this descriptor is readable.
	 */
	int	  editor_fd;
	void	(*on_editor)(void);
};

struct event_source {
	const struct target	*target;
	struct session		*session;	/* NULL if not connected */
	int			 signals_fd;	/* from signals_begin() */
	/*
	 * The latest document.  It is valid until event_wait is called again.
	 */
	struct document		 doc;
	/* event_wait calls on_push with each push message when it arrives. */
	void			(*on_push)(const struct document *, void *arg);
	void			*arg;
};

/* Closes the connection, if there is one. */
void	 event_disconnect(struct event_source *);

/*
 * Connects to the target.  An attempt may take up to `timeout` seconds.
 * Temporary failures are retried for `wait` seconds, or until a signal arrives.
 * Blocks.  Returns 0, or -1 with an error.
 */
int	 event_connect(struct event_source *, double timeout, double wait,
	    struct error *);

/*
 * Blocks until an event occurs, or until clock_ms() reaches `until`.  Does not
 * watch the input if `input` is NULL.  After EVENT_REPLY, source->doc is the
 * reply.
 */
enum event event_wait(struct event_source *, const struct event_input *,
	    int64_t until, struct error *);

#endif
