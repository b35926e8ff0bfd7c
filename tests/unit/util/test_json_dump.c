/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/json_dump.h"

/* Which allocation of jansson's fails, counted down; 0 is none. */
static int left;

static void *
scarce_malloc(size_t size)
{
	return left > 0 && --left == 0 ? NULL : malloc(size);
}

static void
test_a_tree_is_text(void **state)
{
	json_t *tree = json_pack("{s:[i,b,n], s:s}", "a", 1, 1, "b", "c\x7f");
	size_t len;
	char *text;

	(void)state;
	text = dump_json(tree, JSON_COMPACT, &len);
	assert_string_equal(text, "{\"a\":[1,true,null],\"b\":\"c\x7f\"}");
	assert_int_equal(len, strlen(text));
	free(text);
	text = dump_json(tree, JSON_INDENT(2), NULL);
	assert_true(strncmp(text, "{\n  \"a\": [\n", 11) == 0);
	free(text);
	json_decref(tree);
}

static void
test_flags_are_those_of_json_dumps(void **state)
{
	char *text;

	(void)state;
	text = dump_json(json_null(), JSON_ENCODE_ANY, NULL);
	assert_string_equal(text, "null");
	free(text);
	assert_null(dump_json(json_null(), 0, NULL));
	assert_null(dump_json(NULL, JSON_ENCODE_ANY, NULL));
}

/* All of it or none. */
static void
test_lack_of_memory_leaves_nothing_out(void **state)
{
	json_t *tree = json_pack("{s:{s:[i,i]}, s:s}", "first", "second", 1, 2,
	    "third", "0123456789012345678901234567890123456789");
	char *whole, *text;
	int i, failures = 0;

	(void)state;
	whole = dump_json(tree, 0, NULL);
	json_set_alloc_funcs(scarce_malloc, free);
	for (i = 1; i < 100; i++) {
		left = i;
		text = dump_json(tree, 0, NULL);
		if (text != NULL)
			assert_string_equal(text, whole);
		else
			failures++;
		free(text);
		left = 0;
	}
	json_set_alloc_funcs(malloc, free);
	assert_in_range(failures, 1, 98);
	free(whole);
	json_decref(tree);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tree_is_text),
		cmocka_unit_test(test_flags_are_those_of_json_dumps),
		cmocka_unit_test(test_lack_of_memory_leaves_nothing_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
