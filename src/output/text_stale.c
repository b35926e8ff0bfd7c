/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <string.h>

#include "output/text.h"
#include "proto/report.h"

/* The maximum number of references to list without --verbose. */
#define LISTED_MAX	50

struct counts {
	size_t	patched;
	size_t	left;		/* all unpatched references */
	size_t	more;		/* unpatched references not in the report */
};

static void
count(const json_t *report, struct counts *counts)
{
	const json_t *stale = json_object_get(report, "stale");
	json_int_t more;
	size_t i;

	memset(counts, 0, sizeof(*counts));
	for (i = 0; i < json_array_size(stale); i++) {
		if (is_true(json_array_get(stale, i), "patched"))
			counts->patched++;
		else
			counts->left++;
	}
	more = integer(json_object_get(report, "scan"), "more");
	counts->more = more > 0 ? (size_t)more : 0;
	counts->left += counts->more;
}

static int
is_incomplete(const json_t *report)
{
	return json_is_false(json_object_get(json_object_get(report, "scan"),
	    "complete"));
}

static void
print_incomplete(const struct output_context *context, const json_t *report)
{
	if (!is_incomplete(report))
		return;
	fputs("; ", context->out);
	text_print_styled(context, TERM_BAD, "the scan is incomplete");
}

void
text_print_stale_remain(const struct output_context *context,
    const json_t *report)
{
	struct counts counts;

	count(report, &counts);
	if (counts.left > 0) {
		fputs("; ", context->out);
		term_begin(context->out, context->color, TERM_BAD);
		text_print_count(context, "", counts.left, "stale reference");
		fputs(counts.left == 1 ? " remains" : " remain", context->out);
		term_end(context->out, context->color);
	}
	print_incomplete(context, report);
}

/*
 * Prints a number from the scan, such as "2 passes", after the text `before`.
 * `key` is both the name of the field and the plural noun.  `one` is the
 * singular noun.
 */
static void
print_figure(const struct output_context *context, const char *before,
    const json_t *scan, const char *key, const char *one)
{
	json_int_t value = integer(scan, key);

	fprintf(context->out, "%s%" JSON_INTEGER_FORMAT " %s", before, value,
	    value == 1 ? one : key);
}

static void
print_found(const struct output_context *context, const json_t *report)
{
	const json_t *scan = json_object_get(report, "scan");
	struct counts counts;

	count(report, &counts);
	term_begin(context->out, context->color,
	    is_true(report, "ok") ? TERM_GOOD : TERM_BAD);
	if (counts.left == 0)
		fputs("no stale references found", context->out);
	else
		text_print_count(context, "", counts.left, "stale reference");
	term_end(context->out, context->color);
	text_print_duration(context, " in ",
	    json_object_get(report, "duration_ms"));
	if (scan != NULL) {
		text_print_generation(context, " (", report);
		print_figure(context, json_is_null(json_object_get(report,
		    "generation")) ? " (" : ", ", scan, "objects", "object");
		print_figure(context, ", ", scan, "passes", "pass");
		putc(')', context->out);
	} else
		text_print_generation(context, ", ", report);
	print_incomplete(context, report);
}

/* Prints a stale reference, and whether it was patched. */
static void
print_place(const struct output_context *context, const json_t *place)
{
	int patched = is_true(place, "patched");
	const char *where = string(place, "where");
	const char *name = string(place, "name");

	fputs("  ", context->out);
	text_print_styled(context, patched ? TERM_GOOD : TERM_WARN,
	    patched ? "patched" : "stale");
	fputs(": ", context->out);
	/* The field `where`, if present, already includes the kind of place. */
	text_print(context, where != NULL ? where : string(place, "kind"));
	if (string(place, "function") != NULL) {
		fputs(patched ? " was " : " is ", context->out);
		text_print(context, string(place, "function"));
	}
	/*
	 * The name is empty if the function itself is what the module returned.
	 */
	if (name != NULL && name[0] != '\0') {
		fputs(" (", context->out);
		text_print(context, name);
		putc(')', context->out);
	}
	text_print_generation(context, " of ", place);
	if (!patched && string(place, "reason") != NULL) {
		fputs(": not patched, ", context->out);
		text_print(context, string(place, "reason"));
	}
	putc('\n', context->out);
}

/*
 * Prints at most `max` references: the patched ones if `patched` is 1,
 * otherwise the unpatched ones.
 */
