/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "printed.h"

/*
 * The golden files of tests/functional have what is printed for each kind of
 * report; these cases do not depend on the wording.
 */

/* A reply with that many places, of which every third was patched. */
static char *
many_places(size_t count, int more)
{
	char *text = NULL;
	size_t size, i;
	FILE *file;

	assert_non_null(file = open_memstream(&text, &size));
	fputs("[{'cartridge_reload': 1, 'outcome': 'reloaded', 'stale': [",
	    file);
	for (i = 0; i < count; i++)
		fprintf(file, "%s{'where': 'w%zu', 'patched': %s}",
		    i > 0 ? "," : "", i, i % 3 == 2 ? "true" : "false");
	fprintf(file, "], 'scan': {'complete': true, 'passes': 1, "
	    "'more': %d}}]", more);
	fclose(file);
	return text;
}

static size_t
lines_with(const char *text, const char *what)
{
	size_t count = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		count++;
	return count;
}

static void
test_text_stale_long_list_is_cut_at_fifty(void **state)
{
	static const struct {
		size_t places;
		int more, verbose;
		const char *summary, *rest;
		size_t stale, patched;
	} cases[] = {
		{ 75, 0, 0, "25 patched, 50 left", NULL, 50, 0 },
		{ 76, 0, 0, "25 patched, 51 left",
		    "  and 1 more (see --output json)\n", 50, 0 },
		{ 300, 0, 0, "100 patched, 200 left",
		    "  and 150 more (see --output json)\n", 50, 0 },
		{ 300, 7, 0, "100 patched, 207 left",
		    "  and 157 more (150 of them listed by --output json)\n",
		    50, 0 },
		{ 3, 7, 0, "1 patched, 9 left", "  and 7 more\n", 2, 0 },
		{ 0, 7, 0, "7 left", "  and 7 more\n", 0, 0 },
		{ 300, 0, 1, "100 patched, 200 left", NULL, 200, 100 },
		{ 300, 7, 1, "100 patched, 207 left", "  and 7 more\n", 200,
		    100 }
	};
	struct printed printed;
	char *reply, summary[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reply = many_places(cases[i].places, cases[i].more);
		snprintf(summary, sizeof(summary), "  stale references: %s\n",
		    cases[i].summary);
		begin(&printed, "reload");
		printed.context.verbose = cases[i].verbose;
		print(&printed, &output_text, reply);
		assert_non_null(strstr(printed.out, summary));
		assert_int_equal(lines_with(printed.out, "\n  stale: "),
		    cases[i].stale);
		assert_int_equal(lines_with(printed.out, "\n  patched: "),
		    cases[i].patched);
		if (cases[i].rest != NULL)
			assert_non_null(strstr(printed.out, cases[i].rest));
		else
			assert_null(strstr(printed.out, "  and "));
		end(&printed);
		free(reply);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_stale_long_list_is_cut_at_fifty)
	};

	return cmocka_run_group_tests_name("text_stale", tests, NULL, NULL);
}
