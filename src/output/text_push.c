/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <string.h>

#include "output/output.h"
#include "output/term.h"
#include "output/text.h"
#include "proto/report.h"

/*
 * What can happen to config sections in a push, in the order in which the
 * report lists it.
 */
static const struct {
	const char	*key;
	const char	*todo;		/* label in a dry run */
	enum term_style	 style;
	int		 is_detail;	/* listed only with --verbose */
} change_table[] = {
	{ "added",	"to add",	TERM_GOOD,	0 },
	{ "changed",	"to change",	TERM_WARN,	0 },
	{ "removed",	"to remove",	TERM_BAD,	0 },
	{ "unchanged",	"unchanged",	TERM_DIM,	1 },
	{ "kept",	"kept",		TERM_DIM,	1 }
};

#define CHANGES	(sizeof(change_table) / sizeof(change_table[0]))

static const json_t *
changes(const json_t *report, size_t i)
{
	return json_object_get(json_object_get(report, "sections"),
	    change_table[i].key);
}

static const char *
label(const json_t *report, size_t i)
{
	return report_ended(report, OUTCOME_OK) ?
	    change_table[i].key : change_table[i].todo;
}

static void
print_sections(const struct output_context *context, const char *before,
    const json_t *report)
{
	size_t i, count;

	for (i = 0; i < CHANGES; i++) {
		count = json_array_size(changes(report, i));
		if (count == 0)
			continue;
		fprintf(context->out, "%s%zu %s", before, count,
		    label(report, i));
		before = ", ";
	}
}

/*
 * Prints one line for each instance.  Without --verbose, skips the instances
 * that have no message.
 */
static void
print_cluster(const struct output_context *context, const json_t *report)
{
	const json_t *cluster = json_object_get(report, "cluster"), *one;
	const char *outcome, *message, *said;
	enum term_style style;
	size_t i;

	said = string(json_object_get(report, "error"), "message");
	for (i = 0; i < json_array_size(cluster); i++) {
		one = json_array_get(cluster, i);
		outcome = string(one, "outcome");
		message = string(one, "message");
		if (outcome == NULL || (message == NULL && !context->verbose))
			continue;
		/*
		 * Skip a message that has already been printed as part of the
		 * error message.
		 */
		if (message != NULL && said != NULL && !context->verbose &&
		    strstr(said, message) != NULL)
			continue;
		style = strcmp(outcome, "skipped") == 0 ? TERM_DIM :
		    message != NULL ? TERM_BAD : TERM_GOOD;
		fputs("  ", context->out);
		text_print_styled(context, style, outcome);
		fputs(": ", context->out);
		text_print(context, string(one, "alias"));
		if (string(one, "uri") != NULL &&
		    (string(one, "alias") == NULL ||
		    strcmp(string(one, "alias"), string(one, "uri")) != 0)) {
			fputs(" (", context->out);
			text_print(context, string(one, "uri"));
			putc(')', context->out);
		}
		if (message != NULL) {
			fputs(": ", context->out);
			term_print_lines(context->out, message, 4);
		}
		putc('\n', context->out);
	}
}

static void
print_changes(const struct output_context *context, const json_t *report)
{
	size_t i;

	for (i = 0; i < CHANGES; i++)
		if (!change_table[i].is_detail || context->verbose)
			text_print_list(context, label(report, i),
			    change_table[i].style, changes(report, i));
	print_cluster(context, report);
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

void
text_print_push(const struct output_context *context, const json_t *report)
{
	const char *outcome = string(report, "outcome");
	const json_t *duration = json_object_get(report, "duration_ms");
	const json_t *rollback = json_object_get(report, "rollback");

	if (report_ended(report, OUTCOME_OK)) {
		text_print_head(context, report, "pushed");
		text_print_count(context, " to ",
		    count_ok(json_object_get(report, "cluster")), "instance");
		text_print_duration(context, " in ", duration);
	} else {
		text_print_head(context, report, outcome);
		if (!is_true(report, "ok"))
			text_print_duration(context, " after ", duration);
		if (is_true(rollback, "complete"))
			fputs(", rolled back", context->out);
	}
	print_sections(context, ": ", report);
	putc('\n', context->out);
	print_changes(context, report);
	text_print_details(context, report);
}
