/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <string.h>

#include "output/text.h"

static size_t
count_outcome(const json_t *instances, const char *word)
{
	size_t i, count = 0;

	for (i = 0; i < json_array_size(instances); i++)
		count += strcmp(string(json_array_get(instances, i),
		    "outcome"), word) == 0 ? 1 : 0;
	return count;
}

static void
print_counts(const struct output_context *context,
    const struct output_run *run)
{
	enum outcome outcome;
	size_t count, all;
	const char *separator = ": ";

	all = json_array_size(run->instances) +
	    json_array_size(run->not_attempted) +
	    json_array_size(run->skipped);
	text_print_count(context, "", all, "instance");
	for (outcome = OUTCOME_RELOADED; outcome <= OUTCOME_PROTOCOL;
	    outcome++) {
		count = count_outcome(run->instances, outcome_word(outcome));
		if (count == 0)
			continue;
		fprintf(context->out, "%s%zu ", separator, count);
		text_print_styled(context, outcome_exit(outcome) == 0 ?
		    TERM_GOOD : TERM_BAD, outcome_word(outcome));
		separator = ", ";
	}
	if (json_array_size(run->skipped) > 0) {
		fprintf(context->out, "%s%zu skipped", separator,
		    json_array_size(run->skipped));
		separator = ", ";
	}
	if (json_array_size(run->not_attempted) > 0) {
		fprintf(context->out, "%s%zu ", separator,
		    json_array_size(run->not_attempted));
		text_print_styled(context, TERM_WARN, "not attempted");
	}
	putc('\n', context->out);
}

static void
print_failure(const struct output_context *context, const json_t *report)
{
	const char *code = string(json_object_get(report, "error"), "code");

	fputs("  ", context->out);
	text_print_styled(context, TERM_BOLD, string(report, "target"));
	fputs(": ", context->out);
	text_print_styled(context, TERM_BAD, string(report, "outcome"));
	if (code != NULL) {
		fputs(" (", context->out);
		text_print(context, code);
		putc(')', context->out);
	}
	putc('\n', context->out);
}

void
text_print_summary(const struct output_context *context,
    const struct output_run *run)
{
	const json_t *report;
	size_t i;

	print_counts(context, run);
	for (i = 0; i < json_array_size(run->instances); i++) {
		report = json_array_get(run->instances, i);
		if (!is_true(report, "ok"))
			print_failure(context, report);
	}
}
