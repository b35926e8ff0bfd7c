/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/output.h"
#include "proto/report.h"
#include "util/json_util.h"

static void
json_instance(const struct output_context *context, const json_t *report)
{
	/*
	 * Print nothing yet: json_end prints the whole document or, on failure,
	 * nothing.
	 */
	(void)context;
	(void)report;
}

int
output_json_value(FILE *out, const json_t *value, size_t indent)
{
	char *dumped, *at;
	size_t len;

	/*
	 * Print only ASCII, because the output may go to a terminal.  Print at
	 * most 15 digits of a real number: instances send 14 digits, and 17
	 * digits would turn 0.1 into 0.10000000000000001.
	 */
	dumped = json_dump_strict(value, JSON_INDENT(indent) | JSON_ENCODE_ANY |
	    JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15), NULL);
	if (dumped == NULL)
		return -1;
	for (at = dumped;; at += len + 1) {
		len = strcspn(at, "\177");
		fwrite(at, 1, len, out);
		if (at[len] == '\0')
			break;
		/* Escape DEL, which must not reach a terminal. */
		fputs("\\u007F", out);
	}
	putc('\n', out);
	free(dumped);
	return 0;
}

static int
json_end(const struct output_context *context, const struct output_run *run)
{
	json_t *document;
	int result;

	if (context->quiet)
		return 0;
	document = report_document(context->command,
	    outcome_exit_for(run->outcome, context->exit_code), run->instances,
	    run->not_attempted, run->skipped);
	if (run->error != NULL && json_object_set_new(document, "error",
	    json_pack("{s:s, s:o}", "code",
	    error_word(run->error->code), "message",
	    report_text(run->error->message))) == -1) {
		json_decref(document);
		return -1;
	}
	result = output_json_value(context->out, document, 2);
	json_decref(document);
	return result;
}

const struct output output_json = {
	.name = "json",
	.wants_tree = 1,
	.instance = json_instance,
	.end = json_end
};
