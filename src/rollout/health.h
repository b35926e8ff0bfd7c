/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The health check after a reload.  An instance must pass it before the next
 * one is reloaded.
 */

#ifndef CR_HEALTH_H
#define CR_HEALTH_H

#include "proto/report.h"
#include "rollout/job.h"

/*
 * Whether a status report shows a healthy instance: running, with its roles
 * configured.  With `was_unhealthy`, ignores Cartridge's own health flag, which
 * describes the whole cluster and was set before the reload.
 */
int	health_ok(const struct report *, int was_unhealthy);

/* Whether a status report says that Cartridge finds the cluster unhealthy. */
int	health_reported_unhealthy(const json_t *instance);

/* Fails the report of a reload, because the instance has not become healthy. */
void	health_set_failed(struct report *, const struct report *status,
	    double seconds);

/* Fails the report of a reload, because the health check ran out of memory. */
void	health_set_unknown(struct report *);

#endif
