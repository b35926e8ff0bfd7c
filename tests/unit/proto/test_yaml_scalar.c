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
	return yaml_scalar_value(text, len);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_scalar_words_are_typed),
		cmocka_unit_test(test_yaml_scalar_integers_are_typed),
		cmocka_unit_test(test_yaml_scalar_reals_are_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
