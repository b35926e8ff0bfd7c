/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Sends a request to all members that wait for one: so many at a time, in one
 * thread, group after group, until one fails or a signal interrupts.
 */

#ifndef CR_SCHEDULER_H
#define CR_SCHEDULER_H

#include <stddef.h>

#include "rollout/fleet.h"
#include "rollout/job.h"
#include "util/error.h"

struct batch {
	const struct job_spec	*spec;
	const struct job_spec	*health;	/* after each, or NULL */
	size_t			 jobs;		/* at a time */
	int			 by_group;	/* one after the other */
	int			 stop_on_failure;
	int			 defer_reports;	/* reports are kept, not told */
};

/*
 * Runs a batch.  What went wrong with an instance is in its report; what went
 * wrong here is the error.  Returns 0 or -1.
 */
int	scheduler_run(struct fleet *, const struct batch *, struct error *);

#endif
