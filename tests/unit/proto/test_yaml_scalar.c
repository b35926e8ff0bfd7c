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

#include "proto/yaml_scalar.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

static json_t *
value_of(const char *text, size_t len)
{
	struct scalars scalars = { 0 };
	json_t *value;

	value = scalars_value(&scalars, text, len);
	scalars_finish(&scalars);
	return value;
}

static void
test_yaml_scalar_words_are_typed(void **state)
{
	static const struct {
		const char	*text;
		json_type	 type;
	} cases[] = {
		{ "~", JSON_NULL }, { "null", JSON_NULL },
		{ "true", JSON_TRUE }, { "false", JSON_FALSE },
		{ "", JSON_STRING }, { "nul", JSON_STRING },
		{ "nulls", JSON_STRING }, { "True", JSON_STRING },
		{ "~~", JSON_STRING }, { "yes", JSON_STRING },
	};
	json_t *value;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		value = value_of(cases[i].text, strlen(cases[i].text));
		assert_non_null(value);
		assert_int_equal(json_typeof(value), cases[i].type);
		if (json_is_string(value))
			assert_string_equal(json_string_value(value),
			    cases[i].text);
		json_decref(value);
	}
}

static void
test_yaml_scalar_integers_are_typed(void **state)
{
	static const struct {
		const char	*text;
		json_int_t	 number;
	} cases[] = {
		{ "0", 0 }, { "-0", 0 }, { "7", 7 }, { "-12", -12 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
	};
	static const char *const strings[] = {
		"9223372036854775808", "-9223372036854775809",
		"18446744073709551615", "99999999999999999999", "01", "-",
		"--1", "1a", "1 ", "-01", "1_000",
	};
	json_t *value;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		value = value_of(cases[i].text, strlen(cases[i].text));
		assert_true(json_is_integer(value));
		assert_int_equal(json_integer_value(value), cases[i].number);
		json_decref(value);
	}
	for (i = 0; i < nitems(strings); i++) {
		value = value_of(strings[i], strlen(strings[i]));
		assert_true(json_is_string(value));
		assert_string_equal(json_string_value(value), strings[i]);
		json_decref(value);
	}
}

static void
check_real(const char *text)
{
	double expected = strtod(text, NULL), real;
	json_t *value;

	value = value_of(text, strlen(text));
	if (!json_is_real(value))
		fail_msg("%s is no real", text);
	real = json_real_value(value);
	/* To the last bit, the sign of a zero too. */
	if (memcmp(&real, &expected, sizeof(real)) != 0)
		fail_msg("%s is read as %.17g", text, real);
	json_decref(value);
}

static void
test_yaml_scalar_reals_are_typed(void **state)
{
	static const char *const reals[] = {
		"0.0", "-0.0", "0.5", "-1.25", "1e5", "1E5", "1e+5", "1e-5",
		"1.5e300", "-1.5e-300", "5e-324", "4.9e-330", "0.1", "0.3",
		"123456789012345.6", "9007199254740992.0", "9007199254740993.0",
		"9007199254740993.5", "0.000000000000000000001234",
		"1234567890123456789012.5", "1.7976931348623157e308",
		"0.12345678901234567890123456789", "3.141592653589793",
		"179769313486231570000000000000000000000.5e270",
		"0.1e1", "-0e0", "0e99999", "1e22", "1e23", "1e-22", "1e-23",
	};
	static const char *const strings[] = {
		"1e400", "-1e400", "1.", ".5", "1.e5", "1e", "1e+", "01.5",
		"1.5.5", "1e5e5", "-.5", "1.5 ", "0x1p3", "1.5f", "inf", "nan",
		"-inf", "-nan",
	};
	char text[64];
	json_t *value;
	unsigned seed = 1;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(reals); i++)
		check_real(reals[i]);
	for (i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		snprintf(text, sizeof(text), "%s%u.%0*u", i % 2 ? "-" : "",
		    seed >> (i % 31), (int)(i % 12) + 1, seed % 1000);
		check_real(text);
		snprintf(text, sizeof(text), "%u.%ue%d", seed % 100000,
		    seed >> 7, (int)(i % 80) - 40);
		check_real(text);
	}
	for (i = 0; i < nitems(strings); i++) {
		value = value_of(strings[i], strlen(strings[i]));
		assert_true(json_is_string(value));
		assert_string_equal(json_string_value(value), strings[i]);
		json_decref(value);
	}
}

static void
test_yaml_scalar_repeated_string_is_shared(void **state)
{
	/* So many that each place is taken anew again and again. */
	enum { WORDS = 3 * SCALARS_MAX };
	static struct scalars scalars;
	char text[WORDS][SCALARS_LEN_MAX + 4];
	json_t *value, *again;
	size_t i, len, round;

	(void)state;
	for (i = 0; i < WORDS; i++)
		snprintf(text[i], sizeof(text[i]), "w%.*s%zu",
		    (int)(i % SCALARS_LEN_MAX), "abcdefghijklmnopqrstuvwxyz",
		    i % 100);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < WORDS; i++) {
			len = strlen(text[i]);
			value = scalars_value(&scalars, text[i], len);
			again = scalars_string(&scalars, text[i], len);
			assert_int_equal(value == again,
			    len <= SCALARS_LEN_MAX);
			assert_string_equal(json_string_value(value), text[i]);
			assert_string_equal(json_string_value(again), text[i]);
			json_decref(again);
			json_decref(value);
		}
	}
	/* The same text in quotes is another value; a NUL is part of one. */
	value = scalars_value(&scalars, "12", 2);
	again = scalars_string(&scalars, "12", 2);
	assert_true(json_is_integer(value) && json_is_string(again));
	json_decref(value);
	value = scalars_string(&scalars, "12\0", 3);
	assert_int_equal(json_string_length(value), 3);
	json_decref(value);
	scalars_finish(&scalars);
	assert_string_equal(json_string_value(again), "12");
	json_decref(again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_scalar_words_are_typed),
		cmocka_unit_test(test_yaml_scalar_integers_are_typed),
		cmocka_unit_test(test_yaml_scalar_reals_are_typed),
		cmocka_unit_test(test_yaml_scalar_repeated_string_is_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
