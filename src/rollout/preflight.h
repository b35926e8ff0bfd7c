/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * How the instances are before anything is done to them: who can be reached,
 * who leads, which code lies on their disks.
 */

#ifndef CR_PREFLIGHT_H
#define CR_PREFLIGHT_H

#include "rollout/fleet.h"
#include "rollout/job.h"
#include "util/error.h"

/* The command that the instances are sent for that; `status`, and more. */
#define PREFLIGHT_COMMAND	"preflight"

/* Makes a request of it.  Returns 0, or -1 with an error. */
int	preflight_spec_init(struct job_spec *, const struct options *,
	    struct error *);

/*
 * Asks all members that wait.  Their answers are kept in them, and they wait
 * again, in the group that they belong to.  A stateboard is skipped, and so is
 * an instance that another target leads to already.  Who did not answer well is
 * done, with the report on that, which is not told so far.  Returns 0, or -1
 * with an error.
 */
int	preflight_run(struct fleet *, size_t jobs, struct error *);

/* How many members did not answer well. */
size_t	preflight_failures(const struct fleet *);

/* Whether a member did not answer at all: nobody knows how it is. */
int	preflight_is_lost(const struct member *);

/*
 * Whether the code on disk is the same wherever it is known.  Returns 0, or
 * -1 with an error that names the instances that differ.
 */
int	preflight_check_digests(const struct fleet *, struct error *);

/* The same if all members have answered, even if not well. */
int	preflight_check_reachable(const struct fleet *, struct error *);

#endif
