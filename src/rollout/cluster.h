/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The instances of a cluster, according to one of them.  A Cartridge cluster is
 * reached through that instance, the gateway, which relays requests to the
 * others.  The instances of a Tarantool 3 config are reached directly.
 */

#ifndef CR_CLUSTER_H
#define CR_CLUSTER_H

#include "rollout/fleet.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Asks `entry`, the gateway, for the topology and fills the empty fleet with
 * all instances, sorted by name; expelled and disabled ones are skipped.  If
 * the gateway fails, it becomes the only member and its report is printed.
 * Returns 0, or -1 with an error of this program.
 */
int	cluster_join(struct fleet *, const struct target *entry,
	    struct error *);

/*
 * Returns the gateway, the instance that was asked for the topology, or NULL.
 */
struct member	*cluster_entry(const struct fleet *);

#endif
