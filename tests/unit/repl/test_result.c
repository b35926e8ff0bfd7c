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

#include "repl/result.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

#define DONE	"---\n- cartridge_reload_done\n"
#define FAILED	"---\n- cartridge_reload_failed\n"

static int
read_reply(struct result *result, const char *text, struct error *error)
{
	struct document doc = { text, strlen(text), 0 };

	return result_read(result, &doc, error);
}

static void
test_result_first_word_selects_kind(void **state)
{
	static const struct {
		const char	*text;
		enum result_kind	 kind;
		const char	*rest;
	} cases[] = {
		{ DONE "- 1\n...\n", RESULT_DONE, "- 1\n...\n" },
		{ DONE "...\n", RESULT_DONE, "...\n" },
		{ DONE "- cartridge_reload_failed\n...\n", RESULT_DONE,
		    "- cartridge_reload_failed\n...\n" },
		{ "---\n- cartridge_reload_nil\n- null\n- x\n...\n",
		    RESULT_NIL_ERR, "- null\n- x\n...\n" },
		{ FAILED "- error: x\n...\n", RESULT_FAILED,
		    "- error: x\n...\n" },
		{ "---\n- error: x\n...\n", RESULT_FAILED,
		    "- error: x\n...\n" },
		{ "---\n- cartridge_reload_more\n...\n", RESULT_INCOMPLETE,
		    "...\n" },
		{ "---\n- cartridge_reload_names\n- []\n...\n", RESULT_NAMES,
		    "- []\n...\n" }
	};
	struct result result;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		assert_int_equal(read_reply(&result, cases[i].text, &error), 0);
		assert_int_equal(result.kind, cases[i].kind);
		assert_int_equal(result.rest_len, strlen(cases[i].rest));
		assert_memory_equal(result.rest, cases[i].rest,
		    result.rest_len);
	}
}

static void
test_result_unknown_word_is_protocol_error(void **state)
{
	static const char *const texts[] = {
		"", "...\n", "---\n...\n", "---\n- 1\n...\n", "--- 1\n...\n",
		"---\n- cartridge_reload_other\n...\n",
		"---\n- cartridge_reload_done2\n...\n",
		"---\n- cartridge_reload_"
	};
	struct result result;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(texts); i++) {
		assert_int_equal(read_reply(&result, texts[i], &error), -1);
		assert_int_equal(error.outcome, OUTCOME_PROTOCOL);
	}
}

static void
assert_tree(const char *text, const char *expected)
{
	struct result result;
	struct error error;
	json_t *tree;
	char *dumped;

	assert_int_equal(read_reply(&result, text, &error), 0);
	assert_non_null(tree = result_tree(&result, &error));
	dumped = json_dumps(tree, JSON_COMPACT);
	assert_string_equal(dumped, expected);
	free(dumped);
	json_decref(tree);
}

static void
test_result_values_are_array_and_error_is_object(void **state)
{
	struct result result;
	struct error error;

	(void)state;
	assert_tree(DONE "...\n", "[]");
	assert_tree(DONE "- 1\n- null\n- {a: b}\n...\n",
	    "[1,null,{\"a\":\"b\"}]");
	assert_tree(FAILED "- error: x\n...\n", "{\"error\":\"x\"}");
	assert_tree("---\n- error: x\n...\n", "{\"error\":\"x\"}");
	assert_int_equal(read_reply(&result, DONE "- {\n...\n", &error), 0);
	assert_null(result_tree(&result, &error));
	assert_int_equal(error.outcome, OUTCOME_PROTOCOL);
	assert_int_equal(read_reply(&result, DONE "a: b\n...\n", &error), 0);
	assert_null(result_tree(&result, &error));
	assert_int_equal(read_reply(&result, FAILED "- 1\n...\n", &error), 0);
	assert_null(result_tree(&result, &error));
	assert_int_equal(error.outcome, OUTCOME_PROTOCOL);
}

static void
assert_explained(const char *text, const char *message)
{
	struct result result;
	struct error error;
	json_t *tree;

	assert_int_equal(read_reply(&result, text, &error), 0);
	assert_non_null(tree = result_tree(&result, &error));
	result_explain(tree, &error);
	assert_int_equal(error.outcome, OUTCOME_FAILED);
	assert_string_equal(error.message, message);
	json_decref(tree);
}

static void
test_result_error_is_explained(void **state)
{
	(void)state;
	assert_explained(FAILED "- error: 'a: b'\n...\n", "a: b");
	assert_explained(FAILED "- error:\n    code: 1\n...\n",
	    "{\"code\":1}");
	assert_explained(FAILED "- error: null\n...\n", "null");
	assert_explained("---\n- cartridge_reload_nil\n- null\n- no\n...\n",
	    "no");
}

static void
test_result_is_printed_like_the_console(void **state)
{
	struct result result;
	struct error error;
	char *text = NULL;
	size_t size;
	FILE *out;

	(void)state;
	assert_int_equal(read_reply(&result, DONE "- 1\n- \033\n...\n", &error),
	    0);
	assert_non_null(out = open_memstream(&text, &size));
	result_print(out, &result, 0);
	fclose(out);
	assert_string_equal(text, "---\n- 1\n- \\033\n...\n");
	free(text);
	assert_int_equal(read_reply(&result, FAILED "- error: x\n...\n",
	    &error), 0);
	assert_non_null(out = open_memstream(&text, &size));
	result_print(out, &result, 1);
	fclose(out);
	assert_non_null(strstr(text, "\033[31mx\033[0m"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result_first_word_selects_kind),
		cmocka_unit_test(test_result_unknown_word_is_protocol_error),
		cmocka_unit_test(
		    test_result_values_are_array_and_error_is_object),
		cmocka_unit_test(test_result_error_is_explained),
		cmocka_unit_test(test_result_is_printed_like_the_console)
	};

	return cmocka_run_group_tests_name("typed", tests, NULL, NULL);
}
