/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Lines edited at a terminal: the one file that knows GNU readline.  The
 * library is loaded when it is needed, so that it costs the other commands
 * nothing.  There is one terminal, so there is one of these.
 *
 * While a prompt is shown, the terminal is readline's; otherwise it is as it
 * was.  SIGINT is left to the caller.
 */

#ifndef CR_LINEEDIT_H
#define CR_LINEEDIT_H

#include <stddef.h>

#include "util/error.h"
#include "util/strlist.h"

/* What can stand for a word. */
struct lineedit_names {
	struct strlist	 words;
	int		 files;		/* names of files, too */
	int		 open;		/* no blank is to follow */
};

struct lineedit_hooks {
	/* The characters that end a word of this line. */
	const char	*(*breaks)(const char *line, void *arg);
	/* What can stand for the word from `start` to `end` of the line. */
	void		 (*complete)(struct lineedit_names *, const char *line,
			    size_t start, size_t end, void *arg);
	void		*arg;
};

enum lineedit_event {
	LINEEDIT_WAIT,		/* the line is not complete */
	LINEEDIT_LINE,		/* here it is; the prompt is gone */
	LINEEDIT_END		/* Ctrl-D; the prompt is gone */
};

/*
 * Loads the library.  The hooks must outlive it.  Returns 0, or -1 with an
 * error: the library is missing.
 */
int		 lineedit_open(const struct lineedit_hooks *,
		    struct error *);
void		 lineedit_close(void);

/* An entry for Up to go back to. */
void		 lineedit_remember(const char *entry);

/* Shows a prompt; lines are read until an event takes it away. */
void		 lineedit_begin(const char *prompt);

/*
 * Takes the prompt away, and with it what was typed so far, which stays to be
 * seen, with a mark behind it.
 */
void		 lineedit_abandon(const char *mark);

/*
 * A descriptor to poll beside standard input while a prompt is shown, and what
 * to call if it is readable: the window has another size, Ctrl-Z, or Ctrl-\,
 * which does nothing.
 */
int		 lineedit_signal_fd(void);
void		 lineedit_signal(void);

/* Standard input is readable.  The caller frees the line. */
enum lineedit_event lineedit_read(char **line);

/* Something is to be printed above the prompt: before, and after that. */
void		 lineedit_hide(void);
void		 lineedit_show(void);

#endif
