/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Line editing at a terminal: the only file that uses GNU readline.  The
 * library is loaded with dlopen(3) on demand, so that other commands do not pay
 * for it.
 *
 * There is one terminal, so the state is global.  While a prompt is shown,
 * readline controls the terminal; otherwise it is in its original mode.  SIGINT
 * is left to the caller.
 */

#ifndef CR_LINEEDIT_H
#define CR_LINEEDIT_H

#include <stddef.h>

#include "util/error.h"
#include "util/strlist.h"

/* Candidates for completion. */
struct lineedit_names {
	struct strlist	 words;
	int		 files;		/* offer file names, too */
	int		 open;		/* do not append a blank */
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
	LINEEDIT_WAIT,		/* the line is incomplete */
	LINEEDIT_LINE,		/* a line; the prompt is gone */
	LINEEDIT_END		/* Ctrl-D; the prompt is gone */
};

/*
 * Loads the library.  The hooks must outlive it.  Returns 0, or -1 with an
 * error if the library is missing.
 */
int		 lineedit_open(const struct lineedit_hooks *,
		    struct error *);
void		 lineedit_close(void);

/* Adds an entry to the list that Up goes back to. */
void		 lineedit_remember(const char *entry);

/* Shows a prompt and reads lines until an event removes it. */
void		 lineedit_begin(const char *prompt);

/*
 * Removes the prompt.  The text typed so far stays visible, followed by a mark.
 */
void		 lineedit_abandon(const char *mark);

/*
 * A descriptor to poll next to standard input while a prompt is shown, and its
 * handler: for window resizes, Ctrl-Z, and Ctrl-\, which is ignored.
 */
int		 lineedit_signal_fd(void);
void		 lineedit_signal(void);

/* Call it when standard input is readable.  The caller frees the line. */
enum lineedit_event lineedit_read(char **line);

/* Call these before and after printing something above the prompt. */
void		 lineedit_hide(void);
void		 lineedit_show(void);

#endif
