/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "output/text.h"
#include "output/output.h"
#include "output/term.h"
#include "proto/report.h"

void
text_print(const struct output_context *context, const char *text)
{
	if (text != NULL)
		term_print(context->out, text);
}

void
text_print_styled(const struct output_context *context, enum term_style style,
    const char *text)
{
	term_begin(context->out, context->color, style);
	text_print(context, text);
	term_end(context->out, context->color);
}

void
text_print_duration(const struct output_context *context, const char *before,
    const json_t *ms)
{
	double value = json_number_value(ms);

	if (!json_is_number(ms))
		return;
	if (value >= 10000)
		fprintf(context->out, "%s%.1f s", before, value / 1000);
	else if (value >= 10)
		fprintf(context->out, "%s%.0f ms", before, value);
	else
		fprintf(context->out, "%s%.1f ms", before, value);
}

void
text_print_generation(const struct output_context *context, const char *before,
    const json_t *report)
{
	if (json_is_integer(json_object_get(report, "generation")))
		fprintf(context->out, "%sgeneration %" JSON_INTEGER_FORMAT,
		    before, integer(report, "generation"));
}

void
text_print_count(const struct output_context *context, const char *before,
    size_t count, const char *what)
{
	fprintf(context->out, "%s%zu %s%s", before, count, what,
	    count == 1 ? "" : "s");
}

/* Counts the items of a list in which the field `key` is true. */
static size_t
count_true(const json_t *list, const char *key)
{
	size_t i, count = 0;

	for (i = 0; i < json_array_size(list); i++)
		count += is_true(json_array_get(list, i), key) ? 1 : 0;
	return count;
}

/* Prints how many modules, changed modules and enabled roles there are. */
static void
print_counts(const struct output_context *context, const char *before,
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
	 * This program did not load generation 0.  What has changed since then
	 * is unknown.
	 */
	if (known)
		fprintf(context->out, " (%zu changed)",
		    count_true(modules, "changed"));
	if (json_array_size(roles) > 0)
		text_print_count(context, ", ", count_true(roles, "enabled"),
		    "role");
}

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
text_print_list(const struct output_context *context, const char *label,
    enum term_style style, const json_t *list)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		fputs("  ", context->out);
		text_print_styled(context, style, label);
		fputs(": ", context->out);
		term_print_lines(context->out,
		    json_string_value(json_array_get(list, i)), 4);
		putc('\n', context->out);
	}
}

/*
 * Prints a line for each module or file.  The line contains the fields `first`
 * and `second`, and says whether the code has changed.
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
 * Prints the path of the main script and whether the script runs again.  A plan
 * also lists the functions that the script would call (with --verbose), and the
 * risks of running it.
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

/* For each reason, prints how many modules are not reloaded. */
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
		 * A fiber that has a reason is listed with the stale references
		 * instead.
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
	/* If the separator is a comma, the line has been started: end it. */
	if (separator[0] == ',')
		putc('\n', context->out);
}

/*
 * Prints the errors of modules or of the config if there are at least two.  A
 * single error is printed only on standard error.
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

/* Prints the part of a report that is the same for all commands. */
static void
print_details(const struct output_context *context, const json_t *report)
{
	text_print_list(context, "warning", TERM_WARN,
	    json_object_get(report, "warnings"));
	print_problems(context, report);
	print_rollback(context, report);
	text_print_stale(context, report);
	print_fibers(context, report, "left", "left running");
	if (context->verbose) {
		print_fibers(context, report, "restarted", "restarted");
		print_fibers(context, report, "cancelled", "cancelled");
		print_timings(context, report);
	}
}

static void
print_named(const struct output_context *context, const char *before,
    const char *text, const char *after)
{
	if (text == NULL)
		return;
	fputs(before, context->out);
	text_print(context, text);
	fputs(after, context->out);
}

static void
print_target(const struct output_context *context, const json_t *report)
{
	text_print_styled(context, TERM_BOLD, string(report, "target"));
	fputs(": ", context->out);
}

static void
print_head(const struct output_context *context, const json_t *report,
    const char *said)
{
	int ok = is_true(report, "ok");

	print_target(context, report);
	text_print_styled(context, ok ? TERM_GOOD : TERM_BAD, said);
}

static void
print_reload(const struct output_context *context, const json_t *report)
{
	const char *outcome = string(report, "outcome");
	const json_t *duration = json_object_get(report, "duration_ms");
	const json_t *rollback = json_object_get(report, "rollback");
	int stale, sick;

	stale = report_ended(report, OUTCOME_STALE);
	sick = report_has_error(report, ERROR_NOT_HEALTHY);
	print_head(context, report, stale || sick ? "reloaded" : outcome);
	if (report_ended(report, OUTCOME_RELOADED) || stale || sick) {
		text_print_generation(context, " to ", report);
		text_print_duration(context, " in ", duration);
		/* Cartridge's reload_roles() reports no modules. */
		if (json_array_size(json_object_get(report, "modules")) > 0) {
			print_counts(context, ": ", report);
			print_routes(context, report);
		}
		if (stale)
			text_print_stale_remain(context, report);
		if (sick)
			fputs("; not healthy", context->out);
	} else if (report_ended(report, OUTCOME_UNCHANGED)) {
		text_print_generation(context, ": still ", report);
		print_counts(context, ", ", report);
	} else {
		text_print_duration(context, " after ", duration);
		if (is_true(rollback, "complete"))
			fputs(", rolled back", context->out);
		text_print_generation(context, "; ", report);
	}
	putc('\n', context->out);
	if (context->verbose) {
		print_modules(context, report);
		print_main(context, report);
		print_roles(context, report);
	}
	print_details(context, report);
}

