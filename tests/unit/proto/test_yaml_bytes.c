/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/yaml_bytes.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))
#define UNLIMITED	((size_t)-1)

/* Of bytes that need stand-ins, what the scalar is in the end. */
static void
check_restored(const char *in, size_t len, int quoted, const char *out,
    size_t out_len)
{
	struct prepared prepared;

	assert_int_equal(bytes_prepare(&prepared, in, len, UNLIMITED), 0);
	assert_non_null(prepared.copy);
	/* Nothing in it that UTF-8 does not have, nor control characters. */
	assert_null(memchr(prepared.copy, 0xff, prepared.len));
	assert_null(memchr(prepared.copy, 0x01, prepared.len));
	prepared.len = bytes_restore(prepared.copy, prepared.len, quoted);
	assert_int_equal(prepared.len, out_len);
	assert_memory_equal(prepared.copy, out, out_len);
	free(prepared.copy);
}

static void
test_yaml_bytes_valid_input_is_not_copied(void **state)
{
	static const char *const cases[] = {
		"", "a", "---\n- a\n...\n", "\t\r\n", "\\n \\\\ \\x41 \\\\xff",
		"\xd0\xb6", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc2\x85",
		"\xee\x80\x80", "\xf3\xbf\xbf\xbd",
		/* Longer than any piece that is looked at as one. */
		("0123456789 0123456789 0123456789 0123456789 0123456789\n"
		"0123456789 0123456789 0123456789 0123456789 \xd0\xb6 \\t"),
		/* From the range of the stand-ins; alone they do no harm. */
		"\xf4\x8f\x80\x80", "\xf4\x8f\xbf\xbf",
	};
	struct prepared prepared;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		assert_int_equal(bytes_prepare(&prepared, cases[i],
		    strlen(cases[i]), 0), 0);
		assert_null(prepared.copy);
		assert_int_equal(prepared.len, strlen(cases[i]));
		assert_int_equal(prepared.directives, 0);
	}
}

