/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/utf8.h"

static void
check_decode(const char *text, size_t len, size_t used, unsigned long expected)
{
	unsigned long code = 0;

	assert_int_equal(utf8_decode(text, len, &code), used);
	if (used > 0)
		assert_int_equal(code, expected);
}

#define assert_decoded(text, used, code)				\
	check_decode(text, sizeof(text) - 1, used, code)

static void
test_decode_valid_boundaries(void **state)
{
	(void)state;
	check_decode("\0", 1, 1, 0);
	assert_decoded("\x7f", 1, 0x7f);
	assert_decoded("\xc2\x80", 2, 0x80);
	assert_decoded("\xdf\xbf", 2, 0x7ff);
	assert_decoded("\xe0\xa0\x80", 3, 0x800);
	assert_decoded("\xed\x9f\xbf", 3, 0xd7ff);
	assert_decoded("\xee\x80\x80", 3, 0xe000);
	assert_decoded("\xf0\x90\x80\x80", 4, 0x10000);
	assert_decoded("\xf4\x8f\xbf\xbf", 4, 0x10ffff);
	assert_decoded("a\xff", 1, 'a');
}

static void
test_decode_invalid_returns_zero(void **state)
{
	(void)state;
	assert_decoded("\x80", 0, 0);
	assert_decoded("\xc1\xbf", 0, 0);		/* overlong */
	assert_decoded("\xe0\x9f\xbf", 0, 0);
	assert_decoded("\xf0\x8f\xbf\xbf", 0, 0);
	assert_decoded("\xed\xa0\x80", 0, 0);		/* surrogate */
	assert_decoded("\xf4\x90\x80\x80", 0, 0);	/* above U+10FFFF */
	assert_decoded("\xf8\x88\x80\x80\x80", 0, 0);
	assert_decoded("\xff", 0, 0);
	assert_decoded("\xc3" "a", 0, 0);
	check_decode("\xe2\x82\xac", 2, 0, 0);		/* cut */
}

static void
test_length_by_lead_byte(void **state)
{
	(void)state;
	assert_int_equal(utf8_length('a'), 1);
	assert_int_equal(utf8_length(0x80), 1);
	assert_int_equal(utf8_length(0xc2), 2);
	assert_int_equal(utf8_length(0xe2), 3);
	assert_int_equal(utf8_length(0xf4), 4);
	assert_int_equal(utf8_length(0xff), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode_valid_boundaries),
		cmocka_unit_test(test_decode_invalid_returns_zero),
		cmocka_unit_test(test_length_by_lead_byte)
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
