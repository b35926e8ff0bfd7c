/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "output/text.h"
#include "proto/report.h"

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
	text_print_field(context, before, shown, after);
}

/*
 * Prints why Cartridge reports the cluster as unhealthy.  Does nothing if there
 * are several targets: text_print_table then prints the reasons for all
 * targets.
 */
static void
print_unhealthy(const struct output_context *context, const json_t *report)
{
	json_t *reports;

	if (context->targets > 1)
		return;
	reports = json_array();
	/*
	 * If out of memory, omit the reasons, but print the rest of the report.
	 */
	if (json_array_append(reports, (json_t *)(uintptr_t)report) == 0)
		text_print_unhealthy(context, "  ", reports);
	json_decref(reports);
}

void
text_print_status(const struct output_context *context, const json_t *report)
{
	const json_t *status = json_object_get(report, "status");
	const json_t *reloading = json_object_get(status, "reloading");
	const char *box = string(status, "box");
	const char *code;

	text_print_head(context, report,
	    box != NULL ? box : string(report, "outcome"));
	text_print_field(context, ", ", string(status, "state"), "");
	if (is_true(status, "read_only"))
		fputs(", read-only", context->out);
	text_print_generation(context, ", ", report);
	text_print_field(context, ", Tarantool ",
	    string(status, "tarantool"), "");
	text_print_field(context, ", Cartridge ",
	    string(status, "cartridge"), "");
	if (json_is_integer(json_object_get(status, "package_reload")))
		fprintf(context->out, ", package.reload %" JSON_INTEGER_FORMAT,
		    integer(status, "package_reload"));
	text_print_field(context, ", ", string(report, "alias"), "");
	text_print_field(context, ", ", string(status, "role"), "");
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
		text_print_field(context, ": ", string(reloading, "phase"), "");
		text_print_field(context, " of role ",
		    string(reloading, "role"), "");
		putc('\n', context->out);
	}
	if (context->verbose) {
		text_print_field(context, "  uuid: ", string(report, "uuid"),
		    "\n");
		if (json_is_integer(json_object_get(status, "pid")))
			fprintf(context->out, "  pid: %" JSON_INTEGER_FORMAT
			    "\n", integer(status, "pid"));
		text_print_field(context, "  address: ", string(status, "uri"),
		    "\n");
		text_print_field(context, "  code directory: ",
		    string(status, "root"), "\n");
		print_time(context, "  loaded at: ",
		    json_object_get(status, "loaded_at"), "\n");
	}
	print_last(context, json_object_get(status, "last"));
	text_print_details(context, report);
}
