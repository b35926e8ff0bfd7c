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
test_summary_counts_outcomes_and_lists_failures_last(void **state)
{
	static const char rows[] =
	    ROW("a", "false", "failed', 'error': {'code': 'init_failed'}") ", "
	    ROW("b", "true", "reloaded'") ", " ROW("c", "true", "reloaded'")
	    ", " ROW("d", "false", "timeout', 'error': null");
	struct printed printed;

	(void)state;
	begin(&printed, "reload");
	end_several(&printed, &output_text, rows, ", 'n': ['e'],"
	    " 's': [{'target': 'f', 'reason': 'r'}]");
	assert_string_equal(printed.out, "6 instances: 2 reloaded, 1 failed, "
	    "1 timeout, 1 skipped, 1 not attempted\n"
	    "  a: failed (init_failed)\n  d: timeout\n");
	end(&printed);
	begin(&printed, "eval");
	end_several(&printed, &output_text, rows, "");
	assert_string_equal(printed.out, "");
	end(&printed);
	begin(&printed, "plan");
	end_several(&printed, &output_text, ROW("b", "true", "planned'"),
	    ", 't': [" ROW("b", "true", "ok', 'status': {'box': 'r'}") "]");
	assert_string_equal(printed.out,
	    "b: planned\n"
	    "NAME  STATE  TARGET\nb     r      b\n1 instance: 1 planned\n");
	end(&printed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_summary_counts_outcomes_and_lists_failures_last)
	};

	return cmocka_run_group_tests_name("text_summary", tests, NULL, NULL);
}
