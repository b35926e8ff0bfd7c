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

#include "util/path.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

static void
test_path_join_adds_slash_where_needed(void **state)
{
	static const char *const cases[][3] = {
		{ "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "", "b", "b" },
		{ ".", "b/c", "b/c" }, { "/", "b", "/b" },
	};
	char *path;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		path = path_join(cases[i][0], cases[i][1]);
		assert_string_equal(path, cases[i][2]);
		free(path);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_join_adds_slash_where_needed)
	};

	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
