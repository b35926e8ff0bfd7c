/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/strlist.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

static void
test_strlist_split_follows_shell_quoting(void **state)
{
	static const struct {
		const char	*line;
		const char	*words[4];
	} cases[] = {
		{ "", { NULL } },
		{ " \t ", { NULL } },
		{ "a", { "a" } },
		{ "  a\tb  c ", { "a", "b", "c" } },
		{ "'a b' \"c d\"", { "a b", "c d" } },
		{ "a'b c'd", { "ab cd" } },
		{ "'' \"\"", { "", "" } },
		{ "a\\ b \\'c", { "a b", "'c" } },
		{ "'a\\b' \"a\\\"b\"", { "a\\b", "a\"b" } },
		{ "it\"'\"s", { "it's" } },
		{ "end\\", { "end\\" } },
		{ "a\nb", { "a", "b" } },
		{ "$HOME *", { "$HOME", "*" } }
	};
	struct strlist words = { NULL, 0 };
	struct error error;
	size_t i, j;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		assert_int_equal(strlist_split(&words, cases[i].line, &error),
		    0);
		for (j = 0; cases[i].words[j] != NULL; j++) {
			assert_true(j < words.count);
			assert_string_equal(words.list[j], cases[i].words[j]);
		}
		assert_int_equal(words.count, j);
		strlist_finish(&words);
		assert_null(words.list);
	}
}

static void
test_strlist_split_open_quote_fails(void **state)
{
	static const char *const lines[] = { "'", "a \"b", "\"\\\"" };
	struct strlist words = { NULL, 0 };
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(lines); i++) {
		assert_int_equal(strlist_split(&words, lines[i], &error), -1);
		assert_int_equal(error.outcome, OUTCOME_USAGE);
		assert_string_equal(error.message, "unterminated quote");
		strlist_finish(&words);
	}
}

static void
test_strlist_add_grows(void **state)
{
	struct strlist words = { NULL, 0 };
	struct error error;

	(void)state;
	assert_int_equal(strlist_add(&words, "abc", 2, &error), 0);
	assert_int_equal(strlist_split(&words, "x y", &error), 0);
	assert_int_equal(words.count, 3);
	assert_string_equal(words.list[0], "ab");
	assert_string_equal(words.list[2], "y");
	strlist_finish(&words);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strlist_split_follows_shell_quoting),
		cmocka_unit_test(test_strlist_split_open_quote_fails),
		cmocka_unit_test(test_strlist_add_grows)
	};

	return cmocka_run_group_tests_name("strlist", tests, NULL, NULL);
}
