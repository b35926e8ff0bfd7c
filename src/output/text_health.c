/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/text.h"

/* The maximum number of reasons to list. */
#define LISTED_MAX	8

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
text_print_unhealthy(const struct output_context *context,
    const char *before, const json_t *reports)
{
	const json_t *status, *list;
	const char **reasons, *reason;
	size_t i, j, count = 0, all = 1, shown = 0;

	for (i = 0; i < json_array_size(reports); i++)
		all += 1 + json_array_size(json_object_get(json_object_get(
		    json_array_get(reports, i), "status"), "unhealthy"));
	if ((reasons = calloc(all, sizeof(*reasons))) == NULL)
		return -1;
	for (i = 0; i < json_array_size(reports); i++) {
		status = json_object_get(json_array_get(reports, i), "status");
		if (!json_is_false(json_object_get(status, "healthy")))
			continue;
		list = json_object_get(status, "unhealthy");
		if (json_array_size(list) == 0)
			reasons[count++] = "Cartridge gives no reason";
		for (j = 0; j < json_array_size(list); j++) {
			reason = json_string_value(json_array_get(list, j));
			if (reason != NULL)
				reasons[count++] = reason;
		}
	}
	/*
	 * Each instance reports on the whole cluster, so most reasons repeat.
	 * Sort them, so that equal reasons are adjacent.
	 */
	qsort(reasons, count, sizeof(*reasons), compare_texts);
	for (i = 0; i < count; i++) {
		if (i > 0 && strcmp(reasons[i], reasons[i - 1]) == 0)
			continue;
		if (++shown > LISTED_MAX)
			continue;
		fputs(before, context->out);
		text_print_styled(context, TERM_WARN, "not healthy");
		fputs(": ", context->out);
		text_print(context, reasons[i]);
		putc('\n', context->out);
	}
	if (shown > LISTED_MAX)
		fprintf(context->out, "%snot healthy for %zu more reasons\n",
		    before, shown - LISTED_MAX);
	free(reasons);
	return 0;
}
