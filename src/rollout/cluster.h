/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The instances of a Cartridge cluster, as one of them knows them.
 */

#ifndef CR_CLUSTER_H
#define CR_CLUSTER_H

#include "rollout/fleet.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Asks the entry for the topology and makes the fleet, which is empty so far,
 * one of all instances, sorted by their names; those that are expelled or
 * disabled are skipped.  If the entry does not tell, it is the only member, and
 * has the report on that, which is told.
 *
 * Returns 0, or -1 with an error of ours.
 */
int	cluster_join(struct fleet *, const struct target *entry,
	    struct error *);

/* The member that relays to the others, or NULL. */
struct member	*cluster_entry(const struct fleet *);

#endif
