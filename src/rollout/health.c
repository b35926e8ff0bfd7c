/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include "rollout/health.h"

int
health_reported_unhealthy(const json_t *instance)
{
	return json_is_false(json_object_get(json_object_get(instance,
	    "status"), "healthy"));
}

int
health_ok(const struct report *report, int was_unhealthy)
{
	return report->outcome == OUTCOME_OK &&
	    (was_unhealthy || !health_reported_unhealthy(report->instance));
}

void
health_set_failed(struct report *report, const struct report *status,
    double seconds)
{
	struct error error;
	const char *message;

	message = json_string_value(json_object_get(json_object_get(
	    status->instance, "error"), "message"));
	/* If there are several reasons, report only the first. */
	if (message == NULL)
		message = json_string_value(json_array_get(json_object_get(
		    json_object_get(status->instance, "status"), "unhealthy"),
		    0));
	if (message == NULL)
		message = "Cartridge gives no reason";
	error_set(&error, ERROR_NOT_HEALTHY,
	    "did not become healthy within %g s of the reload: %s", seconds,
	    message);
	report_fail(report, &error);
}

void
health_set_unknown(struct report *report)
{
	struct error error;

	error_set(&error, ERROR_OUT_OF_MEMORY,
	    "out of memory during the health check after the reload");
	report_fail(report, &error);
}
