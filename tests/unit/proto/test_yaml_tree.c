/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/yaml_tree.h"
#include "under_valgrind.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))
#define PUSH	"%TAG !push! tag:tarantool.io/push,2018\n"

/* A growing text to build replies in. */
struct text {
	char	*data;
	size_t	 len;
	size_t	 size;
};

static void
append(struct text *text, const char *data)
{
	size_t len = strlen(data);

	if (text->len + len + 1 > text->size) {
		text->size = (text->len + len + 1) * 2;
		text->data = realloc(text->data, text->size);
		assert_non_null(text->data);
	}
	memcpy(text->data + text->len, data, len + 1);
	text->len += len;
}

static void
append_times(struct text *text, const char *data, size_t times)
{
	while (times-- > 0)
		append(text, data);
}

struct mapping {
	const char	*yaml;
	const char	*json;
};

static void
check_bytes(const char *yaml, size_t len, const char *json)
{
	json_t *expected, *value;
	struct error error;
	char *copy, *text;

	/* A copy of the exact size, so that tools see each byte too many. */
	copy = malloc(len > 0 ? len : 1);
	assert_non_null(copy);
	memcpy(copy, yaml, len);
	value = yaml_tree_parse(copy, len, &error);
	free(copy);
	if (value == NULL)
		fail_msg("%s\n%s", yaml, error.message);
	expected = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (expected == NULL)
		fail_msg("the test itself is wrong: %s", json);
	if (!json_equal(value, expected)) {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		fail_msg("%s\nis %s\nnot %s", yaml, text, json);
	}
	json_decref(value);
	json_decref(expected);
}

static void
check(const struct mapping *cases, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		check_bytes(cases[i].yaml, strlen(cases[i].yaml),
		    cases[i].json);
}

