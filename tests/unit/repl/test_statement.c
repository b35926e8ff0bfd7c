/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "repl/statement.h"

static int
add(struct statement *statement, const char *line, unsigned long number)
{
	struct error error;

	return statement_add(statement, line, strlen(line), number, &error);
}

static void
test_statement_lines_are_joined(void **state)
{
	struct statement statement = { .text = NULL };

	(void)state;
	assert_int_equal(add(&statement, "f(", 3), 1);
	assert_int_equal(add(&statement, "", 4), 1);
	assert_int_equal(add(&statement, "1)", 5), 1);
	assert_string_equal(statement.text, "f(\n\n1)");
	assert_int_equal(statement.len, 6);
	assert_int_equal(statement.line, 3);
	statement_forget(&statement);
	assert_null(statement.text);
	assert_int_equal(add(&statement, "x", 6), 1);
	assert_string_equal(statement.text, "x");
	assert_int_equal(statement.line, 6);
	statement_forget(&statement);
}

static void
test_statement_blank_first_line_is_skipped(void **state)
{
	struct statement statement = { .text = NULL };
	struct error error;

	(void)state;
	assert_int_equal(add(&statement, "", 1), 0);
	assert_int_equal(add(&statement, " \t", 2), 0);
	assert_null(statement.text);
	/* This is not blank, but an error that the instance tells. */
	assert_int_equal(statement_add(&statement, "\0", 1, 3, &error), 1);
	assert_int_equal(statement.len, 1);
	statement_forget(&statement);
}

/* Nearly 1 MiB of lines of 64 KiB. */
static void
test_statement_long_is_checked_when_doubled(void **state)
{
	static char line[64 * 1024];
	struct statement statement = { .text = NULL };
	struct error error;
	int i, asked = 0, result;

	(void)state;
	memset(line, ' ', sizeof(line));
	line[0] = 'x';
	assert_int_equal(add(&statement, "f(", 1), 1);
	statement.sent = statement.len;
	for (i = 0; i < 15; i++) {
		result = statement_add(&statement, line, sizeof(line) - 1,
		    2, &error);
		assert_in_range(result, 0, 1);
		asked += result;
		if (result == 1)
			statement.sent = statement.len;
	}
	/* At 1, 2, 4 and 8 lines. */
	assert_int_equal(asked, 4);
	statement_forget(&statement);
}

static void
test_statement_long_and_closed_is_checked(void **state)
{
	static char line[64 * 1024];
	struct statement statement = { .text = NULL };
	struct error error;

	(void)state;
	memset(line, ' ', sizeof(line));
	line[0] = '{';
	assert_int_equal(statement_add(&statement, line, sizeof(line), 1,
	    &error), 1);
	statement.sent = statement.len;
	assert_int_equal(add(&statement, "1", 2), 0);
	assert_int_equal(add(&statement, "}", 3), 1);
	statement_forget(&statement);
}

static void
test_statement_above_limit_is_refused(void **state)
{
	static char line[1024 * 1024];
	struct statement statement = { .text = NULL };
	struct error error;

	(void)state;
	memset(line, 'x', sizeof(line));
	assert_int_equal(statement_add(&statement, line, sizeof(line), 7,
	    &error), 1);
	assert_int_equal(statement_add(&statement, "x", 1, 8, &error), -1);
	assert_int_equal(error.outcome, OUTCOME_FAILED);
	assert_string_equal(error_word(error.code), "lua_error");
	assert_int_equal(statement.line, 7);
	assert_null(statement.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statement_lines_are_joined),
		cmocka_unit_test(test_statement_blank_first_line_is_skipped),
		cmocka_unit_test(test_statement_long_is_checked_when_doubled),
		cmocka_unit_test(test_statement_long_and_closed_is_checked),
		cmocka_unit_test(test_statement_above_limit_is_refused)
	};

	return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}
