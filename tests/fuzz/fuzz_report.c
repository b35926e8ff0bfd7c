/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Converts a reply to a report and prints that: as JSON it must be one document
 * of ASCII, as text it must contain nothing that a terminal would interpret.
 * The first byte selects the command, the output format and the verbosity.
 */

#include "cli/options.h"
#include "fuzz.h"
#include "output/output.h"
#include "proto/report.h"
#include "proto/yaml_tree.h"
#include "util/outcome.h"

/* For the tree, the report made from it, and the printed text. */
#define HEAP_MAX(len)	((size_t)512 * 1024 * 1024 + 4 * (len))

struct page {
	char	*text;
	size_t	 len;
	FILE	*file;
};

static void
open_page(struct page *page)
{
	page->file = open_memstream(&page->text, &page->len);
	MUST(page->file != NULL);
}

static void
check_json(const struct page *page, const struct report *report)
{
	json_error_t error;
	json_t *document;
	size_t i;

	for (i = 0; i < page->len; i++)
		MUST(page->text[i] == '\n' ||
		    (page->text[i] >= ' ' && page->text[i] <= '~'));
	/* Results of `eval` may contain NUL bytes. */
	document = json_loads(page->text, JSON_ALLOW_NUL, &error);
	if (document == NULL)
		fprintf(stderr, "line %d: %s\n", error.line, error.text);
	MUST(json_integer_value(json_object_get(document, "exit")) ==
	    outcome_exit(report->outcome));
	MUST(json_array_size(json_object_get(document, "instances")) == 1);
	json_decref(document);
}

static void
print(const struct report *report, unsigned char choice)
{
	struct page out, err;
	struct output_context context;
	struct output_run run = { .outcome = report->outcome };
	const struct output *output;
	const struct command_row *command = command_table;
	json_t *instances = json_array();
	unsigned skip = choice >> 4;

	while (skip-- > 0 && command[1].name != NULL)
		command++;
	output = choice & 1 ? &output_json : &output_text;
	open_page(&out);
	open_page(&err);
	memset(&context, 0, sizeof(context));
	context.out = out.file;
	context.err = err.file;
	context.command = command->name;
	context.view = command->view;
	context.quiet = (choice & 2) != 0;
	context.verbose = (choice & 4) != 0;
	context.targets = choice & 8 ? 2 : 1;
	json_array_append(instances, report->instance);
	if (choice & 8)
		run.preflights = instances;
	run.instances = instances;
	output->instance(&context, report->instance);
	if (outcome_exit(report->outcome) != 0)
		output_error(&context, report->instance);
	MUST(output->end(&context, &run) == 0);
	fclose(out.file);
	fclose(err.file);
	if ((choice & 3) == 1)
		check_json(&out, report);
	must_be_harmless(out.text, out.len);
	must_be_harmless(err.text, err.len);
	free(out.text);
	free(err.text);
	json_decref(instances);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error;
	struct report report;
	json_t *reply;
	unsigned char choice;

	if (size < 1)
		return 0;
	choice = data[0];
	heap_begin();
	reply = yaml_tree_parse((const char *)data + 1, size - 1, &error);
	if (reply == NULL) {
		report_from_error(&report, "a", &error);
	} else {
		report_from_reply(&report, "a", reply, choice == 'r');
		json_decref(reply);
	}
	MUST(report.instance != NULL);
	MUST(report.outcome != OUTCOME_USAGE);
	if (choice & 1)
		report_parse_results(&report);
	MUST(report.instance != NULL);
	print(&report, choice);
	MUST(heap_peak() <= HEAP_MAX(size));
	report_finish(&report);
	return 0;
}