static void
test_yaml_bytes_placeholders_are_restored(void **state)
{
	static const struct {
		const char	*in, *plain, *quoted;
	} cases[] = {
		{ "\x01", "\x01", "\x01" },
		{ "a\x7f" "b", "a\x7f" "b", "a\x7f" "b" },
		{ "\xff", "\\xff", "\\xff" },
		{ "a\xc3", "a\\xc3", "a\\xc3" },
		{ "\xe2\x82", "\\xe2\\x82", "\\xe2\\x82" },
		/* Overlong, a surrogate, too large. */
		{ "\xc0\x80", "\\xc0\\x80", "\\xc0\\x80" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" },
		{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80",
		  "\\xf5\\x80\\x80\\x80" },
		{ "\\xFf", "\\xFf", "\\xff" },
		{ "\\xaB\\xCD", "\\xaB\\xCD", "\\xab\\xcd" },
		{ "\\\\\\xFF", "\\\\\\xFF", "\\\\\\xff" },
		{ "\xff\xf4\x8f\xbf\xbf", "\\xff\\xf4\\x8f\\xbf\\xbf",
		  "\\xff\\xf4\\x8f\\xbf\\xbf" },
		{ "0123456789 0123456789 0123456789 0123456789 \xff, 012345",
		  "0123456789 0123456789 0123456789 0123456789 \\xff, 012345",
		  "0123456789 0123456789 0123456789 0123456789 \\xff, 012345" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		check_restored(cases[i].in, strlen(cases[i].in), 0,
		    cases[i].plain, strlen(cases[i].plain));
		check_restored(cases[i].in, strlen(cases[i].in), 1,
		    cases[i].quoted, strlen(cases[i].quoted));
	}
	check_restored("a\0b", 3, 0, "a\0b", 3);
}

/* At each place of a text, so that it is in each piece of it once. */
static void
test_yaml_bytes_invalid_byte_is_found_at_any_offset(void **state)
{
	struct prepared prepared;
	char text[100];
	unsigned byte;
	size_t at;
	int bad;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		bad = byte >= 0x7f || (byte < 0x20 && byte != '\t' &&
		    byte != '\n' && byte != '\r');
		for (at = 0; at < sizeof(text); at++) {
			memset(text, 'a', sizeof(text));
			text[at] = (char)byte;
			assert_int_equal(bytes_prepare(&prepared, text,
			    sizeof(text), UNLIMITED), 0);
			assert_int_equal(prepared.copy != NULL, bad);
			free(prepared.copy);
		}
	}
}

/* The same for what is more than one byte. */
static void
test_yaml_bytes_invalid_sequence_is_found_at_any_offset(void **state)
{
	static const struct {
		const char	*sequence;
		int		 copied;
		size_t		 directives;
	} cases[] = {
		{ "\\xff", 1, 0 }, { "\\x80", 1, 0 }, { "\\x7f", 0, 0 },
		{ "\\\\xff", 0, 0 }, { "\\\\\\xff", 1, 0 },
		{ "\\n", 0, 0 }, { "\n%", 0, 1 }, { " %", 0, 0 },
		{ "\r%", 0, 1 }, { "\xd0\xb6", 0, 0 }, { "\xd0\xd0", 1, 0 },
		{ "\xe2\x82\xac", 0, 0 }, { "\xe2\x82z", 1, 0 },
		{ "\xe2\x80\xa8%", 0, 1 }, { "\xe2\x80\xa7\x7f", 1, 0 },
		{ "\xe0\x80\x80", 1, 0 }, { "\xed\xa0\x80", 1, 0 },
		{ "\xef\xbf\xbf", 1, 0 }, { "\xc2\x80", 1, 0 },
		{ "\xc0\x80", 1, 0 }, { "\xc1\xbf", 1, 0 },
		{ "\xf0\x90\x80z", 1, 0 }, { "\xf0\x90\x80\x80", 0, 0 },
	};
	struct prepared prepared;
	char text[200];
	size_t at, i, len;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		len = strlen(cases[i].sequence);
		for (at = 0; at <= sizeof(text) - len; at++) {
			memset(text, 'a', sizeof(text));
			memcpy(text + at, cases[i].sequence, len);
			assert_int_equal(bytes_prepare(&prepared, text,
			    sizeof(text), UNLIMITED), 0);
			assert_int_equal(prepared.copy != NULL,
			    cases[i].copied);
			assert_int_equal(prepared.directives,
			    cases[i].directives);
			free(prepared.copy);
		}
	}
}

/* Whether a text, which ends where its memory does, needs stand-ins. */
static int
is_copied(const char *text, size_t len)
{
	struct prepared prepared;
	char *exact = malloc(len);
	int copied;

	assert_non_null(exact);
	memcpy(exact, text, len);
	assert_int_equal(bytes_prepare(&prepared, exact, len, UNLIMITED), 0);
	copied = prepared.copy != NULL;
	free(prepared.copy);
	free(exact);
	return copied;
}

/* One byte too many or too few in a text of characters of several bytes. */
static void
test_yaml_bytes_truncated_character_is_found_at_any_offset(void **state)
{
	static const char *const characters[] = {
		"\xd0\xb6", "\xe2\x82\xac", "a\xd0\xb6\xe2\x82\xac",
	};
	char broken[200], text[200];
	size_t at, i, len, shift, size;

	(void)state;
	for (i = 0; i < nitems(characters); i++) {
		size = strlen(characters[i]);
		for (shift = 0; shift < 3; shift++) {
			memset(text, 'a', shift);
			for (len = shift; len < 150; len += size) {
				assert_false(is_copied(text, len));
				memcpy(text + len, characters[i], size);
			}
			for (at = 0; at < len; at++) {
				memcpy(broken, text, len);
				memmove(broken + at + 1, text + at, len - at);
				broken[at] = (char)0x80;
				assert_true(is_copied(broken, len + 1));
				memcpy(broken, text, len);
				memmove(broken + at, text + at + 1,
				    len - at - 1);
				assert_int_equal(is_copied(broken, len - 1),
				    (unsigned char)text[at] >= 0x80);
			}
		}
	}
}

