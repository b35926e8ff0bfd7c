/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Runs a command: options and targets in, reports out.
 */

#ifndef CR_COMMAND_H
#define CR_COMMAND_H

#include <jansson.h>

#include "cli/options.h"
#include "output/output.h"
#include "target/target.h"
#include "util/error.h"

/*
 * The targets of selection_find; what finds nothing is tried again for as long
 * as --wait says, or until a signal that is counted (see util/signals.h).
 * Returns 0, or -1 with an error.
 */
int	command_targets(const struct options *, struct targets *,
	    struct error *);

/*
 * Runs the command on the targets, or on the cluster of the one target, with
 * these arguments, and passes every report on to the output.  Who is not
 * touched because of a failure or an interruption is named on standard error.
 * If all are left out, that is a refusal.  All that is printed is written before
 * signals end the process again.  Returns the gravest outcome.
 */
enum outcome	command_run(const struct options *, const struct targets *,
		    const json_t *args, const struct output_context *);

#endif
