/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Line editing at a terminal with GNU readline, which no other file uses.
 * dlopen(3) loads readline only when needed, so that other commands start
 * faster.  The state is global, because there is only one terminal.  Readline
 * controls the terminal while a prompt is shown; otherwise the terminal is in
 * its original mode.  The caller handles SIGINT.
 */

#ifndef CR_LINEEDIT_H
#define CR_LINEEDIT_H

#include <stddef.h>

#include "util/error.h"
#include "util/strlist.h"

/* The candidates for completing a word. */
struct lineedit_names {
	struct strlist	 words;
	int		 files;		/* also offer file names */
	int		 open;		/* do not add a blank after a match */
};

struct lineedit_hooks {
	/* Returns the characters that separate words in this line. */
	const char	*(*breaks)(const char *line, void *arg);
	/*
	 * Lists the candidates for the word from offset `start` to offset `end`
	 * of a line.
	 */
	void		 (*complete)(struct lineedit_names *, const char *line,
			    size_t start, size_t end, void *arg);
	void		*arg;
};

enum lineedit_event {
	LINEEDIT_WAIT,		/* the line is still being edited */
	LINEEDIT_LINE,		/* a line is complete; no prompt is shown */
	LINEEDIT_END		/* Ctrl-D was typed; no prompt is shown */
};

/*
 * Loads and initialises readline.  The hooks must stay valid until
 * lineedit_close.  Returns 0, or -1 with an error if the library is missing.
 */
int		 lineedit_open(const struct lineedit_hooks *,
		    struct error *);
void		 lineedit_close(void);

/* Adds an entry to the lines that the Up key recalls. */
void		 lineedit_remember(const char *entry);

/*
 * Shows a prompt until lineedit_read returns a line or reports Ctrl-D, or until
 * lineedit_abandon is called.
 */
void		 lineedit_begin(const char *prompt);

/*
 * Ends the editing of the current line.  Its text stays on the screen, followed
 * by `mark`.
 */
void		 lineedit_abandon(const char *mark);

/*
 * While a prompt is shown, the caller must poll both standard input and the
 * descriptor that lineedit_signal_fd returns.  Whenever that descriptor is
 * readable, the caller must call lineedit_signal, which handles window resizes
 * and Ctrl-Z, and ignores Ctrl-\.
 */
int		 lineedit_signal_fd(void);
void		 lineedit_signal(void);

/*
 * Reads a character from standard input.  Blocks if no input is pending.  If
 * this character completes a line, returns LINEEDIT_LINE and sets *line to the
 * line, which the caller frees.
 */
enum lineedit_event lineedit_read(char **line);

/* Hide the prompt before something is printed, and show it again afterwards. */
void		 lineedit_hide(void);
void		 lineedit_show(void);

#endif
