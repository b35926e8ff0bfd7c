/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/array.h"

static void
test_array_grow_keeps_items(void **state)
{
	int *array = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_non_null(array = array_grow(array, i, sizeof(*array)));
		array[i] = (int)i;
	}
	for (i = 0; i < 1000; i++)
		assert_int_equal(array[i], i);
	free(array);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array_grow_keeps_items)
	};

	return cmocka_run_group_tests_name("array", tests, NULL, NULL);
}
