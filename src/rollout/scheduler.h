/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The scheduler runs a request on all waiting members.  It uses a single thread
 * and a limited number of parallel jobs.  It starts no more jobs after a signal
 * or, if stop_on_failure is set, after a failure.
 */

#ifndef CR_SCHEDULER_H
#define CR_SCHEDULER_H

#include <stddef.h>

#include "rollout/fleet.h"
#include "rollout/job.h"
#include "util/error.h"

struct batch {
	const struct job_spec	*spec;
	const struct job_spec	*health;	/* NULL: no health check */
	size_t			 jobs;		/* in parallel */
	int			 by_group;	/* one group at a time */
	int			 stop_on_failure;
	int			 defer_reports;	/* caller prints reports */
};

/*
 * Runs a batch.  Failures of instances are recorded in their reports.  Returns
 * 0, or -1 with an error if this program itself fails.
 */
int	scheduler_run(struct fleet *, const struct batch *, struct error *);

#endif
