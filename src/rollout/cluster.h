/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The instances of a cluster, according to one of them: a Cartridge cluster is
 * reached through that one, the instances of a Tarantool 3 config directly.
 */

#ifndef CR_CLUSTER_H
#define CR_CLUSTER_H

#include "rollout/fleet.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Asks the gateway (`entry`) for the topology and fills the empty fleet with
 * all instances, sorted by name; expelled and disabled ones are skipped.  If
 * the gateway fails, it becomes the only member and its report is printed.
 *
 * Returns 0, or -1 with a local error.
 */
int	cluster_join(struct fleet *, const struct target *entry,
	    struct error *);

/* Returns the member that relays to the others, or NULL. */
struct member	*cluster_entry(const struct fleet *);

#endif
