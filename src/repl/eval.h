/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Evaluates the lines of the command `console`: statements in Lua in the
 * instance, backslash commands (repl/backslash.h) in this program.  Prints what
 * they result in.
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
	/* The connection was lost during a completion. */
	int				 is_lost;
	enum outcome			 outcome;
	struct event_source		 source;
	struct printer			 printer;
	struct error			 error;
	/* For input that is not edited: */
	struct linereader		 reader;
	struct history			 history;
	unsigned long			 line;		/* its number */
	struct statement		 statement;
	char				*prompts[2];	/* see make_prompts */
};

/* Ends the console with this outcome, after the current line. */
void	repl_stop(struct repl *, enum outcome);

/* Prints repl->error and ends the console with its outcome. */
void	repl_stop_with_error(struct repl *);

/*
 * Ends the console if a print function has failed.  `result` is what that
 * function returned.
 */
void	repl_check_output(struct repl *, int result);

/* Prints a push message.  `arg` is the struct repl. */
void	repl_print_push(const struct document *, void *arg);

/*
 * Evaluates a line of input: runs a backslash command, or adds the line to the
 * current statement and runs it if it is complete.  Blocks until the reply, the
 * timeout or, at a terminal, a signal.  Errors are printed; those of the
 * connection end the console.
 */
void	repl_eval_line(struct repl *, const char *line, size_t len);

/*
 * Runs a statement that is still incomplete at the end of the input, so that
 * the instance reports its error.  Does nothing at a terminal.
 */
void	repl_eval_rest(struct repl *);

#endif
