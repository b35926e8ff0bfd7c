/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The scheduler: runs a request on all waiting members, a limited number in
 * parallel, in a single thread, until one fails or a signal arrives.
 */

#ifndef CR_SCHEDULER_H
#define CR_SCHEDULER_H

#include <stddef.h>

#include "rollout/fleet.h"
#include "rollout/job.h"
#include "util/error.h"

struct batch {
	const struct job_spec	*spec;
	const struct job_spec	*health;	/* check after each job */
	size_t			 jobs;		/* in parallel */
	int			 by_group;	/* one group after the other */
	int			 stop_on_failure;
	int			 defer_reports;	/* leave printing to caller */
};

/*
 * Runs a batch.  Failures of instances end up in their reports; only an error
 * of this program is an error here.  Returns 0, or -1 with the error.
 */
int	scheduler_run(struct fleet *, const struct batch *, struct error *);

#endif
