/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The output of the command `console`: results, messages and errors, as text or
 * JSON, to a terminal or a pipe.
 */

#ifndef CR_PRINT_H
#define CR_PRINT_H

#include <stdio.h>

#include "cli/options.h"
#include "net/framing.h"
#include "output/output.h"
#include "repl/result.h"
#include "util/error.h"

struct printer {
	const struct output_context	*context;
	const struct options		*options;	/* current settings */
	const char			*name;		/* name of the target */
	int				 is_interactive;
	int				 is_editing;	/* lineedit is open */
	int				 has_failed;	/* a line has failed */
};

/* Prints a text to a stream.  Returns 0, or -1 if out of memory. */
typedef int	print_func(FILE *, const struct printer *, const void *);

/*
 * Prints a message on standard error, after flushing the output.  The message
 * includes the line number unless that is 0 or the input is a terminal.
 */
void	 print_message(const struct printer *, unsigned long line,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Like print_message, for an error: also records that a line has failed. */
void	 print_failure(struct printer *, unsigned long line,
	    const struct error *);

/*
 * The following functions return 0, or -1 if standard output cannot be written.
 */
int	 print_flush(const struct printer *);

/*
 * Prints the output of a function: at a terminal through the pager, if there is
 * enough memory to buffer it.
 */
int	 print_text(struct printer *, unsigned long line, print_func *,
	    const void *);

/* Prints the results or the error of the statement that starts on `line`. */
int	 print_reply(struct printer *, unsigned long line,
	    const struct result *);

/*
 * Prints a push message.  `line` is the start of the running statement, or 0.
 */
int	 print_push(struct printer *, unsigned long line,
	    const struct document *);

#endif
