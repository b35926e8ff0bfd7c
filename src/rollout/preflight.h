/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The preflight runs before anything changes.  It checks which instances are
 * reachable and which are leaders, and compares the code on their disks.
 */

#ifndef CR_PREFLIGHT_H
#define CR_PREFLIGHT_H

#include "rollout/fleet.h"
#include "rollout/job.h"
#include "util/error.h"

/*
 * Initialises the job spec of the preflight.  Returns 0, or -1 with an error.
 */
int	preflight_spec_init(struct job_spec *, const struct options *,
	    struct error *);

/*
 * Runs the preflight on all waiting members, and stores their replies.  A
 * member that fails gets a report, which is not printed yet.  Stateboards and
 * duplicates are skipped.  All remaining members are added to the groups for
 * their roles, and wait for the command.  Returns 0, or -1 with an error.
 */
int	preflight_run(struct fleet *, size_t jobs, struct error *);

/*
 * Returns the number of members that have failed, in the preflight or before
 * it.
 */
size_t	preflight_failures(const struct fleet *);

/* Whether a member sent no usable reply, so that its state is unknown. */
int	preflight_is_lost(const struct member *);

/*
 * Checks that all instances have the same code on disk, as far as the digests
 * are known.  Returns 0, or -1 with an error that lists the instances that
 * differ.
 */
int	preflight_check_digests(const struct fleet *, struct error *);

/*
 * Checks that every member has replied, with a success or a failure.  Returns
 * 0, or -1 with an error that lists the members without a reply.
 */
int	preflight_check_reachable(const struct fleet *, struct error *);

#endif
