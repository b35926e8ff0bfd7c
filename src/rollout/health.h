/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Whether an instance that was reloaded is healthy again, so that the next one
 * may begin.
 */

#ifndef CR_HEALTH_H
#define CR_HEALTH_H

#include "proto/report.h"
#include "rollout/job.h"

/*
 * Whether the report on a status is that of a healthy instance: running, its
 * roles configured.  What Cartridge says of its health counts only for one
 * that was not sick before: somebody else may be the reason.
 */
int	health_ok(const struct report *, int was_unhealthy);

/* Whether the status says that Cartridge finds it not healthy. */
int	health_reported_unhealthy(const json_t *instance);

/* Makes the report on a reload one of an instance that did not recover. */
void	health_set_failed(struct report *, const struct report *status,
	    double seconds);

/* Makes it one of which nobody knows that, as memory is out here. */
void	health_set_unknown(struct report *);

#endif
