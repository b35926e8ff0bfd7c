/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#ifndef PRINTED_H
#define PRINTED_H

/*
 * Captures what the formats of output/ print for replies and reports, which are
 * written as JSON with ' for ".
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "output/output.h"
#include "proto/report.h"

/* What was printed on the two streams. */
struct printed {
	struct output_context	 context;
	char			*out;
	char			*err;
	size_t			 out_size;
	size_t			 err_size;
};

static inline void
begin(struct printed *printed, const char *command)
{
	memset(printed, 0, sizeof(*printed));
	printed->context.out = open_memstream(&printed->out,
	    &printed->out_size);
	printed->context.err = open_memstream(&printed->err,
	    &printed->err_size);
	assert_non_null(printed->context.out);
	assert_non_null(printed->context.err);
	printed->context.command = command;
	printed->context.view = commands_find(command)->view;
	printed->context.targets = 1;
}

/* Prints the report on a reply, written with ' for ", and its error. */
static inline void
print(struct printed *printed, const struct output *output, const char *reply)
{
	struct output_run run = { .not_attempted = NULL };
	struct report report;
	char *json, *quote;
	json_t *tree, *instances;

	assert_non_null(json = strdup(reply));
	while ((quote = strchr(json, '\'')) != NULL)
		*quote = '"';
	tree = json_loads(json, 0, NULL);
	assert_non_null(tree);
	report_from_reply(&report, "a.control", tree, 0);
	if (output->wants_tree)
		report_parse_results(&report);
	output->instance(&printed->context, report.instance);
	if (outcome_exit(report.outcome) != 0)
		output_error(&printed->context, report.instance);
	instances = json_pack("[O]", report.instance);
	run.outcome = report.outcome;
	run.instances = instances;
	assert_int_equal(output->end(&printed->context, &run), 0);
	json_decref(instances);
	report_finish(&report);
	json_decref(tree);
	free(json);
	fflush(printed->context.out);
	fflush(printed->context.err);
}

/* Prints the report on a reply of `command` as text. */
static inline void
print_text(struct printed *printed, const char *command, const char *reply)
{
	begin(printed, command);
	print(printed, &output_text, reply);
}

static inline void
end(struct printed *printed)
{
	fclose(printed->context.out);
	fclose(printed->context.err);
	free(printed->out);
	free(printed->err);
}

/* The reply of an instance with these fields. */
#define REPLY(fields)	"[{'cartridge_reload': 1, " fields "}]"

/* Ends a command on several instances, whose reports are ' for ". */
static inline void
end_several(struct printed *printed, const struct output *output,
    const char *reports, const char *rest)
{
	struct output_run run = { .outcome = OUTCOME_FAILED };
	char json[4096], *quote;
	json_t *tree;

	snprintf(json, sizeof(json), "{'i': [%s]%s}", reports, rest);
	while ((quote = strchr(json, '\'')) != NULL)
		*quote = '"';
	tree = json_loads(json, 0, NULL);
	assert_non_null(tree);
	run.instances = json_object_get(tree, "i");
	run.not_attempted = json_object_get(tree, "n");
	run.skipped = json_object_get(tree, "s");
	run.preflights = json_object_get(tree, "t");
	printed->context.targets = 5;
	assert_int_equal(output->end(&printed->context, &run), 0);
	fflush(printed->context.out);
	json_decref(tree);
}

#define ROW(target, ok, more) "{'target': '" target "', 'ok': " ok	\
	", 'outcome': '" more "}"

#endif
