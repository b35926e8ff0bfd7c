/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/error.h"

static void
test_error_set_fills_error_and_returns_minus_one(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(error_set(&error, ERROR_LOCKED,
	    "held by %s", "me"), -1);
	assert_int_equal(error.outcome, OUTCOME_REFUSED);
	assert_string_equal(error_word(error.code), "locked");
	assert_string_equal(error.message, "held by me");
	assert_false(error.transient);
}

/* A reader of the report tells rows apart by their word and outcome. */
static void
test_error_code_rows_are_whole_and_differ(void **state)
{
	const char *word, *text;
	int i, j;

	(void)state;
	for (i = 0; i < ERROR_COUNT; i++) {
		word = error_word(i);
		text = error_explanation(i);
		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"),
		    strlen(word));
		assert_true(outcome_exit(error_outcome(i)) > 0);
		assert_int_equal(text[strlen(text) - 1], '.');
		for (j = 0; j < i; j++)
			assert_false(strcmp(error_word(j), word) == 0 &&
			    error_outcome(j) == error_outcome(i));
	}
}

static void
test_error_transient_only_by_its_setter(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(error_set_transient(&error, ERROR_REFUSED,
	    "%d", 7), -1);
	assert_true(error.transient);
	assert_int_equal(error.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(error.message, "7");
	error_set(&error, ERROR_REFUSED, "again");
	assert_false(error.transient);
}

static void
test_error_long_message_is_cut(void **state)
{
	struct error error;
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	error_set(&error, ERROR_USAGE, "%s", text);
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
	text[sizeof(error.message) - 1] = '\0';
	assert_string_equal(error.message, text);
}

static void
test_error_message_is_cut_between_characters(void **state)
{
	/* Characters of one to four bytes. */
	static const char *const chars[] = { "x", "\xc3\xa9", "\xe2\x82\xac",
	    "\xf0\x9f\x98\x80" };
	struct error error;
	char text[3000];
	size_t i, at, len, n;

	(void)state;
	for (i = 0; i < sizeof(chars) / sizeof(chars[0]); i++) {
		n = strlen(chars[i]);
		for (at = 0; at < n; at++) {
			memset(text, ' ', at);
			for (len = at; len + n < sizeof(text); len += n)
				memcpy(text + len, chars[i], n);
			text[len] = '\0';
			error_set(&error, ERROR_USAGE, "%s", text);
			len = strlen(error.message);
			assert_int_equal((len - at) % n, 0);
			assert_in_range(len, sizeof(error.message) - n,
			    sizeof(error.message) - 1);
			assert_memory_equal(error.message, text, len);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_error_set_fills_error_and_returns_minus_one),
		cmocka_unit_test(test_error_code_rows_are_whole_and_differ),
		cmocka_unit_test(test_error_transient_only_by_its_setter),
		cmocka_unit_test(test_error_long_message_is_cut),
		cmocka_unit_test(test_error_message_is_cut_between_characters),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
