/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What the command `console` shows: results, messages and errors, as text or
 * JSON, to who sits at a terminal or to a pipe.
 */

#ifndef CR_PRINT_H
#define CR_PRINT_H

#include <stdio.h>

#include "cli/options.h"
#include "net/framing.h"
#include "output/output.h"
#include "repl/result.h"
#include "util/error.h"

struct display {
	const struct output_context	*context;
	const struct options		*options;	/* as they are set */
	const char			*name;		/* of the target */
	int				 is_interactive;
	int				 is_editing;	/* lineedit is open */
	int				 has_failed;	/* a line, some time */
};

/* Prints a text; returns 0, or -1 if memory is out. */
typedef int	display_print(FILE *, const struct display *, const void *);

/*
 * Prints a message on standard error, after what was printed so far; with the
 * number of its line if that is not 0 and was not typed at a terminal.
 */
void	 display_message(const struct display *, unsigned long line,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with an error, of a line that thereby has failed. */
void	 display_failure(struct display *, unsigned long line,
	    const struct error *);

/* All these return 0, or -1 if standard output cannot be written. */
int	 display_flush(const struct display *);

/* A text, a page at a time if he sits there and there is memory for it. */
int	 display_text(struct display *, unsigned long line, display_print *,
	    const void *);

/* The results or the error of a statement, which was that line. */
int	 display_reply(struct display *, unsigned long line,
	    const struct typed *);

/* A message of the instance: while that line runs, or 0. */
int	 display_push(struct display *, unsigned long line,
	    const struct document *);

#endif
