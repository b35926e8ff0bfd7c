/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>

#include "output/text.h"

void
text_print_results(const struct output_context *context, const json_t *report)
{
	const json_t *results = json_object_get(report, "results");

	if (!json_is_string(results))
		return;
	if (context->targets > 1) {
		/*
		 * Print the target as a comment, to keep the output valid YAML.
		 */
		fputs("# ", context->out);
		text_print(context, string(report, "target"));
		putc('\n', context->out);
	}
	term_print_lines(context->out, json_string_value(results), 0);
	putc('\n', context->out);
}
