/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/json_util.h"

/* Which allocation of jansson's fails, counted down; 0 is none. */
static int left;

static void *
scarce_malloc(size_t size)
{
	return left > 0 && --left == 0 ? NULL : malloc(size);
}

static void
test_json_copy_strict_shares_values(void **state)
{
	json_t *tree = json_pack("{s:[i], s:s}", "a", 1, "b", "c"), *copy;

	(void)state;
	copy = json_copy_strict(tree);
	assert_true(json_equal(copy, tree));
	assert_ptr_equal(json_object_get(copy, "a"),
	    json_object_get(tree, "a"));
	json_object_del(copy, "b");
	assert_int_equal(json_object_size(tree), 2);
	json_decref(copy);
	json_decref(tree);
	assert_null(json_copy_strict(NULL));
}

/* All of it or none. */
static void
check_copies(const json_t *tree)
{
	json_t *copy;
	int i, failures = 0;

	json_set_alloc_funcs(scarce_malloc, free);
	for (i = 1; i < 100; i++) {
		left = i;
		copy = json_copy_strict(tree);
		left = 0;
		if (copy != NULL)
			assert_true(json_equal(copy, tree));
		else
			failures++;
		json_decref(copy);
	}
	json_set_alloc_funcs(malloc, free);
	assert_in_range(failures, 2, 98);
}

static void
test_json_copy_strict_out_of_memory_fails(void **state)
{
	json_t *object = json_object(), *array = json_array();
	char key[] = "a";
	int i;

	(void)state;
	for (i = 0; i < 20; i++, key[0]++) {
		json_object_set_new(object, key, json_integer(i));
		json_array_append_new(array, json_integer(i));
	}
	check_copies(object);
	check_copies(array);
	json_decref(array);
	json_decref(object);
}

static void
test_json_dump_strict_prints_text(void **state)
{
	json_t *tree = json_pack("{s:[i,b,n], s:s}", "a", 1, 1, "b", "c\x7f");
	size_t len;
	char *text;

	(void)state;
	text = json_dump_strict(tree, JSON_COMPACT, &len);
	assert_string_equal(text, "{\"a\":[1,true,null],\"b\":\"c\x7f\"}");
	assert_int_equal(len, strlen(text));
	free(text);
	text = json_dump_strict(tree, JSON_INDENT(2), NULL);
	assert_true(strncmp(text, "{\n  \"a\": [\n", 11) == 0);
	free(text);
	json_decref(tree);
}

static void
test_json_dump_strict_takes_flags_of_json_dumps(void **state)
{
	char *text;

	(void)state;
	text = json_dump_strict(json_null(), JSON_ENCODE_ANY, NULL);
	assert_string_equal(text, "null");
	free(text);
	assert_null(json_dump_strict(json_null(), 0, NULL));
	assert_null(json_dump_strict(NULL, JSON_ENCODE_ANY, NULL));
}

/* All of it or none. */
static void
test_json_dump_strict_out_of_memory_fails(void **state)
{
	json_t *tree = json_pack("{s:{s:[i,i]}, s:s}", "first", "second", 1, 2,
	    "third", "0123456789012345678901234567890123456789");
	char *whole, *text;
	int i, failures = 0;

	(void)state;
	whole = json_dump_strict(tree, 0, NULL);
	json_set_alloc_funcs(scarce_malloc, free);
	for (i = 1; i < 100; i++) {
		left = i;
		text = json_dump_strict(tree, 0, NULL);
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
		cmocka_unit_test(test_json_copy_strict_shares_values),
		cmocka_unit_test(test_json_copy_strict_out_of_memory_fails),
		cmocka_unit_test(test_json_dump_strict_prints_text),
		cmocka_unit_test(
		    test_json_dump_strict_takes_flags_of_json_dumps),
		cmocka_unit_test(test_json_dump_strict_out_of_memory_fails)
	};

	return cmocka_run_group_tests_name("json_util", tests, NULL, NULL);
}
