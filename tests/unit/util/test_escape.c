/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/escape.h"

static void
check_escape(const char *text, size_t len, int keep_lines,
    const char *expected)
{
	char *escaped = escape_text(text, len, keep_lines);

	assert_non_null(escaped);
	assert_string_equal(escaped, expected);
	free(escaped);
}

#define assert_escaped(text, expected) \
	check_escape(text, sizeof(text) - 1, 0, expected)

static void
test_escape_printable_text_unchanged(void **state)
{
	(void)state;
	assert_escaped("", "");
	assert_escaped("init of role a failed: 100% \\ \"x\"",
	    "init of role a failed: 100% \\ \"x\"");
	assert_escaped("\xd0\x9f\xd1\x80\xd0\xb8 \xe2\x82\xac \xf0\x9f\x98\x80",
	    "\xd0\x9f\xd1\x80\xd0\xb8 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void
test_escape_control_characters(void **state)
{
	char text[1], *escaped;
	int c;

	(void)state;
	assert_escaped("\033[31mred", "\\033[31mred");
	assert_escaped("a\r\b\a", "a\\015\\010\\007");
	assert_escaped("a\0b", "a\\000b");
	assert_escaped("\177", "\\177");
	assert_escaped("a\nb\tc", "a\\012b\\011c");
	/* C1, as UTF-8: U+009B is what ESC [ is. */
	assert_escaped("\xc2\x9b" "31m", "\\302\\23331m");
	for (c = 0; c < 256; c++) {
		text[0] = (char)c;
		escaped = escape_text(text, 1, 0);
		assert_non_null(escaped);
		assert_int_equal(strlen(escaped),
		    c >= 0x20 && c < 0x7f ? 1 : 4);
		free(escaped);
	}
}

static void
test_escape_invisible_characters(void **state)
{
	(void)state;
	assert_escaped("\xc2\xad", "\\302\\255");		/* U+00AD */
	assert_escaped("a\xe2\x80\x8b", "a\\342\\200\\213"); /* U+200B */
	assert_escaped("\xe2\x81\xa0", "\\342\\201\\240");	/* U+2060 */
	assert_escaped("\xef\xbf\xb9", "\\357\\277\\271");	/* U+FFF9 */
	assert_escaped("\xf3\xa0\x81\x81",
	    "\\363\\240\\201\\201");			/* U+E0041 */
	/* Joiners are part of words. */
	assert_escaped("\xe2\x80\x8c\xe2\x80\x8d",
	    "\xe2\x80\x8c\xe2\x80\x8d");
}

static void
test_escape_direction_marks(void **state)
{
	(void)state;
	assert_escaped("\xe2\x80\xae", "\\342\\200\\256");	/* U+202E */
	assert_escaped("\xe2\x81\xa6", "\\342\\201\\246");	/* U+2066 */
	assert_escaped("\xe2\x80\x8f", "\\342\\200\\217");	/* U+200F */
	assert_escaped("\xd8\x9c", "\\330\\234");		/* U+061C */
	assert_escaped("\xe2\x80\xa8", "\\342\\200\\250");	/* U+2028 */
}

static void
test_escape_invalid_utf8(void **state)
{
	(void)state;
	assert_escaped("\xff\xfe", "\\377\\376");
	assert_escaped("a\xd0", "a\\320");			/* cut */
	assert_escaped("\xe2\x82", "\\342\\202");
	check_escape("\xe2\x82\xac", 2, 0, "\\342\\202");	/* cut by len */
	assert_escaped("\x80", "\\200");
	assert_escaped("\xc0\xaf", "\\300\\257");		/* overlong */
	assert_escaped("\xe0\x80\xaf", "\\340\\200\\257");
	assert_escaped("\xed\xa0\x80", "\\355\\240\\200");	/* surrogate */
	assert_escaped("\xf4\x90\x80\x80", "\\364\\220\\200\\200");
	assert_escaped("\xf5\x80\x80\x80", "\\365\\200\\200\\200");
	/* The character after a broken one is itself again. */
	assert_escaped("\xe2\x82" "\xc3\xa9", "\\342\\202\xc3\xa9");
}

/* isprint(3) and its kind depend on the locale; escaping must not. */
static void
test_escape_any_locale_same_result(void **state)
{
	char *before = strdup(setlocale(LC_CTYPE, NULL));

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	assert_escaped("\xa0\xff\xe9", "\\240\\377\\351");
	assert_escaped("\xc2\x9b", "\\302\\233");
	assert_escaped("\xe2\x80\xae", "\\342\\200\\256");
	assert_escaped("\033\177", "\\033\\177");
	setlocale(LC_CTYPE, before);
	free(before);
}

static void
test_escape_keep_lines(void **state)
{
	(void)state;
	check_escape("a\n\tb\r\033", 6, 1, "a\n\tb\\015\\033");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape_printable_text_unchanged),
		cmocka_unit_test(test_escape_control_characters),
		cmocka_unit_test(test_escape_invisible_characters),
		cmocka_unit_test(test_escape_direction_marks),
		cmocka_unit_test(test_escape_invalid_utf8),
		cmocka_unit_test(test_escape_any_locale_same_result),
		cmocka_unit_test(test_escape_keep_lines)
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
