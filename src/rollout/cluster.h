/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Finds the instances of a cluster by asking one of them.  In a Cartridge
 * cluster, that instance becomes the gateway, which relays requests to the
 * others.  The instances of a Tarantool 3 config are reached directly.
 */

#ifndef CR_CLUSTER_H
#define CR_CLUSTER_H

#include "rollout/fleet.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Asks the instance `gateway` for the topology.  Fills the empty fleet with all
 * instances of the cluster, sorted by name.  Marks expelled and disabled
 * instances as skipped.  If `gateway` fails, it becomes the only member, and
 * its report is printed.  Returns 0, or -1 with an error if this program itself
 * fails.
 */
int	cluster_join(struct fleet *, const struct target *gateway,
	    struct error *);

/*
 * Returns the instance that was asked for the topology, or NULL if the fleet
 * does not contain it.
 */
struct member	*cluster_gateway(const struct fleet *);

#endif