/*
 * Whether two instances have the same plan: equal modules, kept modules, roles
 * and main script.
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
 * Prints a plan.  If the same plan has already been printed for another
 * instance, `same` is the target of that instance; otherwise it is NULL.
 */
static void
print_plan_of(const struct output_context *context, const json_t *report,
    const char *same)
{
	const char *outcome = string(report, "outcome");

	if (report_ended(report, OUTCOME_REFUSED))
		print_head(context, report, "would be refused");
	else if (report_ended(report, OUTCOME_FAILED))
		print_head(context, report, "would fail");
	else
		print_head(context, report, outcome);
	if (json_is_integer(json_object_get(report, "generation"))) {
		print_counts(context, ": ", report);
		text_print_generation(context, "; now ", report);
	}
	putc('\n', context->out);
	if (same != NULL) {
		print_named(context, "  same modules and roles as ", same,
		    "\n");
	} else {
		print_modules(context, report);
		print_main(context, report);
		print_roles(context, report);
		print_kept(context, report);
	}
	print_details(context, report);
}

static void
print_plan(const struct output_context *context, const json_t *report)
{
	print_plan_of(context, report, NULL);
}

/* The maximum number of distinct plans that are remembered for comparison. */
#define PLANS_MAX	16

/* Prints the plans of several instances; equal ones are printed only once. */
static void
print_plans(const struct output_context *context, const json_t *reports)
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

static void
print_stale(const struct output_context *context, const json_t *report)
{
	const char *outcome = string(report, "outcome");

	if (report_ended(report, OUTCOME_OK) ||
	    report_ended(report, OUTCOME_STALE)) {
		print_target(context, report);
		text_print_stale_found(context, report);
	} else {
		print_head(context, report, outcome);
		text_print_duration(context, " after ",
		    json_object_get(report, "duration_ms"));
		text_print_generation(context, "; ", report);
	}
	putc('\n', context->out);
	print_details(context, report);
}

/* Counts the instances that accepted the pushed code. */
static size_t
count_ok(const json_t *cluster)
{
	size_t i, count = 0;

	for (i = 0; i < json_array_size(cluster); i++)
		count += report_ended(json_array_get(cluster, i), OUTCOME_OK) ?
		    1 : 0;
	return count;
}

static void
print_push(const struct output_context *context, const json_t *report)
{
	const char *outcome = string(report, "outcome");
	const json_t *duration = json_object_get(report, "duration_ms");
	const json_t *rollback = json_object_get(report, "rollback");

	if (report_ended(report, OUTCOME_OK)) {
		print_head(context, report, "pushed");
		text_print_count(context, " to ",
		    count_ok(json_object_get(report, "cluster")), "instance");
		text_print_duration(context, " in ", duration);
	} else {
		print_head(context, report, outcome);
		if (!is_true(report, "ok"))
			text_print_duration(context, " after ", duration);
		if (is_true(rollback, "complete"))
			fputs(", rolled back", context->out);
	}
	text_print_sections(context, ": ", report);
	putc('\n', context->out);
	text_print_push(context, report);
	print_details(context, report);
}

static void
print_time(const struct output_context *context, const char *before,
    const json_t *at, const char *after)
{
	struct tm tm;
	time_t seconds;
	char text[32];

	if (!json_is_number(at) || json_number_value(at) < 0 ||
	    json_number_value(at) > 1e11)
		return;
	seconds = (time_t)json_number_value(at);
	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return;
	fprintf(context->out, "%s%s%s", before, text, after);
}

static void
print_last(const struct output_context *context, const json_t *last)
{
	const char *outcome = string(last, "outcome");

	if (outcome == NULL)
		return;
	if (!context->verbose && (report_ended(last, OUTCOME_RELOADED) ||
	    report_ended(last, OUTCOME_UNCHANGED)))
		return;
	fputs("  last reload: ", context->out);
	text_print(context, outcome);
	if (string(last, "code") != NULL) {
		fputs(" (", context->out);
		text_print(context, string(last, "code"));
		putc(')', context->out);
	}
	print_time(context, " at ", json_object_get(last, "at"), "");
	text_print_duration(context, ", ",
	    json_object_get(last, "duration_ms"));
	putc('\n', context->out);
}

static void
print_digest(const struct output_context *context, const char *before,
    const char *digest, const char *after)
{
	char shown[TEXT_DIGEST + 1];

	if (digest == NULL)
		return;
	strlcpy(shown, digest, sizeof(shown));
	print_named(context, before, shown, after);
}

