/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/json_copy.h"

/* Which allocation of jansson's fails, counted down; 0 is none. */
static int left;

static void *
scarce_malloc(size_t size)
{
	return left > 0 && --left == 0 ? NULL : malloc(size);
}

static void
test_a_copy_shares_the_values(void **state)
{
	json_t *tree = json_pack("{s:[i], s:s}", "a", 1, "b", "c"), *copy;

	(void)state;
	copy = copy_json(tree);
	assert_true(json_equal(copy, tree));
	assert_ptr_equal(json_object_get(copy, "a"),
	    json_object_get(tree, "a"));
	json_object_del(copy, "b");
	assert_int_equal(json_object_size(tree), 2);
	json_decref(copy);
	json_decref(tree);
	assert_null(copy_json(NULL));
}

/* All of it or none. */
static void
check_lack_of_memory(const json_t *tree)
{
	json_t *copy;
	int i, failures = 0;

	json_set_alloc_funcs(scarce_malloc, free);
	for (i = 1; i < 100; i++) {
		left = i;
		copy = copy_json(tree);
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
test_lack_of_memory_leaves_nothing_out(void **state)
{
	json_t *object = json_object(), *array = json_array();
	char key[] = "a";
	int i;

	(void)state;
	for (i = 0; i < 20; i++, key[0]++) {
		json_object_set_new(object, key, json_integer(i));
		json_array_append_new(array, json_integer(i));
	}
	check_lack_of_memory(object);
	check_lack_of_memory(array);
	json_decref(array);
	json_decref(object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_copy_shares_the_values),
		cmocka_unit_test(test_lack_of_memory_leaves_nothing_out)
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
