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

#include "repl/pager.h"

static size_t
rows(const char *text, size_t columns)
{
	return pager_rows(text, strlen(text), columns);
}

static void
test_pager_rows_are_counted_by_width(void **state)
{
	(void)state;
	assert_int_equal(rows("", 10), 0);
	assert_int_equal(rows("a", 10), 1);
	assert_int_equal(rows("a\n", 10), 1);
	assert_int_equal(rows("a\nb\n\nc", 10), 4);
	assert_int_equal(rows("0123456789\n", 10), 1);
	assert_int_equal(rows("0123456789a\n", 10), 2);
	assert_int_equal(rows("0123456789012345678901\nb\n", 10), 4);
	/* Characters, and no colours. */
	assert_int_equal(rows("\xd0\x9f\xd0\x9f\xd0\x9f\n", 3), 1);
	assert_int_equal(rows("\033[32m012\033[0m\n", 3), 1);
	assert_int_equal(rows("a\tb\n", 9), 1);
	assert_int_equal(rows("a\tb\n", 8), 2);
	assert_int_equal(rows("\033[32", 3), 0);
}

static void
test_pager_without_terminal_prints_all(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	(void)state;
	setenv("PAGER", "exit 1", 1);
	assert_non_null(out = open_memstream(&text, &size));
	pager_print(out, "a\n\n\nb", 5);
	fclose(out);
	assert_string_equal(text, "a\n\n\nb");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pager_rows_are_counted_by_width),
		cmocka_unit_test(test_pager_without_terminal_prints_all)
	};

	return cmocka_run_group_tests_name("pager", tests, NULL, NULL);
}
