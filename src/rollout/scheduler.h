/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The scheduler: runs a request on all waiting members, a limited number in
 * parallel, in one thread, group by group, until one fails or a signal arrives.
 */

#ifndef CR_SCHEDULER_H
#define CR_SCHEDULER_H

#include <stddef.h>

#include "rollout/fleet.h"
#include "rollout/job.h"
#include "util/error.h"

struct batch {
	const struct job_spec	*spec;
	const struct job_spec	*health;	/* after each job, or NULL */
	size_t			 jobs;		/* in parallel */
	int			 by_group;	/* group by group */
	int			 stop_on_failure;
	int			 defer_reports;	/* do not print reports */
};

/*
 * Runs a batch.  Failures of instances are in their reports; local failures are
 * the error.  Returns 0 or -1.
 */
int	scheduler_run(struct fleet *, const struct batch *, struct error *);

#endif
