/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The command `console`: runs lines from a terminal or a pipe in the instance,
 * in a single session.  Lines that are backslash commands (repl/backslash.h)
 * are handled here instead.
 */

#ifndef CR_REPL_H
#define CR_REPL_H

#include "cli/options.h"
#include "output/output.h"
#include "target/target.h"
#include "util/outcome.h"

/*
 * Runs the console for the only target, until the input ends or the connection
 * is lost.  Results go to the output of the context, and diagnostics to its
 * error stream.  If standard input and output are a terminal, lines are edited;
 * the terminal's original mode is always restored.  If the connection fails,
 * returns the outcome of that failure.  Failed lines affect the outcome only if
 * the input is not a terminal.
 */
enum outcome	repl_run(const struct options *, const struct targets *,
		    const struct output_context *);

#endif