static void
print_places(const struct output_context *context, const json_t *stale,
    int patched, size_t max)
{
	const json_t *place;
	size_t i, printed = 0;

	for (i = 0; i < json_array_size(stale) && printed < max; i++) {
		place = json_array_get(stale, i);
		if (is_true(place, "patched") != patched)
			continue;
		print_place(context, place);
		printed++;
	}
}

/*
 * Prints how many references are not listed, and whether the JSON report
 * contains them.
 */
static void
print_rest(const struct output_context *context, const struct counts *counts,
    size_t max)
{
	size_t listed = counts->left - counts->more, hidden;

	hidden = listed > max ? listed - max : 0;
	if (hidden + counts->more == 0)
		return;
	fprintf(context->out, "  and %zu more", hidden + counts->more);
	if (counts->more == 0)
		fputs(" (see --output json)", context->out);
	else if (hidden > 0)
		fprintf(context->out, " (%zu of them listed by --output json)",
		    hidden);
	putc('\n', context->out);
}

static void
print_summary(const struct output_context *context, const json_t *report,
    const struct counts *counts)
{
	/*
	 * If the scan is incomplete, the first line of a report with the
	 * outcome `stale` already says so.
	 */
	int said = report_ended(report, OUTCOME_STALE);

	if (counts->patched + counts->left == 0 && !context->verbose &&
	    (said || !is_incomplete(report)))
		return;
	fputs("  ", context->out);
	text_print_styled(context, counts->left > 0 ? TERM_WARN : TERM_PLAIN,
	    "stale references");
	if (counts->patched > 0)
		fprintf(context->out, ": %zu patched, ", counts->patched);
	else
		fputs(": ", context->out);
	if (counts->left > 0)
		fprintf(context->out, "%zu left", counts->left);
	else
		fputs(counts->patched > 0 ? "none left" : "none found",
		    context->out);
	if (!said)
		print_incomplete(context, report);
	putc('\n', context->out);
}

static void
print_bytes(const struct output_context *context, json_int_t bytes)
{
	if (bytes < (json_int_t)1024 * 1024)
		fprintf(context->out, "%.0f KiB", (double)bytes / 1024);
	else
		fprintf(context->out, "%.1f MiB",
		    (double)bytes / 1024 / 1024);
}

static void
print_scan(const struct output_context *context, const json_t *scan)
{
	print_figure(context, "  scan: ", scan, "objects", "object");
	print_figure(context, ", ", scan, "functions", "function");
	print_figure(context, ", ", scan, "passes", "pass");
	print_figure(context, ", ", scan, "slices", "slice");
	text_print_duration(context, ", longest ",
	    json_object_get(scan, "max_slice_ms"));
	fputs(", memory ", context->out);
	print_bytes(context, integer(scan, "bytes"));
	putc('\n', context->out);
}

void
text_print_stale_references(const struct output_context *context,
    const json_t *report)
{
	const json_t *stale = json_object_get(report, "stale");
	const json_t *scan = json_object_get(report, "scan");
	struct counts counts;
	int is_scan = context->view == VIEW_STALE;
	int has_run = integer(scan, "passes") > 0;
	size_t max = context->verbose ? json_array_size(stale) : LISTED_MAX;

	count(report, &counts);
	/*
	 * The `stale` command prints its summary in the first line of the
	 * report.  The report of a plan has a scan that did not run if no
	 * reload has been attempted yet.
	 */
	if (!is_scan && (has_run || json_array_size(stale) > 0 ||
	    is_incomplete(report)))
		print_summary(context, report, &counts);
	if (context->verbose)
		print_places(context, stale, 1, max);
	print_places(context, stale, 0, max);
	print_rest(context, &counts, max);
	/*
	 * A successful reload need not check everything, so list the unchecked
	 * items only if verbose.
	 */
	if (is_scan || context->verbose ||
	    report_ended(report, OUTCOME_STALE))
		text_print_list(context, "not checked", TERM_WARN,
		    json_object_get(scan, "unchecked"));
	if (context->verbose && has_run)
		print_scan(context, scan);
}

void
text_print_stale(const struct output_context *context, const json_t *report)
{
	const char *outcome = string(report, "outcome");

	if (report_ended(report, OUTCOME_OK) ||
	    report_ended(report, OUTCOME_STALE)) {
		text_print_target(context, report);
		print_found(context, report);
	} else {
		text_print_head(context, report, outcome);
		text_print_duration(context, " after ",
		    json_object_get(report, "duration_ms"));
		text_print_generation(context, "; ", report);
	}
	putc('\n', context->out);
	text_print_details(context, report);
}
