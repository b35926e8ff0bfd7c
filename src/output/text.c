/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include "output/text.h"
#include "output/output.h"

/*
 * How a view presents the reports of several instances.  With --verbose,
 * GROUP_TABLE also prints each report as it arrives.
 */
enum grouping {
	GROUP_NONE,		/* each report as it arrives, no summary */
	GROUP_SUMMARY,		/* each report as it arrives, then a summary */
	GROUP_PLANS,		/* all reports at the end, then a summary */
	GROUP_TABLE		/* a table at the end, no summary */
};

static const struct {
	void		(*print)(const struct output_context *,
			    const json_t *);
	enum grouping	 grouping;
} view_table[] = {
	[VIEW_RESULTS] =	{ text_print_results,	GROUP_NONE },
	[VIEW_RELOAD] =		{ text_print_reload,	GROUP_SUMMARY },
	[VIEW_PLAN] =		{ text_print_plan,	GROUP_PLANS },
	[VIEW_STATUS] =		{ text_print_status,	GROUP_TABLE },
	[VIEW_STALE] =		{ text_print_stale,	GROUP_SUMMARY },
	[VIEW_PUSH] =		{ text_print_push,	GROUP_SUMMARY }
};

static void
text_instance(const struct output_context *context, const json_t *report)
{
	enum grouping grouping = view_table[context->view].grouping;

	if (context->quiet || (context->targets > 1 &&
	    (grouping == GROUP_PLANS ||
	    (grouping == GROUP_TABLE && !context->verbose))))
		return;
	view_table[context->view].print(context, report);
}

static int
text_end(const struct output_context *context, const struct output_run *run)
{
	enum grouping grouping = view_table[context->view].grouping;
	int result = 0;

	if (context->quiet || context->targets <= 1 || grouping == GROUP_NONE)
		return 0;
	if (grouping == GROUP_TABLE)
		return text_print_table(context, run->instances);
	if (grouping == GROUP_PLANS)
		text_print_plans(context, run->instances);
	if (run->preflights != NULL)
		result = text_print_table(context, run->preflights);
	text_print_summary(context, run);
	return result;
}

const struct output output_text = {
	.name = "text",
	.wants_tree = 0,
	.instance = text_instance,
	.end = text_end
};
