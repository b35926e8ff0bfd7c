/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>

#include "output/text.h"
#include "proto/report.h"

/* The maximum number of distinct plans to remember for comparison. */
#define PLANS_MAX	16

/*
 * Prints how many modules are not reloaded, and why.  If verbose, lists them.
 */
static void
print_kept(const struct output_context *context, const json_t *report)
{
	const json_t *kept = json_object_get(report, "kept"), *group, *names;
	size_t i, j;

	if (json_array_size(kept) == 0)
		return;
	fputs("  not reloaded:", context->out);
	for (i = 0; i < json_array_size(kept); i++) {
		group = json_array_get(kept, i);
		names = json_object_get(group, "names");
		fprintf(context->out, "%s%zu ", i == 0 ? " " : ", ",
		    json_array_size(names));
		text_print(context, string(group, "reason"));
	}
	putc('\n', context->out);
	if (!context->verbose)
		return;
	for (i = 0; i < json_array_size(kept); i++) {
		group = json_array_get(kept, i);
		names = json_object_get(group, "names");
		for (j = 0; j < json_array_size(names); j++) {
			fputs("    ", context->out);
			text_print(context, string(group, "reason"));
			fputs("  ", context->out);
			text_print(context,
			    json_string_value(json_array_get(names, j)));
			putc('\n', context->out);
		}
	}
}

/*
 * Whether two instances have the same plan: the same modules to reload and to
 * keep, the same roles and the same main script.  Returns 0 if there are no
 * modules to reload.
 */
static int
is_same_plan(const json_t *one, const json_t *other)
{
	static const char *const keys[] = {
		"modules", "roles", "kept", "main"
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(one, keys[i]) !=
		    json_object_get(other, keys[i]) &&
		    !json_equal(json_object_get(one, keys[i]),
		    json_object_get(other, keys[i])))
			return 0;
	return json_array_size(json_object_get(one, "modules")) > 0;
}

/*
 * Prints a plan.  `same` is the target of an instance whose identical plan has
 * already been printed, or NULL.
 */
static void
print_plan_of(const struct output_context *context, const json_t *report,
    const char *same)
{
	const char *outcome = string(report, "outcome");

	if (report_ended(report, OUTCOME_REFUSED))
		text_print_head(context, report, "would be refused");
	else if (report_ended(report, OUTCOME_FAILED))
		text_print_head(context, report, "would fail");
	else
		text_print_head(context, report, outcome);
	if (json_is_integer(json_object_get(report, "generation"))) {
		text_print_code_counts(context, ": ", report);
		text_print_generation(context, "; now ", report);
	}
	putc('\n', context->out);
	if (same != NULL) {
		text_print_field(context, "  same modules and roles as ", same,
		    "\n");
	} else {
		text_print_code(context, report);
		print_kept(context, report);
	}
	text_print_details(context, report);
}

void
text_print_plan(const struct output_context *context, const json_t *report)
{
	print_plan_of(context, report, NULL);
}

void
text_print_plans(const struct output_context *context, const json_t *reports)
{
	const json_t *printed[PLANS_MAX], *report;
	size_t i, j, count = 0;

	for (i = 0; i < json_array_size(reports); i++) {
		report = json_array_get(reports, i);
		for (j = 0; j < count; j++)
			if (is_same_plan(printed[j], report))
				break;
		print_plan_of(context, report,
		    j < count ? string(printed[j], "target") : NULL);
		if (j == count && count < PLANS_MAX)
			printed[count++] = report;
	}
}
