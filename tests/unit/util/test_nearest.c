/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/nearest.h"

/* The nearest of "reload plan status stale", or "none". */
static const char *
nearest(const char *word)
{
	static const char *const names[] = {
		"reload", "plan", "status", "stale"
	};
	struct nearest nearest;
	size_t i;

	nearest_init(&nearest, word);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		nearest_add(&nearest, names[i]);
	return nearest.name != NULL ? nearest.name : "none";
}

static void
test_nearest_typing_error_finds_the_name(void **state)
{
	(void)state;
	assert_string_equal(nearest("relaod"), "reload");
	assert_string_equal(nearest("reloda"), "reload");
	assert_string_equal(nearest("rload"), "reload");
	assert_string_equal(nearest("reloaded"), "reload");
	assert_string_equal(nearest("statsu"), "status");
	assert_string_equal(nearest("stalle"), "stale");
	assert_string_equal(nearest("plans"), "plan");
}

static void
test_nearest_prefix_finds_the_name(void **state)
{
	(void)state;
	assert_string_equal(nearest("re"), "reload");
	assert_string_equal(nearest("st"), "status");
}

static void
test_nearest_other_word_finds_nothing(void **state)
{
	char letters[200];

	(void)state;
	memset(letters, 'a', sizeof(letters) - 1);
	letters[sizeof(letters) - 1] = '\0';
	assert_string_equal(nearest(""), "none");
	assert_string_equal(nearest("x"), "none");
	assert_string_equal(nearest("restart"), "none");
	assert_string_equal(nearest("console"), "none");
	assert_string_equal(nearest(letters), "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest_typing_error_finds_the_name),
		cmocka_unit_test(test_nearest_prefix_finds_the_name),
		cmocka_unit_test(test_nearest_other_word_finds_nothing)
	};

	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
