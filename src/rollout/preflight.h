/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The preflight: before anything changes, checks which instances are reachable,
 * which are leaders, and which code is on their disks.
 */

#ifndef CR_PREFLIGHT_H
#define CR_PREFLIGHT_H

#include "rollout/fleet.h"
#include "rollout/job.h"
#include "util/error.h"

/* Initialises its job description.  Returns 0, or -1 with an error. */
int	preflight_spec_init(struct job_spec *, const struct options *,
	    struct error *);

/*
 * Runs the preflight on all waiting members.  Their replies are stored, and
 * they wait again in the group that matches their role.  Stateboards and
 * duplicates are skipped.  A member that failed is done, with a report that is
 * not printed yet.  Returns 0, or -1 with an error.
 */
int	preflight_run(struct fleet *, size_t jobs, struct error *);

/* Returns how many members failed. */
size_t	preflight_failures(const struct fleet *);

/* Whether a member sent no usable reply, so that its state is unknown. */
int	preflight_is_lost(const struct member *);

/*
 * Whether all known digests of the code on disk are equal.  Returns 0, or -1
 * with an error that names the instances that differ.
 */
int	preflight_check_digests(const struct fleet *, struct error *);

/*
 * The same for reachability: whether all members replied, even with a failure.
 */
int	preflight_check_reachable(const struct fleet *, struct error *);

#endif