static void
test_yaml_bytes_directives_are_counted(void **state)
{
	static const char text[] = "%TAG !a! b\n%A\r%B\xc2\x85%C\xe2\x80\xa8%D"
	    "\xe2\x80\xa9%E\n %F\n--- 100%\n";
	struct prepared prepared;

	(void)state;
	assert_int_equal(bytes_prepare(&prepared, text, sizeof(text) - 1,
	    UNLIMITED), 0);
	assert_int_equal(prepared.directives, 6);
	free(prepared.copy);
}

static void
test_yaml_bytes_copy_above_limit_fails(void **state)
{
	struct prepared prepared;

	(void)state;
	assert_int_equal(bytes_prepare(&prepared, "\xff\xff", 2, 8), 0);
	assert_int_equal(prepared.len, 8);
	free(prepared.copy);
	assert_int_equal(bytes_prepare(&prepared, "\xff\xff", 2, 7), -1);
	assert_int_equal(errno, EMSGSIZE);
}

static void
test_yaml_bytes_text_of_any_bytes_is_utf8(void **state)
{
	static const struct {
		const char	*bytes;
		size_t		 len;
		const char	*text, *without_nul;
	} cases[] = {
		{ "", 0, "", "" },
		{ "a\xd0\xb6", 3, "a\xd0\xb6", "a\xd0\xb6" },
		{ "\xd0", 1, "\\xd0", "\\xd0" },
		{ "\xff\x01", 2, "\\xff\x01", "\\xff\x01" },
		{ "\0", 1, "\0", "\\x00" },
	};
	size_t i, len;
	char *text;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		text = bytes_text((const unsigned char *)cases[i].bytes,
		    cases[i].len, 0, &len);
		assert_non_null(text);
		assert_memory_equal(text, cases[i].text, len + 1);
		free(text);
		text = bytes_text((const unsigned char *)cases[i].bytes,
		    cases[i].len, 1, &len);
		assert_non_null(text);
		assert_int_equal(len, strlen(cases[i].without_nul));
		assert_string_equal(text, cases[i].without_nul);
		free(text);
	}
}

static void
test_base64_decode_valid_and_invalid(void **state)
{
	static const struct {
		const char	*in, *out;
	} cases[] = {
		{ "", "" }, { "YQ==", "a" }, { "YQ", "a" }, { "YWI=", "ab" },
		{ "YWJj", "abc" }, { "Y W\nJ\tj", "abc" }, { "+/+/", "\xfb\xff\xbf" },
		{ "/w==", "\xff" },
	};
	static const char *const bad[] = {
		"Y", "YQ=", "YQ===", "Y*==", "YQ==YQ==", "=", "YWJjY", "\xff",
	};
	char text[16];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		strcpy(text, cases[i].in);
		assert_int_equal(bytes_from_base64(text, strlen(text)),
		    strlen(cases[i].out));
		assert_memory_equal(text, cases[i].out, strlen(cases[i].out));
	}
	for (i = 0; i < nitems(bad); i++) {
		strcpy(text, bad[i]);
		assert_int_equal(bytes_from_base64(text, strlen(text)), -1);
		assert_string_equal(text, bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_bytes_valid_input_is_not_copied),
		cmocka_unit_test(test_yaml_bytes_placeholders_are_restored),
		cmocka_unit_test(
		    test_yaml_bytes_invalid_byte_is_found_at_any_offset),
		cmocka_unit_test(
		    test_yaml_bytes_invalid_sequence_is_found_at_any_offset),
		cmocka_unit_test(
		    test_yaml_bytes_truncated_character_is_found_at_any_offset),
		cmocka_unit_test(test_yaml_bytes_directives_are_counted),
		cmocka_unit_test(test_yaml_bytes_copy_above_limit_fails),
		cmocka_unit_test(test_yaml_bytes_text_of_any_bytes_is_utf8),
		cmocka_unit_test(test_base64_decode_valid_and_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
