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

static void
test_text_durations_have_a_unit_and_two_or_three_digits(void **state)
{
	static const char *const cases[][2] = {
		{ "0.25", " in 0.2 ms\n" }, { "3", " in 3.0 ms\n" },
		{ "41.2", " in 41 ms\n" }, { "1000", " in 1000 ms\n" },
		{ "12345.6", " in 12.3 s\n" }
	};
	struct printed printed;
	char reply[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(reply, sizeof(reply), REPLY("'outcome': 'reloaded',"
		    "'generation': 1, 'duration_ms': %s"), cases[i][0]);
		print_text(&printed, "reload", reply);
		assert_non_null(strstr(printed.out, cases[i][1]));
		end(&printed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_text_durations_have_a_unit_and_two_or_three_digits)
	};

	return cmocka_run_group_tests_name("text_print", tests, NULL, NULL);
}
