/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The `console` command.  Reads lines from a terminal or a pipe.  Lua
 * statements run in the instance, in a single session.  Backslash commands
 * (repl/backslash.h) run in this program.
 */

#ifndef CR_REPL_H
#define CR_REPL_H

#include "cli/options.h"
#include "output/output.h"
#include "target/target.h"
#include "util/outcome.h"

/*
 * Runs the console on a single target until the input ends or the connection
 * is lost.  Prints results on the output stream of the context, and diagnostics
 * on its error stream.  If standard input and output are terminals, the console
 * is interactive and offers line editing.  The terminal's original mode is
 * always restored.
 *
 * If the connection fails, returns the outcome of that failure.  If a line has
 * failed, returns OUTCOME_FAILED, unless the console is interactive.
 */
enum outcome	repl_run(const struct options *, const struct targets *,
		    const struct output_context *);

#endif
