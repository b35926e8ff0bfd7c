/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "util/clock.h"

static void
test_seconds_any_span_is_rounded(void **state)
{
	static const struct {
		int64_t	 ms;
		double	 seconds;
	} cases[] = { { -5, 0 }, { 0, 0 }, { 99, 0.1 }, { 250, 0.25 },
	    { 996, 1 }, { 1250, 1.25 }, { 4985, 5 }, { 59999, 60 },
	    { 3600000, 3600 } };
	char got[32], expected[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(got, sizeof(got), "%g", clock_seconds(1000, 1000 +
		    cases[i].ms));
		snprintf(expected, sizeof(expected), "%g", cases[i].seconds);
		assert_string_equal(got, expected);
	}
}

static void
test_clock_read_twice_never_goes_back(void **state)
{
	int64_t before = clock_ms();

	(void)state;
	assert_true(before > 0);
	assert_true(clock_ms() >= before);
	assert_true(clock_ms() < CLOCK_FOREVER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds_any_span_is_rounded),
		cmocka_unit_test(test_clock_read_twice_never_goes_back)
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
