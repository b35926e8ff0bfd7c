/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The contact of the console to its instance: a connection that is made anew
 * if it was given up, and what is waited for beside it, lines and signals.
 */

#ifndef CR_EVENT_H
#define CR_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "net/framing.h"
#include "repl/session.h"
#include "target/target.h"
#include "util/error.h"

enum happening {
	HAPPENED_INPUT,		/* standard input is readable */
	HAPPENED_READY,		/* the session is */
	HAPPENED_REPLY,		/* there is a document */
	HAPPENED_SIGNAL,
	HAPPENED_LOST,		/* the error says why */
	HAPPENED_LATE		/* nothing of it in time */
};

/* What is done about standard input meanwhile. */
enum contact_input {
	INPUT_LEFT_ALONE,
	INPUT_WANTED,
	INPUT_EDITED		/* wanted, and lineedit has its prompt there */
};

struct contact {
	const struct target	*target;
	struct session		*session;	/* NULL: no connection now */
	int			 signals_fd;	/* of signals_begin */
	struct document	 doc;		/* valid until it goes on */
	/* Called with each message of the instance, whenever it comes. */
	void			(*on_push)(const struct document *,
				    void *arg);
	void			*arg;
};

/* Closes the connection, if there is one. */
void	 contact_close(struct contact *);

/*
 * Connects, each try within so many seconds, and keeps trying for so long; a
 * signal ends it.  Blocks.  Returns 0, or -1 with an error.
 */
int	 contact_connect(struct contact *, double timeout, double wait,
	    struct error *);

/*
 * Blocks until something happens, or until that time of clock_ms.  A reply is
 * then the document.
 */
enum happening contact_await(struct contact *, enum contact_input,
	    int64_t until, struct error *);

/*
 * Sends a line for typed.lua in the instance; see request_typed.  There has to
 * be a connection.  Returns 0, or -1 with an error.
 */
int	 contact_ask(struct contact *, const char *what, const char *text,
	    size_t len, size_t from, size_t to, struct error *);

#endif