/* What Tarantool 2.6.0 sent. */
static void
test_yaml_tree_quoted_scalar_is_string(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- 'yes'\n- y\n- '~'\n- on\n- off\n- 'no'\n- 'null'\n"
		  "- Null\n- NULL\n- 'true'\n- True\n- TRUE\n...\n",
		  "[\"yes\",\"y\",\"~\",\"on\",\"off\",\"no\",\"null\","
		  "\"Null\",\"NULL\",\"true\",\"True\",\"TRUE\"]" },
		{ "---\n- '0x10'\n- '0X1F'\n- 1_000\n- '.5'\n- '1.'\n- '1'\n"
		  "- '-1'\n- '+1'\n- '1e5'\n- '1E+5'\n- 1e\n- 'nan'\n"
		  "- 'inf'\n- .inf\n- .nan\n- 0o17\n- '0b1'\n- 1:30\n"
		  "- 2001-01-01\n- '0123'\n- '00'\n- '-0'\n- '1e400'\n"
		  "- 1 2\n- '+.5'\n- .\n- +\n- 1.5e\n- 'Infinity'\n"
		  "- 1ULL\n- 1LL\n- n\n- '~ '\n- =\n- <<\n...\n",
		  "[\"0x10\",\"0X1F\",\"1_000\",\".5\",\"1.\",\"1\",\"-1\","
		  "\"+1\",\"1e5\",\"1E+5\",\"1e\",\"nan\",\"inf\",\".inf\","
		  "\".nan\",\"0o17\",\"0b1\",\"1:30\",\"2001-01-01\","
		  "\"0123\",\"00\",\"-0\",\"1e400\",\"1 2\",\"+.5\",\".\","
		  "\"+\",\"1.5e\",\"Infinity\",\"1ULL\",\"1LL\",\"n\","
		  "\"~ \",\"=\",\"<<\"]" },
		{ "---\n- '- a'\n- 'a: b'\n- '#x'\n-\n- a\n- ' a'\n- 'a '\n"
		  "- '-'\n- '?'\n- ':'\n- '---'\n- '...'\n- '%a'\n- ''''\n"
		  "...\n",
		  "[\"- a\",\"a: b\",\"#x\",\"\",\"a\",\" a\",\"a \",\"-\","
		  "\"?\",\":\",\"---\",\"...\",\"%a\",\"'\"]" },
		{ "---\n- 12345678-1234-1234-1234-123456789012\n"
		  "- 12e4567-1\n- 1.2.3\n- 1e5e5\n- --1\n- -a\n- 1.e5\n"
		  "- 01\n- 01.5\n- -.5\n- 1e+\n...\n",
		  "[\"12345678-1234-1234-1234-123456789012\",\"12e4567-1\","
		  "\"1.2.3\",\"1e5e5\",\"--1\",\"-a\",\"1.e5\",\"01\","
		  "\"01.5\",\"-.5\",\"1e+\"]" },
		/* A tag of its own makes it text, and quotes do. */
		{ "---\n- !!str 1\n- !t 1\n- \"1\"\n- |-\n  1\n- >-\n  null\n"
		  "...\n",
		  "[\"1\",\"1\",\"1\",\"1\",\"null\"]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_plain_null_boolean_and_number_are_typed(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- null\n- ~\n- true\n- false\n...\n",
		  "[null,null,true,false]" },
		{ "---\n- 1\n- -1\n- 0\n- -0\n- 9007199254740992\n"
		  "- 9223372036854775807\n- -9223372036854775808\n...\n",
		  "[1,-1,0,0,9007199254740992,9223372036854775807,"
		  "-9223372036854775808]" },
		{ "---\n- 9223372036854775808\n- 18446744073709551615\n"
		  "- -9223372036854775809\n- 12345678901234567168\n"
		  "- 12345678901234567890123456789012345678\n...\n",
		  "[\"9223372036854775808\",\"18446744073709551615\","
		  "\"-9223372036854775809\",\"12345678901234567168\","
		  "\"12345678901234567890123456789012345678\"]" },
		{ "---\n- 1.5\n- 0.1\n- 1e+20\n- 1e+100\n- -5.5\n"
		  "- 0.33333333333333\n- 1e-07\n- 1.50\n- 0.0\n- -1.5E-3\n"
		  "- 1e-400\n...\n",
		  "[1.5,0.1,1e20,1e100,-5.5,0.33333333333333,1e-07,1.5,0.0,"
		  "-0.0015,0.0]" },
		{ "---\n- nan\n- -nan\n- inf\n- -inf\n- 1e400\n- -1e400\n"
		  "...\n",
		  "[\"nan\",\"-nan\",\"inf\",\"-inf\",\"1e400\","
		  "\"-1e400\"]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_empty_scalar_is_empty_string(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- a:\n  b:\n  -\n  -\n...\n",
		  "[{\"a\":\"\",\"b\":[\"\",\"\"]}]" },
		{ "---\n- \n- a: \n  b: \n  - \n  - \n...\n",
		  "[\"\",{\"a\":\"\",\"b\":[\"\",\"\"]}]" },
		{ "---\n- ''\n- \"\"\n- !!binary ''\n- !!binary\n...\n",
		  "[\"\",\"\",\"\",\"\"]" },
		{ "---\n- []\n- {}\n- - []\n  - []\n- '': e\n...\n",
		  "[[],{},[[],[]],{\"\":\"e\"}]" },
		{ "---\n- {a, b: }\n...\n", "[{\"a\":\"\",\"b\":\"\"}]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_document_without_values_is_empty_array(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n...\n", "[]" },
		{ "--- \n...\n", "[]" },
		{ "---\n", "[]" },
		{ "--- ''\n...\n", "\"\"" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_folded_string_is_unfolded(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- 'a\n\n  b'\n- |-\n  a\n\n  b\n- 'a\n\n  '\n"
		  "- '\n\n  '\n- '\n\n  a'\n- |2-\n    lead\n\n  x\n"
		  "- |+\n  x\n\n- 'a\n\n  ...\n\n  b'\n- '---\n\n  x'\n"
		  "...\n",
		  "[\"a\\nb\",\"a\\n\\nb\",\"a\\n\",\"\\n\",\"\\na\","
		  "\"  lead\\n\\nx\",\"x\\n\\n\",\"a\\n...\\nb\","
		  "\"---\\nx\"]" },
		{ "---\n- 'it''s one, it''s\n  folded'\n"
		  "- \"a\n  b\\\n  c\\n\"\n- plain words\n  go on\n...\n",
		  "[\"it's one, it's folded\",\"a bc\\n\","
		  "\"plain words go on\"]" },
		{ "---\n- error: '[string \"1x\"]:1: malformed\n"
		  "    number near ''1x'''\n...\n",
		  "[{\"error\":\"[string \\\"1x\\\"]:1: malformed number "
		  "near '1x'\"}]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_escapes_and_utf8_are_decoded(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- \"a\\tb\"\n- \"\\0\"\n- \"a\\0b\"\n- \"\\e[0m\"\n"
		  "- \"\\x7F\"\n- \"a\\r\\nb\"\n- \"\\U0001F600\"\n"
		  "- \xd0\xb6\n- '\xe2\x80\xa8  x'\n- \"\\u0085\"\n"
		  "- \"\\u00E9\"\n...\n",
		  "[\"a\\tb\",\"\\u0000\",\"a\\u0000b\",\"\\u001b[0m\","
		  "\"\\u007f\",\"a\\r\\nb\",\"\xf0\x9f\x98\x80\","
		  "\"\xd0\xb6\",\"\xe2\x80\xa8x\",\"\\u0085\",\"\xc3\xa9\"]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_binary_is_decoded_to_text(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- !!binary /w==\n- !!binary Yf9i\n- !!binary woU=\n"
		  "- !!binary 77u/\n- !!binary 7aCA\n- !!binary /wBhYmM=\n"
		  "- error: !!binary //4=\n...\n",
		  "[\"\\\\xff\",\"a\\\\xffb\",\"\\u0085\",\"\xef\xbb\xbf\","
		  "\"\\\\xed\\\\xa0\\\\x80\",\"\\\\xff\\u0000abc\","
		  "{\"error\":\"\\\\xff\\\\xfe\"}]" },
		/* Numbers and words in it are not that. */
		{ "---\n- !!binary MQ==\n- !!binary bnVsbA==\n- !!binary\n"
		  "- !!binary null\n...\n",
		  "[\"1\",\"null\",\"\",\"\\\\x9e\\\\xe9e\"]" },
		/* Folded, in a block, without padding. */
		{ "---\n- !!binary |\n  YWJj\n  ZGVm\n- !!binary YWJj\n  ZGVm\n"
		  "- !!binary \"YW Jj\"\n- !!binary YWI\n- !!binary YQ\n...\n",
		  "[\"abcdef\",\"abcdef\",\"abc\",\"ab\",\"a\"]" },
		{ "---\n- tag:yaml.org,2002:binary\n"
		  "- !<tag:yaml.org,2002:binary> YQ==\n...\n",
		  "[\"tag:yaml.org,2002:binary\",\"a\"]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_binary_not_base64_is_kept_unchanged(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- !!binary a\n- !!binary YQ=\n- !!binary YQ===\n"
		  "- !!binary Y=Q=\n- !!binary Y*==\n- !!binary =\n"
		  "- !!binary YWJj=\n- !!binary YWJj\xd0\xb6\n- !!binary 5\n"
		  "...\n",
		  "[\"a\",\"YQ=\",\"YQ===\",\"Y=Q=\",\"Y*==\",\"=\","
		  "\"YWJj=\",\"YWJj\xd0\xb6\",\"5\"]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_byte_escapes_equal_binary(void **state)
{
	static const struct mapping cases[] = {
		/* Since 2.11: "\xNN" is a byte, a character is "\uNNNN". */
		{ "---\n- \"\\xFF\\0\"\n- \"a\\xC3b \\x80\"\n...\n",
		  "[\"\\\\xff\\u0000\",\"a\\\\xc3b \\\\x80\"]" },
		{ "---\n- \"\\xff\\x7F\\x1b\"\n- {\"\\xFE\": 1}\n...\n",
		  "[\"\\\\xff\\u007f\\u001b\",{\"\\\\xfe\":1}]" },
		/* Elsewhere it is the text that it looks like. */
		{ "---\n- \"\\xFF\"\n- a\\xFf\\xfF\\xff\\xFF\n- '\\x80'\n"
		  "- |-\n  \\x9A\n- \"\\\\xFF\"\n- \"\\\\\\xFF\"\n"
		  "- '\\\\xFF'\n- a\\xffb: 1\n...\n",
		  "[\"\\\\xff\",\"a\\\\xFf\\\\xfF\\\\xff\\\\xFF\","
		  "\"\\\\x80\",\"\\\\x9A\",\"\\\\xFF\",\"\\\\\\\\xff\","
		  "\"\\\\\\\\xFF\",{\"a\\\\xffb\":1}]" },
		{ "---\n- a\\xffb\n- \"\\x01a\\\\xffb\"\n- '\\x4'\n...\n",
		  "[\"a\\\\xffb\",\"\\u0001a\\\\xffb\",\"\\\\x4\"]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_raw_bytes_not_allowed_in_yaml_become_text(void **state)
{
	static const char with_nul[] = "---\n- a\0b\n- 'c'\n...\n";
	static const struct mapping cases[] = {
		{ "---\n- \xff\n- a\xc3(b\n- '\xe2\x82'\n- \"\xf0\x9f\x98\"\n"
		  "- \xed\xa0\x80\n- \xc0\x80\n- \xe0\x80\xaf\n"
		  "- \xf4\x90\x80\x80\n- !!binary 4ICv\n...\n",
		  "[\"\\\\xff\",\"a\\\\xc3(b\",\"\\\\xe2\\\\x82\","
		  "\"\\\\xf0\\\\x9f\\\\x98\",\"\\\\xed\\\\xa0\\\\x80\","
		  "\"\\\\xc0\\\\x80\",\"\\\\xe0\\\\x80\\\\xaf\","
		  "\"\\\\xf4\\\\x90\\\\x80\\\\x80\","
		  "\"\\\\xe0\\\\x80\\\\xaf\"]" },
		/* No first byte of a character, though the others fit. */
		{ "---\n- !!binary +r+aug==\n- \xfa\xbf\x9a\xba\n...\n",
		  "[\"\\\\xfa\\\\xbf\\\\x9a\\\\xba\","
		  "\"\\\\xfa\\\\xbf\\\\x9a\\\\xba\"]" },
		/* The marks of other encodings too. */
		{ "\xff\xfe-\n", "\"\\\\xff\\\\xfe-\"" },
		{ "\xef\xbb\xbf---\n- 1\n...\n", "[1]" },
		{ "---\n- a\x1b[0mb\n- '\x07'\n- \x7f\n- {\x01: 1}\n...\n",
		  "[\"a\\u001b[0mb\",\"\\u0007\",\"\\u007f\","
		  "{\"\\u0001\":1}]" },
		{ "---\n- \xc2\x80\n- \xef\xbf\xbf\n- \xf4\x8f\xbf\xbf\n...\n",
		  "[\"\\\\xc2\\\\x80\",\"\\\\xef\\\\xbf\\\\xbf\","
		  "\"\\\\xf4\\\\x8f\\\\xbf\\\\xbf\"]" },
		/* What stands in for them is a character of its own. */
		{ "---\n- \xf4\x8f\x80\x80\n- \xf4\x8f\xbf\xbf\n...\n",
		  "[\"\xf4\x8f\x80\x80\",\"\xf4\x8f\xbf\xbf\"]" },
		{ "---\n- \"\\xFF\"\n- \"\\U0010FFFF\"\n- \xf3\xb0\x80\x80\n"
		  "...\n",
		  "[\"\\\\xff\",\"\xf4\x8f\xbf\xbf\","
		  "\"\xf3\xb0\x80\x80\"]" },
	};

	(void)state;
	check(cases, nitems(cases));
	check_bytes(with_nul, sizeof(with_nul) - 1, "[\"a\\u0000b\",\"c\"]");
}

static void
test_yaml_tree_keys_are_text_and_last_duplicate_wins(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- []: 1\n  true: t\n  -3: n\n  1.50: x\n  null: z\n"
		  "  ~: y\n...\n",
		  "[{\"[]\":1,\"true\":\"t\",\"-3\":\"n\",\"1.50\":\"x\","
		  "\"null\":\"z\",\"~\":\"y\"}]" },
		{ "---\n- ? a: 1\n  : m\n  ? - 1\n    - x\n  : k\n...\n",
		  "[{\"{\\\"a\\\":1}\":\"m\",\"[1,\\\"x\\\"]\":\"k\"}]" },
		{ "---\n- '1': s\n  1: n\n- a: 1\n  b: 2\n  a: {c: 3}\n...\n",
		  "[{\"1\":\"n\"},{\"a\":{\"c\":3},\"b\":2}]" },
		{ "---\n- ? 'a\n\n    b'\n  : 1\n- !!binary /w==: 1\n"
		  "- \"a\\0b\": 2\n- !!binary AGE=: 3\n...\n",
		  "[{\"a\\nb\":1},{\"\\\\xff\":1},{\"a\\\\x00b\":2},"
		  "{\"\\\\x00a\":3}]" },
		{ "---\n- ? [\"\\0\"]\n  : 1\n...\n",
		  "[{\"[\\\"\\\\u0000\\\"]\":1}]" },
		{ "---\n- {? [1, {a: b}] : 1, ? : 2}\n...\n",
		  "[{\"[1,{\\\"a\\\":\\\"b\\\"}]\":1,\"\":2}]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_alias_has_value_of_its_anchor(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- - &0\n    - x\n  - *0\n  - - *0\n- ser\n...\n",
		  "[[[\"x\"],[\"x\"],[[\"x\"]]],\"ser\"]" },
		{ "---\n- &a 1\n- &b 'x'\n- &c null\n- &d !!binary /w==\n"
		  "- [*a, *b, *c, *d]\n...\n",
		  "[1,\"x\",null,\"\\\\xff\",[1,\"x\",null,\"\\\\xff\"]]" },
		/* An anchor can be set again, also inside of itself. */
		{ "---\n- &a 1\n- *a\n- &a 2\n- *a\n- &a [&a 3, *a]\n- *a\n"
		  "...\n",
		  "[1,1,2,2,[3,3],3]" },
		/* As keys, and on keys. */
		{ "---\n- &k 1.50: a\n- *k : b\n- &l [1]\n- *l : c\n"
		  "- &s \"\\0\"\n- *s : d\n...\n",
		  "[{\"1.50\":\"a\"},{\"1.5\":\"b\"},[1],{\"[1]\":\"c\"},"
		  "\"\\u0000\",{\"\\\\x00\":\"d\"}]" },
		/* What was replaced can still be pointed to. */
		{ "---\n- {a: &x [1], a: 2, b: *x}\n...\n",
		  "[{\"a\":2,\"b\":[1]}]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_cycle_is_marked(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- &0\n  1: 1\n  self: *0\n- - *0\n  - *0\n...\n",
		  "[{\"1\":1,\"self\":\"<cycle>\"},"
		  "[{\"1\":1,\"self\":\"<cycle>\"},"
		  "{\"1\":1,\"self\":\"<cycle>\"}]]" },
		{ "--- &r\n- *r\n- [*r]\n...\n",
		  "[\"<cycle>\",[\"<cycle>\"]]" },
		{ "---\n- &a {*a : 1}\n- &b [{? [*b] : 2}]\n...\n",
		  "[{\"<cycle>\":1},[{\"[\\\"<cycle>\\\"]\":2}]]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_push_message_is_recognised(void **state)
{
	static const struct mapping cases[] = {
		{ PUSH "--- hi\n...\n", "\"hi\"" },
		{ PUSH "---\na:\n- 1\n- 2\n...\n", "{\"a\":[1,2]}" },
		{ PUSH "--- |-\n  a\n  b\n\n  c\n...\n", "\"a\\nb\\n\\nc\"" },
		{ PUSH "--- !!binary /w==\n...\n", "\"\\\\xff\"" },
		{ PUSH "--- null\n...\n", "null" },
		{ PUSH "--- '5'\n...\n", "\"5\"" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
test_yaml_tree_flow_style_and_serialize_hints_are_read(void **state)
{
	static const struct mapping cases[] = {
		{ "---\n- [1, 2]\n- {'a': 1}\n- {}\n- [a, [b, {c: d}]]\n"
		  "...\n",
		  "[[1,2],{\"a\":1},{},[\"a\",[\"b\",{\"c\":\"d\"}]]]" },
	};

	(void)state;
	check(cases, nitems(cases));
}

static void
refuse_bytes(const char *yaml, size_t len, const char *code, const char *part)
{
	struct error error;
	json_t *value;

	memset(&error, 0, sizeof(error));
	value = yaml_tree_parse(yaml, len, &error);
	if (value != NULL)
		fail_msg("accepted: %.100s", yaml);
	assert_int_equal(error.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(error_word(error.code), code);
	assert_false(error.transient);
	if (strstr(error.message, part) == NULL)
		fail_msg("%.100s: %s", yaml, error.message);
}

static void
test_yaml_tree_not_a_document_of_values_is_refused(void **state)
{
	static const struct {
		const char	*yaml, *part;
	} cases[] = {
		{ "", "no YAML document" },
		{ "# nothing\n", "no YAML document" },
		{ "---\n- 1\n...\n---\n- 2\n...\n", "more than one" },
		{ "---\n...\n---\n...\n", "more than one" },
		{ "---\n- *nobody\n...\n", "line 2 of the reply refers to" },
		{ "--- *a\n...\n", "unknown YAML anchor" },
		{ "---\n- [1\n...\n", "line 3" },
		{ "---\n- a\n b\n- c: d: e\n...\n", "not valid YAML" },
		{ "---\n- \"\\q\"\n...\n", "not valid YAML" },
		{ "---\n- \"\\uD800\"\n...\n", "not valid YAML" },
		{ "---\n- !unknown!x 1\n...\n", "not valid YAML" },
		{ "---\n\t- 1\n...\n", "not valid YAML" },
		{ "---\n- 'a\n...\n", "not valid YAML" },
		{ "%TAG !a! x\n- 1\n...\n", "not valid YAML" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		refuse_bytes(cases[i].yaml, strlen(cases[i].yaml),
		    "bad_reply", cases[i].part);
}

static void
test_yaml_tree_cut_anywhere_is_refused_without_crash(void **state)
{
	static const char reply[] = "%TAG !push! tag:x,2018\n---\n- &0 [a, "
	    "{b: *0, \"c\\xFF\": !!binary /w==}, ? [x] : y]\n- 'a\n\n  b'\n"
	    "- |2-\n    \xd0\xb6\n- {1: 2.5, ~: -nan}\n...\n";
	struct error error;
	size_t len;
	char *copy;

	(void)state;
	for (len = 0; len < sizeof(reply); len++) {
		copy = malloc(len + 1);
		assert_non_null(copy);
		memcpy(copy, reply, len);
		json_decref(yaml_tree_parse(copy, len, &error));
		free(copy);
	}
}

/* A reply of `depth` arrays, one in the other. */
static void
nest(struct text *text, size_t depth, const char *open, const char *shut)
{
	text->len = 0;
	append(text, "--- ");
	append_times(text, open, depth);
	append_times(text, shut, depth);
	append(text, "\n...\n");
}

static void
test_yaml_tree_nested_too_deep_is_refused(void **state)
{
	static const struct {
		const char	*open, *shut;
	} cases[] = { { "[", "]" }, { "{a: ", "}" } };
	struct text text = { NULL, 0, 0 };
	struct error error;
	json_t *value;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		nest(&text, YAML_TREE_DEPTH_MAX, cases[i].open, cases[i].shut);
		value = yaml_tree_parse(text.data, text.len, &error);
		assert_non_null(value);
		json_decref(value);
		nest(&text, YAML_TREE_DEPTH_MAX + 1, cases[i].open,
		    cases[i].shut);
		refuse_bytes(text.data, text.len, "reply_too_deep",
		    "64 levels");
		nest(&text, 1000000, cases[i].open, "");
		refuse_bytes(text.data, text.len, "reply_too_deep", "64");
	}
	free(text.data);
}

static void
test_yaml_tree_nested_complex_keys_respect_budget(void **state)
{
	struct text text = { NULL, 0, 0 };
	struct error error;
	json_t *value;

	(void)state;
	if (is_under_valgrind())
		skip();
	/* Each level doubles the backslashes before the quotes. */
	nest(&text, 8, "{? [", "] : 1}");
	value = yaml_tree_parse(text.data, text.len, &error);
	assert_non_null(value);
	json_decref(value);
	nest(&text, YAML_TREE_DEPTH_MAX / 2, "{? [", "] : 1}");
	refuse_bytes(text.data, text.len, "reply_too_large", "96 MiB");
	free(text.data);
}

static void
test_yaml_tree_nested_through_aliases_too_deep_is_refused(void **state)
{
	struct text text = { NULL, 0, 0 };
	struct error error;
	char line[64];
	json_t *value;
	int i;

	(void)state;
	append(&text, "---\n- &0 []\n");
	/* Two levels are the outermost array and the first anchored one. */
	for (i = 1; i < YAML_TREE_DEPTH_MAX; i++) {
		value = yaml_tree_parse(text.data, text.len, &error);
		assert_non_null(value);
		json_decref(value);
		snprintf(line, sizeof(line), "- &%d [*%d]\n", i, i - 1);
		append(&text, line);
	}
	refuse_bytes(text.data, text.len, "reply_too_deep", "64 levels");
	free(text.data);
}

static double
seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void
test_yaml_tree_exponential_aliases_are_refused_early(void **state)
{
	struct text text = { NULL, 0, 0 };
	char line[128];
	double begin;
	int i;

	(void)state;
	if (is_under_valgrind())
		skip();
	append(&text, "---\n- &0 [lol, lol, lol, lol, lol, lol, lol, lol]\n");
	for (i = 1; i < 30; i++) {
		snprintf(line, sizeof(line), "- &%d [*%d, *%d, *%d, *%d, *%d,"
		    " *%d, *%d, *%d]\n", i, i - 1, i - 1, i - 1, i - 1, i - 1,
		    i - 1, i - 1, i - 1);
		append(&text, line);
	}
	begin = seconds();
	refuse_bytes(text.data, text.len, "reply_too_large", "96 MiB");

	/* The same through one long string. */
	text.len = 0;
	append(&text, "---\n- &0 ");
	append_times(&text, "0123456789", 10000);
	append(&text, "\n");
	append_times(&text, "- *0\n", 1100);
	refuse_bytes(text.data, text.len, "reply_too_large", "96 MiB");

	/* Through aliases as keys. */
	text.len = 0;
	append(&text, "---\n- &0 [");
	append_times(&text, "0123456789abcdef0123456789abcdef, ", 3000);
	append(&text, "]\n");
	append_times(&text, "- {*0 : 1}\n", 1100);
	refuse_bytes(text.data, text.len, "reply_too_large", "96 MiB");
	assert_true(seconds() - begin < 60);
	free(text.data);
}

static void
test_yaml_tree_aliases_within_budget_are_read(void **state)
{
	struct text text = { NULL, 0, 0 };
	struct error error;
	json_t *value;

	(void)state;
	append(&text, "---\n- &0 ");
	append_times(&text, "0123456789", 10000);
	append(&text, "\n");
	append_times(&text, "- *0\n", 600);
	value = yaml_tree_parse(text.data, text.len, &error);
	assert_non_null(value);
	assert_int_equal(json_array_size(value), 601);
	assert_ptr_equal(json_array_get(value, 0), json_array_get(value, 600));
	json_decref(value);
	free(text.data);
}

/* Values that are shorter in a text than in memory. */
static void
test_yaml_tree_many_small_values_are_refused(void **state)
{
	static const char *const units[] = {
		"- []\n", "- {}\n", "- a: 1\n", "- &a 1\n", "- a\n", "- 1\n",
		"k: 1\n"
	};
	struct text text = { NULL, 0, 0 };
	size_t i;

	(void)state;
	if (is_under_valgrind())
		skip();
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		text.len = 0;
		append(&text, "---\n");
		append_times(&text, units[i], 4000000);
		refuse_bytes(text.data, text.len, "reply_too_large",
		    "MiB of memory");
	}
	free(text.data);
}

static void
test_yaml_tree_large_but_within_limits_is_read(void **state)
{
	static const char place[] =
	    "- kind: upvalue\n  where: global on_sale.callback upvalue f\n"
	    "  function: \"/srv/shop/app/sales.lua:44\"\n  name: on_sale\n"
	    "  patched: false\n  generation: 2\n  reason: none like it\n";
	static const struct { const char *unit; size_t count; } honest[] = {
		{ place, 40000 }, { "- 123\n", 1000000 },
		{ "- [1, 2, 3]\n", 200000 },
		{ "- some text of forty characters, or of so\n", 500000 }
	};
	struct text text = { NULL, 0, 0 };
	struct error error;
	json_t *value;
	size_t i;

	(void)state;
	if (is_under_valgrind())
		skip();
	for (i = 0; i < sizeof(honest) / sizeof(honest[0]); i++) {
		text.len = 0;
		append(&text, "---\n");
		append_times(&text, honest[i].unit, honest[i].count);
		value = yaml_tree_parse(text.data, text.len, &error);
		assert_int_equal(json_array_size(value), honest[i].count);
		json_decref(value);
	}
	free(text.data);
}

static void
test_yaml_tree_above_size_limit_is_refused(void **state)
{
	size_t len = YAML_TREE_TEXT_MAX + 1;
	char *data;

	(void)state;
	if (is_under_valgrind())
		skip();
	data = malloc(len);
	assert_non_null(data);
	memset(data, ' ', len);
	memcpy(data, "---\n- ", 6);
	refuse_bytes(data, len, "reply_too_large", "64 MiB");
	/* Raw bytes take four times the room in each of several places. */
	memset(data + 6, 0xff, len - 6);
	refuse_bytes(data, len / 8, "reply_too_large", "120 MiB of memory");
	free(data);
}

static void
test_yaml_tree_many_directives_are_refused(void **state)
{
	static const char *const breaks[] = { "\n", "\r", "\xc2\x85",
	    "\xe2\x80\xa8", "\xe2\x80\xa9" };
	struct text text = { NULL, 0, 0 };
	char line[64];
	size_t i, j;

	(void)state;
	for (i = 0; i < nitems(breaks); i++) {
		text.len = 0;
		for (j = 0; j < 100000; j++) {
			snprintf(line, sizeof(line), "%%TAG !%zu! x%s", j,
			    breaks[i]);
			append(&text, line);
		}
		append(&text, "---\n- 1\n...\n");
		refuse_bytes(text.data, text.len, "bad_reply", "directives");
	}
	/* A percent sign elsewhere is none. */
	text.len = 0;
	append(&text, "---\n");
	append_times(&text, "- a%\xc3\x85%b\n- '%\n\n  %'\n", 100);
	append(&text, "...\n");
	json_decref(yaml_tree_parse(text.data, text.len,
	    &(struct error){ 0 }));
	free(text.data);
}

/* Seconds to read a reply that consists of `times` copies of a line. */
static double
time_to_read(const char *line, size_t times)
{
	struct text text = { NULL, 0, 0 };
	struct error error;
	double begin;
	json_t *value;

	append(&text, "---\n");
	append_times(&text, line, times);
	append(&text, "...\n");
	begin = seconds();
	value = yaml_tree_parse(text.data, text.len, &error);
	if (value == NULL)
		fail_msg("%s", error.message);
	json_decref(value);
	free(text.data);
	return seconds() - begin;
}

static void
test_yaml_tree_parse_time_is_linear(void **state)
{
	static const char *const lines[] = {
		"- name: app.roles.some\n  path: '/usr/x y'\n  l: [1, ~]\n",
		"- &a [x]\n- *a\n",
		"- \"\\xFF\\\\ \\e\"\n- !!binary /w==\n",
		"- \xff\x01\n",
		"- 'a\n\n  ...\n\n  b'\n",
	};
	double once, more;
	size_t i;

	(void)state;
	if (is_under_valgrind())
		skip();
	for (i = 0; i < nitems(lines); i++) {
		once = time_to_read(lines[i], 2000);
		more = time_to_read(lines[i], 20000);
		/* Ten times the size; a hundred times if quadratic. */
		if (more > 35 * once + 0.1)
			fail_msg("case %zu: %g s, %g s", i, once, more);
	}
}

static size_t allocations_left;

static void *
scarce_malloc(size_t size)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left--;
	return malloc(size);
}

static void
test_yaml_tree_out_of_memory_fails_without_leak(void **state)
{
	static const char reply[] = "---\n- &0 [a, {b: *0, \"c\\xFF\": "
	    "!!binary /w==}]\n- {? [1, {x: ~}] : 2.5, &k k: &v v, *v : *0}\n"
	    "- 1e400\n- -7\n...\n";
	struct error error;
	json_t *value = NULL;
	size_t i;

	(void)state;
	json_set_alloc_funcs(scarce_malloc, free);
	for (i = 0; i < 1000 && value == NULL; i++) {
		allocations_left = i;
		value = yaml_tree_parse(reply, sizeof(reply) - 1, &error);
		if (value == NULL) {
			assert_int_equal(error.code,
			    ERROR_NO_MEMORY_FOR_REPLY);
		}
	}
	json_set_alloc_funcs(malloc, free);
	assert_non_null(value);
	assert_in_range(i, 20, 999);
	json_decref(value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_tree_quoted_scalar_is_string),
		cmocka_unit_test(
		    test_yaml_tree_plain_null_boolean_and_number_are_typed),
		cmocka_unit_test(test_yaml_tree_empty_scalar_is_empty_string),
		cmocka_unit_test(
		    test_yaml_tree_document_without_values_is_empty_array),
		cmocka_unit_test(test_yaml_tree_folded_string_is_unfolded),
		cmocka_unit_test(test_yaml_tree_escapes_and_utf8_are_decoded),
		cmocka_unit_test(test_yaml_tree_binary_is_decoded_to_text),
		cmocka_unit_test(
		    test_yaml_tree_binary_not_base64_is_kept_unchanged),
		cmocka_unit_test(test_yaml_tree_byte_escapes_equal_binary),
		cmocka_unit_test(
		    test_yaml_tree_raw_bytes_not_allowed_in_yaml_become_text),
		cmocka_unit_test(
		    test_yaml_tree_keys_are_text_and_last_duplicate_wins),
		cmocka_unit_test(test_yaml_tree_alias_has_value_of_its_anchor),
		cmocka_unit_test(test_yaml_tree_cycle_is_marked),
		cmocka_unit_test(test_yaml_tree_push_message_is_recognised),
		cmocka_unit_test(
		    test_yaml_tree_flow_style_and_serialize_hints_are_read),
		cmocka_unit_test(
		    test_yaml_tree_not_a_document_of_values_is_refused),
		cmocka_unit_test(
		    test_yaml_tree_cut_anywhere_is_refused_without_crash),
		cmocka_unit_test(test_yaml_tree_nested_too_deep_is_refused),
		cmocka_unit_test(
		    test_yaml_tree_nested_complex_keys_respect_budget),
		cmocka_unit_test(
		    test_yaml_tree_nested_through_aliases_too_deep_is_refused),
		cmocka_unit_test(
		    test_yaml_tree_exponential_aliases_are_refused_early),
		cmocka_unit_test(
		    test_yaml_tree_aliases_within_budget_are_read),
		cmocka_unit_test(test_yaml_tree_many_small_values_are_refused),
		cmocka_unit_test(
		    test_yaml_tree_large_but_within_limits_is_read),
		cmocka_unit_test(test_yaml_tree_above_size_limit_is_refused),
		cmocka_unit_test(test_yaml_tree_many_directives_are_refused),
		cmocka_unit_test(test_yaml_tree_parse_time_is_linear),
		cmocka_unit_test(
		    test_yaml_tree_out_of_memory_fails_without_leak),
	};

	return cmocka_run_group_tests_name("yaml_tree", tests, NULL, NULL);
}
