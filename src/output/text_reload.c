/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>

#include "output/text.h"
#include "proto/report.h"

static void
print_routes(const struct output_context *context, const json_t *report)
{
	const json_t *routes = json_object_get(report, "routes");

	if (integer(routes, "added") == 0 && integer(routes, "replaced") == 0 &&
	    integer(routes, "removed") == 0)
		return;
	fprintf(context->out, ", routes %" JSON_INTEGER_FORMAT " added %"
	    JSON_INTEGER_FORMAT " replaced %" JSON_INTEGER_FORMAT " removed",
	    integer(routes, "added"), integer(routes, "replaced"),
	    integer(routes, "removed"));
}

void
text_print_reload(const struct output_context *context, const json_t *report)
{
	const char *outcome = string(report, "outcome");
	const json_t *duration = json_object_get(report, "duration_ms");
	const json_t *rollback = json_object_get(report, "rollback");
	int stale, sick;

	stale = report_ended(report, OUTCOME_STALE);
	sick = report_has_error(report, ERROR_NOT_HEALTHY);
	text_print_head(context, report, stale || sick ? "reloaded" : outcome);
	if (report_ended(report, OUTCOME_RELOADED) || stale || sick) {
		text_print_generation(context, " to ", report);
		text_print_duration(context, " in ", duration);
		/* A reload by Cartridge's reload_roles() reports no code. */
		if (json_array_size(json_object_get(report, "modules")) > 0 ||
		    is_true(json_object_get(report, "main"), "runs")) {
			text_print_code_counts(context, ": ", report);
			print_routes(context, report);
		}
		if (stale)
			text_print_stale_remain(context, report);
		if (sick)
			fputs("; not healthy", context->out);
	} else if (report_ended(report, OUTCOME_UNCHANGED)) {
		text_print_generation(context, ": still ", report);
		text_print_code_counts(context, ", ", report);
	} else {
		text_print_duration(context, " after ", duration);
		if (is_true(rollback, "complete"))
			fputs(", rolled back", context->out);
		text_print_generation(context, "; ", report);
	}
	putc('\n', context->out);
	if (context->verbose)
		text_print_code(context, report);
	text_print_details(context, report);
}