/*
 * Prints why Cartridge reports the cluster as unhealthy.  Does nothing if there
 * are several targets: text_print_table then prints the reasons for all of
 * them.
 */
static void
print_unhealthy(const struct output_context *context, const json_t *report)
{
	json_t *reports;

	if (context->targets > 1)
		return;
	reports = json_array();
	/* If out of memory, omit only the reasons. */
	if (json_array_append(reports, (json_t *)(uintptr_t)report) == 0)
		text_print_unhealthy(context, "  ", reports);
	json_decref(reports);
}

static void
print_status(const struct output_context *context, const json_t *report)
{
	const json_t *status = json_object_get(report, "status");
	const json_t *reloading = json_object_get(status, "reloading");
	const char *box = string(status, "box");
	const char *code;

	print_head(context, report,
	    box != NULL ? box : string(report, "outcome"));
	print_named(context, ", ", string(status, "state"), "");
	if (is_true(status, "read_only"))
		fputs(", read-only", context->out);
	text_print_generation(context, ", ", report);
	print_named(context, ", Tarantool ", string(status, "tarantool"), "");
	print_named(context, ", Cartridge ", string(status, "cartridge"), "");
	if (json_is_integer(json_object_get(status, "package_reload")))
		fprintf(context->out, ", package.reload %" JSON_INTEGER_FORMAT,
		    integer(status, "package_reload"));
	print_named(context, ", ", string(report, "alias"), "");
	print_named(context, ", ", string(status, "role"), "");
	code = string(status, "loaded_digest");
	if (code == NULL && !is_true(status, "outdated"))
		code = string(status, "digest");
	print_digest(context, ", code ", code, "");
	putc('\n', context->out);
	if (is_true(status, "outdated")) {
		fputs("  ", context->out);
		text_print_styled(context, TERM_WARN, "outdated");
		fputs(": the code on disk is not loaded", context->out);
		print_digest(context, " (", string(status, "digest"), ")");
		putc('\n', context->out);
	}
	print_unhealthy(context, report);
	if (json_is_object(reloading)) {
		fputs("  being reloaded by ", context->out);
		text_print(context, string(reloading, "holder"));
		if (json_is_number(json_object_get(reloading, "seconds")))
			fprintf(context->out, " for %.1f s", json_number_value(
			    json_object_get(reloading, "seconds")));
		print_named(context, ": ", string(reloading, "phase"), "");
		print_named(context, " of role ", string(reloading, "role"),
		    "");
		putc('\n', context->out);
	}
	if (context->verbose) {
		print_named(context, "  uuid: ", string(report, "uuid"), "\n");
		if (json_is_integer(json_object_get(status, "pid")))
			fprintf(context->out, "  pid: %" JSON_INTEGER_FORMAT
			    "\n", integer(status, "pid"));
		print_named(context, "  address: ", string(status, "uri"),
		    "\n");
		print_named(context, "  code directory: ",
		    string(status, "root"), "\n");
		print_time(context, "  loaded at: ",
		    json_object_get(status, "loaded_at"), "\n");
	}
	print_last(context, json_object_get(status, "last"));
	print_details(context, report);
}

/* Prints only the results of `eval`, as the console has formatted them. */
static void
print_results(const struct output_context *context, const json_t *report)
{
	const json_t *results = json_object_get(report, "results");

	if (!json_is_string(results))
		return;
	if (context->targets > 1) {
		/*
		 * Print the name as a comment, so that the output is valid
		 * YAML.
		 */
		fputs("# ", context->out);
		text_print(context, string(report, "target"));
		putc('\n', context->out);
	}
	term_print_lines(context->out, json_string_value(results), 0);
	putc('\n', context->out);
}

/* How a view presents the reports of several instances. */
enum grouping {
	GROUP_NONE,		/* one after the other, nothing at the end */
	GROUP_SUMMARY,		/* one after the other, then a summary */
	GROUP_PLANS,		/* together at the end, then a summary */
	GROUP_TABLE		/* in a table; one after the other if verbose */
};

static const struct {
	void		(*print)(const struct output_context *,
			    const json_t *);
	enum grouping	 grouping;
} view_table[] = {
	[VIEW_RESULTS] =	{ print_results,	GROUP_NONE },
	[VIEW_RELOAD] =		{ print_reload,		GROUP_SUMMARY },
	[VIEW_PLAN] =		{ print_plan,		GROUP_PLANS },
	[VIEW_STATUS] =		{ print_status,		GROUP_TABLE },
	[VIEW_STALE] =		{ print_stale,		GROUP_SUMMARY },
	[VIEW_PUSH] =		{ print_push,		GROUP_SUMMARY }
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
		print_plans(context, run->instances);
	if (run->surveys != NULL)
		result = text_print_table(context, run->surveys);
	text_print_summary(context, run);
	return result;
}

const struct output output_text = {
	.name = "text",
	.wants_tree = 0,
	.instance = text_instance,
	.end = text_end
};
