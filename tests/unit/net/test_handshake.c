/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/handshake.h"

static int
check(const char *text, struct error *error)
{
	struct document doc = { text, strlen(text), 0 };

	return handshake_check(&doc, error);
}

static void
test_one_answer_is_right(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(check("---\n- true\n...\n", &error), 0);
}

static void
test_another_is_quoted_on_one_line(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(check("---\n- false\n...\n", &error), -1);
	assert_int_equal(error.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(error.code, "bad_handshake");
	assert_string_equal(error.message,
	    "the console did not take YAML as its format: --- - false ... ");
}

static void
test_a_long_one_is_cut(void **state)
{
	struct error error;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(check(text, &error), -1);
	assert_true(strlen(error.message) < 300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_answer_is_right),
		cmocka_unit_test(test_another_is_quoted_on_one_line),
		cmocka_unit_test(test_a_long_one_is_cut)
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
