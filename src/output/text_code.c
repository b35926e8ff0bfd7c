/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>

#include "output/text.h"

/* Counts the list items whose field `key` is true. */
static size_t
count_true(const json_t *list, const char *key)
{
	size_t i, count = 0;

	for (i = 0; i < json_array_size(list); i++)
		count += is_true(json_array_get(list, i), key) ? 1 : 0;
	return count;
}

void
text_print_code_counts(const struct output_context *context, const char *before,
    const json_t *report)
{
	const json_t *modules = json_object_get(report, "modules");
	const json_t *roles = json_object_get(report, "roles");
	size_t i;
	int known = 0;

	text_print_count(context, before, json_array_size(modules), "module");
	for (i = 0; i < json_array_size(modules); i++)
		known |= json_is_boolean(json_object_get(
		    json_array_get(modules, i), "changed"));
	/*
	 * The number of changed modules is unknown for generation 0, because
	 * this program did not load that generation.
	 */
	if (known)
		fprintf(context->out, " (%zu changed)",
		    count_true(modules, "changed"));
	if (json_array_size(roles) > 0)
		text_print_count(context, ", ", count_true(roles, "enabled"),
		    "role");
	if (is_true(json_object_get(report, "main"), "runs"))
		fputs(", main script", context->out);
}

/*
 * Prints one line for each module or file: whether it has changed, and the
 * values of the two fields whose names are in `first` and `second`.
 */
static void
print_code(const struct output_context *context, const json_t *list,
    const char *label, const char *first, const char *second)
{
	const json_t *item, *changed;
	size_t i;

	if (json_array_size(list) > 0)
		fprintf(context->out, "  %s:\n", label);
	for (i = 0; i < json_array_size(list); i++) {
		item = json_array_get(list, i);
		changed = json_object_get(item, "changed");
		fputs("    ", context->out);
		term_begin(context->out, context->color,
		    json_is_false(changed) ? TERM_DIM : TERM_PLAIN);
		fputs(json_is_true(changed) ? "changed    " :
		    json_is_false(changed) ? "unchanged  " : "unknown    ",
		    context->out);
		text_print(context, string(item, first));
		fputs("  ", context->out);
		text_print(context, string(item, second));
		term_end(context->out, context->color);
		putc('\n', context->out);
	}
}

static void
print_modules(const struct output_context *context, const json_t *report)
{
	print_code(context, json_object_get(report, "modules"), "modules",
	    "name", "path");
	print_code(context, json_object_get(report, "files"),
	    "other files loaded by modules", "path", "module");
}

/*
 * Prints the path of the main script, and whether the script runs again.  For a
 * plan, also lists the risks of running the script and, with --verbose, the
 * functions that the script would call.
 */
static void
print_main(const struct output_context *context, const json_t *report)
{
	const json_t *script = json_object_get(report, "main");
	const json_t *changed = json_object_get(script, "changed"), *calls;
	size_t i;

	if (string(script, "path") == NULL)
		return;
	fputs("  main script: ", context->out);
	text_print(context, string(script, "path"));
	fputs(is_true(script, "runs") ? ", runs again" :
	    ", not run again without --main", context->out);
	if (json_is_boolean(changed))
		fputs(json_is_true(changed) ? "; changed" : "; unchanged",
		    context->out);
	putc('\n', context->out);
	calls = json_object_get(script, "calls");
	for (i = 0; context->verbose && i < json_array_size(calls); i++) {
		fputs(i == 0 ? "    calls " : ", ", context->out);
		text_print(context,
		    json_string_value(json_array_get(calls, i)));
	}
	if (context->verbose && json_array_size(calls) > 0)
		putc('\n', context->out);
	text_print_list(context, "main script", TERM_WARN,
	    json_object_get(script, "risks"));
}

static void
print_roles(const struct output_context *context, const json_t *report)
{
	static const char *const steps[] = {
		"stopped", "validated", "initialized", "applied"
	};
	const json_t *roles = json_object_get(report, "roles"), *role;
	const char *separator;
	size_t i, j;

	if (json_array_size(roles) > 0)
		fputs("  roles, in init order:\n", context->out);
	for (i = 0; i < json_array_size(roles); i++) {
		role = json_array_get(roles, i);
		fputs("    ", context->out);
		text_print(context, string(role, "name"));
		separator = ": ";
		if (!is_true(role, "enabled")) {
			fputs(": not enabled", context->out);
			separator = ", ";
		}
		for (j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
			if (!is_true(role, steps[j]))
				continue;
			fprintf(context->out, "%s%s", separator, steps[j]);
			separator = ", ";
		}
		putc('\n', context->out);
	}
}

void
text_print_code(const struct output_context *context, const json_t *report)
{
	print_modules(context, report);
	print_main(context, report);
	print_roles(context, report);
}
