/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/msgpack_text.h"
#include "proto/yaml_tree.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

/* A literal of bytes with its length. */
#define BYTES(text)	text, sizeof(text) - 1

static const struct {
	const char	*data;
	size_t		 len;
	const char	*text;
} values[] = {
	{ BYTES("\xc0"), "null" },
	{ BYTES("\xc2"), "false" },
	{ BYTES("\xc3"), "true" },
	{ BYTES("\x05"), "5" },
	{ BYTES("\xff"), "-1" },
	{ BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
	    "18446744073709551615" },
	{ BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
	    "-9223372036854775808" },
	{ BYTES("\xca\x3f\xc0\x00\x00"), "1.5" },
	{ BYTES("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"), "1.5" },
	{ BYTES("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), "inf" },
	{ BYTES("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"), "-inf" },
	{ BYTES("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), "nan" },
	{ BYTES("\xa4load"), "load" },
	{ BYTES("\xa0"), "\"\"" },
	{ BYTES("\xa4true"), "\"true\"" },
	{ BYTES("\xa4NULL"), "\"NULL\"" },
	{ BYTES("\xa1" "1"), "\"1\"" },
	{ BYTES("\xa2- "), "\"- \"" },
	{ BYTES("\xa2" "a\0"), "\"a\\x00\"" },
	{ BYTES("\xa6" "a\n\"\\\033\x7f"), "\"a\\n\\\"\\\\\\x1b\\x7f\"" },
	{ BYTES("\xc4\x02" "ab"), "ab" },
	{ BYTES("\x90"), "[]" },
	{ BYTES("\x93\x01\x02\x91\x03"), "[1, 2, [3]]" },
	{ BYTES("\x82\xa1" "a\x01\x02\x90"), "{a: 1, 2: []}" },
	{ BYTES("\xd4\x09x"), "\"(extension type 9)\"" },
	{ BYTES("\xc7\x03\x01xyz"), "\"(extension type 1)\"" },
	{ BYTES("\xc8\x00\x01\xffx"), "\"(extension type -1)\"" },
	{ BYTES("\xdc\x00\x01\x07"), "[7]" },
	{ BYTES("\xdf\x00\x00\x00\x01\x07\x08"), "{7: 8}" }
};

static void
test_msgpack_text_prints_each_type(void **state)
{
	char *text;
	size_t i, len;

	(void)state;
	for (i = 0; i < nitems(values); i++) {
		text = msgpack_text(values[i].data, &len);
		assert_non_null(text);
		assert_string_equal(text, values[i].text);
		assert_int_equal(len, strlen(text));
		free(text);
	}
}

/* What is printed is YAML that means the same. */
static void
test_msgpack_text_parses_as_yaml_to_the_same_values(void **state)
{
	char document[200];
	struct error error;
	json_t *tree;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(values); i++) {
		snprintf(document, sizeof(document), "--- %s\n...\n",
		    values[i].text);
		tree = yaml_tree_parse(document, strlen(document), &error);
		if (tree == NULL)
			fail_msg("%s: %s", values[i].text, error.message);
		json_decref(tree);
	}
	tree = yaml_tree_parse("--- \"a\\x00\"\n...\n", 16, &error);
	assert_int_equal(json_string_length(tree), 2);
	json_decref(tree);
}

static void
test_msgpack_skip_stops_after_the_value(void **state)
{
	const char *at;
	char *copy;
	size_t i, len;

	(void)state;
	for (i = 0; i < nitems(values); i++) {
		at = values[i].data;
		assert_int_equal(msgpack_skip(&at, at + values[i].len), 0);
		assert_ptr_equal(at, values[i].data + values[i].len);
		/* Every beginning of it is refused, and not read beyond. */
		for (len = 0; len < values[i].len; len++) {
			copy = malloc(len + 1);
			assert_non_null(copy);
			memcpy(copy, values[i].data, len);
			at = copy;
			assert_int_equal(msgpack_skip(&at, copy + len), -1);
			free(copy);
		}
	}
}

static void
test_msgpack_skip_truncated_value_fails(void **state)
{
	static const struct {
		const char	*data;
		size_t		 len;
	} cases[] = {
		{ BYTES("\xc1") },
		{ BYTES("\x91\xc1") },
		/* Twice as many make an int that is negative. */
		{ BYTES("\xdf\x7f\xff\xff\xff") },
		{ BYTES("\xdf\x80\x00\x00\x00\x01\x01") },
		{ BYTES("\xdf\xff\xff\xff\xff\x01\x01") },
		{ BYTES("\xdd\xff\xff\xff\xff\x01\x01") },
		{ BYTES("\xdb\xff\xff\xff\xff" "a") },
		{ BYTES("\xc9\xff\xff\xff\xff\x01" "a") },
		{ BYTES("\xc6\x7f\xff\xff\xff" "a") }
	};
	const char *at;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		at = cases[i].data;
		assert_int_equal(msgpack_skip(&at, at + cases[i].len), -1);
	}
}

static void
test_msgpack_skip_nested_too_deep_fails(void **state)
{
	static char deep[1000000];
	const char *at = deep;

	(void)state;
	memset(deep, '\x91', sizeof(deep));
	deep[MSGPACK_DEPTH_MAX] = '\x01';
	assert_int_equal(msgpack_skip(&at, deep + sizeof(deep)), 0);
	assert_ptr_equal(at, deep + MSGPACK_DEPTH_MAX + 1);
	deep[MSGPACK_DEPTH_MAX] = '\x91';
	at = deep;
	assert_int_equal(msgpack_skip(&at, deep + sizeof(deep)), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_msgpack_text_prints_each_type),
		cmocka_unit_test(
		    test_msgpack_text_parses_as_yaml_to_the_same_values),
		cmocka_unit_test(test_msgpack_skip_stops_after_the_value),
		cmocka_unit_test(test_msgpack_skip_truncated_value_fails),
		cmocka_unit_test(test_msgpack_skip_nested_too_deep_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
