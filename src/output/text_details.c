/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdint.h>
#include <stdio.h>

#include "output/text.h"

/*
 * Prints the errors in modules or in the config if there are at least two.  A
 * single error appears only on standard error.
 */
static void
print_problems(const struct output_context *context, const json_t *report)
{
	const json_t *problems = json_object_get(report, "problems"), *problem;
	const char *where;
	size_t i;

	if (json_array_size(problems) < 2)
		return;
	for (i = 0; i < json_array_size(problems); i++) {
		problem = json_array_get(problems, i);
		/* An error in the config has a path instead of a module. */
		where = string(problem, "module");
		if (where == NULL)
			where = string(problem, "path");
		fputs("  ", context->out);
		text_print_styled(context, TERM_BAD, where);
		fputs(": ", context->out);
		if (string(problem, "message") != NULL)
			term_print_lines(context->out,
			    string(problem, "message"), 4);
		putc('\n', context->out);
	}
}

static void
print_rollback(const struct output_context *context, const json_t *report)
{
	const json_t *rollback = json_object_get(report, "rollback");

	if (json_is_null(rollback))
		return;
	if (context->verbose)
		text_print_list(context, "undone", TERM_PLAIN,
		    json_object_get(rollback, "undone"));
	text_print_list(context, "not restored", TERM_BAD,
	    json_object_get(rollback, "left"));
}

static void
print_fibers(const struct output_context *context, const json_t *report,
    const char *key, const char *label)
{
	const json_t *fibers, *fiber;
	size_t i;

	fibers = json_object_get(json_object_get(report, "fibers"), key);
	for (i = 0; i < json_array_size(fibers); i++) {
		fiber = json_array_get(fibers, i);
		/*
		 * Skip a fiber with a `reason` field: it is one of the stale
		 * references, which have already been listed or counted.
		 */
		if (string(fiber, "reason") != NULL)
			continue;
		fprintf(context->out, "  fiber %s: %" JSON_INTEGER_FORMAT " ",
		    label, integer(fiber, "id"));
		text_print(context, string(fiber, "name"));
		if (string(fiber, "where") != NULL) {
			fputs(" at ", context->out);
			text_print(context, string(fiber, "where"));
		}
		putc('\n', context->out);
	}
}

static void
print_timings(const struct output_context *context, const json_t *report)
{
	const json_t *timings = json_object_get(report, "timings_ms"), *value;
	const char *separator = "  times: ";
	const char *key;
	void *at;

	for (at = json_object_iter((json_t *)(uintptr_t)timings); at != NULL;
	    at = json_object_iter_next((json_t *)(uintptr_t)timings, at)) {
		key = json_object_iter_key(at);
		value = json_object_iter_value(at);
		if (!json_is_number(value))
			continue;
		fprintf(context->out, "%s%s", separator, key);
		text_print_duration(context, " ", value);
		separator = ", ";
	}
	/* If the separator is a comma, end the line that was started. */
	if (separator[0] == ',')
		putc('\n', context->out);
}

void
text_print_details(const struct output_context *context, const json_t *report)
{
	text_print_list(context, "warning", TERM_WARN,
	    json_object_get(report, "warnings"));
	print_problems(context, report);
	print_rollback(context, report);
	text_print_stale_references(context, report);
	print_fibers(context, report, "left", "left running");
	if (context->verbose) {
		print_fibers(context, report, "restarted", "restarted");
		print_fibers(context, report, "cancelled", "cancelled");
		print_timings(context, report);
	}
}
