/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The health check after a reload, which must pass before the next instance is
 * reloaded.
 */

#ifndef CR_HEALTH_H
#define CR_HEALTH_H

#include "proto/report.h"
#include "rollout/job.h"

/*
 * Whether a status report is that of a healthy instance: running, with its
 * roles configured.  Cartridge's own health flag counts only if it was not set
 * before the reload, as it describes the whole cluster.
 */
int	health_ok(const struct report *, int was_unhealthy);

/* Whether a status reports that Cartridge finds the cluster unhealthy. */
int	health_reported_unhealthy(const json_t *instance);

/* Turns the report of a reload into one of an instance that did not recover. */
void	health_set_failed(struct report *, const struct report *status,
	    double seconds);

/* Turns it into one whose health check ran out of memory. */
void	health_set_unknown(struct report *);

#endif
