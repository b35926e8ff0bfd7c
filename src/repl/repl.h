/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The command `console`: lines from a terminal or a pipe go to the instance, in
 * one session, or are commands of this program; see repl/backslash.h.
 */

#ifndef CR_REPL_H
#define CR_REPL_H

#include "cli/options.h"
#include "output/output.h"
#include "target/target.h"
#include "util/outcome.h"

/*
 * Runs it for the one target, until the input is over or the connection lost.
 * Results go to the output of the context, diagnostics to its errors.  Lines
 * are edited if standard input and output are a terminal; however this ends,
 * the terminal is as it was.
 *
 * Returns how it ended: what kept it from connecting, or took the connection
 * away; lines that failed count only if they were not typed at a terminal.
 */
enum outcome	shell_run(const struct options *, const struct targets *,
		    const struct output_context *);

#endif
