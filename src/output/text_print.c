/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>

#include "output/text.h"

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

void
text_print_field(const struct output_context *context, const char *before,
    const char *text, const char *after)
{
	if (text == NULL)
		return;
	fputs(before, context->out);
	text_print(context, text);
	fputs(after, context->out);
}

void
text_print_target(const struct output_context *context, const json_t *report)
{
	text_print_styled(context, TERM_BOLD, string(report, "target"));
	fputs(": ", context->out);
}

void
text_print_head(const struct output_context *context, const json_t *report,
    const char *said)
{
	int ok = is_true(report, "ok");

	text_print_target(context, report);
	text_print_styled(context, ok ? TERM_GOOD : TERM_BAD, said);
}
