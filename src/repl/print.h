/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Prints the output of the `console` command: results, messages and errors, as
 * text or JSON, to a terminal or a pipe.
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

/*
 * A function that prints its last argument to a stream.  Returns 0, or -1 if
 * out of memory.
 */
typedef int	print_func(FILE *, const struct printer *, const void *);

/*
 * Flushes the output, then prints a message on standard error.  The message
 * includes the line number, unless the number is 0 or the console is
 * interactive.
 */
void	 print_message(const struct printer *, unsigned long line,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prints an error as print_message does, and records that a line has failed. */
void	 print_failure(struct printer *, unsigned long line,
	    const struct error *);

/*
 * Flushes standard output.  Like the functions below, returns 0, or -1 if
 * writing to standard output fails.
 */
int	 print_flush(const struct printer *);

/*
 * Calls a print function and prints its output.  At a terminal, the output goes
 * through the pager if there is enough memory to buffer it.
 */
int	 print_text(struct printer *, unsigned long line, print_func *,
	    const void *);

/*
 * Prints the results or the error of a statement.  `line` is the number of the
 * statement's first line.
 */
int	 print_reply(struct printer *, unsigned long line,
	    const struct result *);

/*
 * Prints a push message.  `line` is the number of the first line of the running
 * statement, or 0 if none is running.
 */
int	 print_push(struct printer *, unsigned long line,
	    const struct document *);

#endif
