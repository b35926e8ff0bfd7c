/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Line editing at a terminal, with GNU readline, which no other file uses.  The
 * library is loaded with dlopen(3) on demand, so that other commands do not pay
 * for it.
 *
 * There is only one terminal, so the state is global.  While a prompt is shown,
 * readline controls the terminal; at other times the terminal is in its
 * original mode.  SIGINT is left to the caller.
 */

#ifndef CR_LINEEDIT_H
#define CR_LINEEDIT_H

#include <stddef.h>

#include "util/error.h"
#include "util/strlist.h"

/* The candidates of a completion. */
struct lineedit_names {
	struct strlist	 words;
	int		 files;		/* file names are candidates, too */
	int		 open;		/* append no blank to a candidate */
};

struct lineedit_hooks {
	/* Returns the characters that separate words in this line. */
	const char	*(*breaks)(const char *line, void *arg);
	/*
	 * Lists the candidates for the word from `start` to `end` of the line.
	 */
	void		 (*complete)(struct lineedit_names *, const char *line,
			    size_t start, size_t end, void *arg);
	void		*arg;
};

enum lineedit_event {
	LINEEDIT_WAIT,		/* the line is not finished */
	LINEEDIT_LINE,		/* a line; the prompt was removed */
	LINEEDIT_END		/* Ctrl-D; the prompt was removed */
};

/*
 * Loads and initialises the library.  The hooks must stay valid until
 * lineedit_close.  Returns 0, or -1 with an error if the library is missing.
 */
int		 lineedit_open(const struct lineedit_hooks *,
		    struct error *);
void		 lineedit_close(void);

/* Adds an entry to those that the Up key goes back to. */
void		 lineedit_remember(const char *entry);

/*
 * Shows a prompt.  It stays until lineedit_read returns a line or Ctrl-D, or
 * until lineedit_abandon.
 */
void		 lineedit_begin(const char *prompt);

/*
 * Removes the prompt.  The text typed so far stays visible, and `mark` is
 * printed after it.
 */
void		 lineedit_abandon(const char *mark);

/*
 * A descriptor to poll next to standard input while a prompt is shown, and the
 * function to call when it is readable: it handles window resizes and Ctrl-Z,
 * and ignores Ctrl-\.
 */
int		 lineedit_signal_fd(void);
void		 lineedit_signal(void);

/*
 * Reads a character; call it when standard input is readable.  The caller frees
 * the line.
 */
enum lineedit_event lineedit_read(char **line);

/*
 * Hide and restore the prompt: call these before and after printing something.
 */
void		 lineedit_hide(void);
void		 lineedit_show(void);

#endif
