/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The health check after a reload.  An instance must pass the check before the
 * next instance is reloaded.
 */

#ifndef CR_HEALTH_H
#define CR_HEALTH_H

#include "proto/report.h"
#include "rollout/job.h"

/*
 * Whether a status report shows that the instance is healthy: it is running,
 * and its roles are configured.  If `was_unhealthy` is set, ignores Cartridge's
 * own health flag.  That flag describes the whole cluster, and may have been
 * bad before the reload.
 */
int	health_ok(const struct report *, int was_unhealthy);

/*
 * Whether a status report says that Cartridge considers the cluster unhealthy.
 */
int	health_reported_unhealthy(const json_t *instance);

/*
 * Turns the report of a reload into a failure, because the instance did not
 * become healthy within `seconds`.  Takes the reason from `status`, the last
 * status report of the instance.
 */
void	health_set_failed(struct report *, const struct report *status,
	    double seconds);

/*
 * Turns the report of a reload into a failure, because the health check ran out
 * of memory.
 */
void	health_set_unknown(struct report *);

#endif
