/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Runs a command on its targets and prints the reports. */

#ifndef CR_COMMAND_H
#define CR_COMMAND_H

#include <jansson.h>

#include "cli/options.h"
#include "output/output.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Finds targets with selection_find.  If there are none yet, retries for the
 * time that --wait allows, or until a signal arrives (see util/signals.h).
 * Returns 0, or -1 with an error.
 */
int	command_targets(const struct options *, struct targets *,
	    struct error *);

/*
 * Runs the command on the targets or, with --cluster, on the whole cluster to
 * which the only target belongs.  Prints all reports.  Also lists on standard
 * error the instances that were not attempted because of a failure or an
 * interrupt.  If all instances were skipped, the outcome is `refused`.  Flushes
 * all output, and only then restores the previous signal dispositions.  Returns
 * the worst outcome.
 */
enum outcome	command_run(const struct options *, const struct targets *,
		    const json_t *args, const struct output_context *);

#endif
