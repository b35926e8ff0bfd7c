/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Evaluates the lines that the `console` command reads, and prints the results.
 * Lua statements run in the instance.  Backslash commands (repl/backslash.h)
 * run in this program.
 */

#ifndef CR_EVAL_H
#define CR_EVAL_H

#include <stddef.h>

#include "cli/options.h"
#include "net/framing.h"
#include "output/output.h"
#include "repl/event.h"
#include "repl/history.h"
#include "repl/linereader.h"
#include "repl/print.h"
#include "repl/statement.h"
#include "target/target.h"
#include "util/error.h"
#include "util/outcome.h"

/* The state of the console. */
struct repl {
	struct options			 options;	/* current settings */
	const struct targets		*targets;
	const struct target		*target;
	const struct output_context	*context;
	int				 is_over;
	/* Whether the connection was lost during a completion. */
	int				 is_lost;
	enum outcome			 outcome;
	struct event_source		 source;
	struct printer			 printer;
	struct error			 error;
	/* The reader for input without line editing, such as a pipe. */
	struct linereader		 reader;
	struct history			 history;
	/* The number of the current line of input. */
	unsigned long			 line;
	struct statement		 statement;
	/*
	 * The prompts for the first line and for the other lines of a
	 * statement.
	 */
	char				*prompts[2];
};

/* Ends the console with this outcome after the current line. */
void	repl_stop(struct repl *, enum outcome);

/* Prints repl->error, and ends the console with the outcome of the error. */
void	repl_stop_with_error(struct repl *);

/* Ends the console if `result`, the return value of a print function, is -1. */
void	repl_check_output(struct repl *, int result);

/* Prints a push message.  `arg` must point to the struct repl. */
void	repl_print_push(const struct document *, void *arg);

/*
 * Evaluates a line of input: runs a backslash command, or adds the line to the
 * current statement, which the instance runs once it is complete.  Blocks until
 * the reply or a signal arrives.  Without a terminal, waits for the reply to a
 * statement no longer than the timeout.  Prints errors.  Ends the console if
 * the connection is lost, but not if a new attempt to connect fails.
 */
void	repl_eval_line(struct repl *, const char *line, size_t len);

/*
 * Runs a statement that is still incomplete at the end of the input, so that
 * the instance reports the syntax error.  Does nothing at a terminal.
 */
void	repl_eval_rest(struct repl *);

#endif
