/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Line editing at a terminal with GNU readline.  No other file uses that
 * library.  It is loaded with dlopen(3) only when it is needed, to keep other
 * commands fast.  The state is global, because there is only one terminal.
 * Readline controls the terminal while a prompt is shown.  At other times the
 * terminal is in its original mode.  The caller handles SIGINT.
 */

#ifndef CR_LINEEDIT_H
#define CR_LINEEDIT_H

#include <stddef.h>

#include "util/error.h"
#include "util/strlist.h"

/* The candidates of a completion. */
struct lineedit_names {
	struct strlist	 words;
	int		 files;		/* offer file names, too */
	int		 open;		/* do not append a blank */
};

struct lineedit_hooks {
	/* Returns the characters that separate words in the line. */
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

/* Adds an entry to the lines that the Up key recalls. */
void		 lineedit_remember(const char *entry);

/*
 * Shows a prompt.  It stays until lineedit_read returns a line or Ctrl-D, or
 * until lineedit_abandon is called.
 */
void		 lineedit_begin(const char *prompt);

/*
 * Removes the prompt.  The text typed so far stays visible, and `mark` is
 * printed after it.
 */
void		 lineedit_abandon(const char *mark);

/*
 * While a prompt is shown, poll not only standard input but also the descriptor
 * that lineedit_signal_fd returns.  Call lineedit_signal when that descriptor
 * is readable: it handles window resizes and Ctrl-Z, and ignores Ctrl-\.
 */
int		 lineedit_signal_fd(void);
void		 lineedit_signal(void);

/*
 * Reads a character.  Call it when standard input is readable.  If it returns
 * LINEEDIT_LINE, *line is the line, which the caller frees.
 */
enum lineedit_event lineedit_read(char **line);

/* Hide the prompt before something is printed, and show it again afterwards. */
void		 lineedit_hide(void);
void		 lineedit_show(void);

#endif
