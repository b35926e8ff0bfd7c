/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output/term.h"

static void
check_escape(const char *text, size_t len, int keep_lines,
    const char *expected)
{
	char *escaped = term_escape(text, len, keep_lines);

	assert_non_null(escaped);
	assert_string_equal(escaped, expected);
	free(escaped);
}

#define assert_escaped(text, expected) \
	check_escape(text, sizeof(text) - 1, 0, expected)

/* What a function prints to a stream. */
static char *
printed(void (*print)(FILE *, const char *), const char *text)
{
	char *data = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&data, &size);

	assert_non_null(file);
	print(file, text);
	assert_int_equal(fclose(file), 0);
	return data;
}

static void
print_indented(FILE *file, const char *text)
{
	term_print_lines(file, text, 4);
}

static void
test_plain_text_passes(void **state)
{
	(void)state;
	assert_escaped("", "");
	assert_escaped("init of role a failed: 100% \\ \"x\"",
	    "init of role a failed: 100% \\ \"x\"");
	assert_escaped("\xd0\x9f\xd1\x80\xd0\xb8 \xe2\x82\xac \xf0\x9f\x98\x80",
	    "\xd0\x9f\xd1\x80\xd0\xb8 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void
test_control_characters_are_escaped(void **state)
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
		escaped = term_escape(text, 1, 0);
		assert_non_null(escaped);
		assert_int_equal(strlen(escaped),
		    c >= 0x20 && c < 0x7f ? 1 : 4);
		free(escaped);
	}
}

static void
test_characters_that_are_not_seen_are_escaped(void **state)
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
test_characters_that_turn_text_around_are_escaped(void **state)
{
	(void)state;
	assert_escaped("\xe2\x80\xae", "\\342\\200\\256");	/* U+202E */
	assert_escaped("\xe2\x81\xa6", "\\342\\201\\246");	/* U+2066 */
	assert_escaped("\xe2\x80\x8f", "\\342\\200\\217");	/* U+200F */
	assert_escaped("\xd8\x9c", "\\330\\234");		/* U+061C */
	assert_escaped("\xe2\x80\xa8", "\\342\\200\\250");	/* U+2028 */
}

static void
test_what_is_not_utf8_is_escaped(void **state)
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

/* Whatever is a letter there. */
static void
test_the_locale_makes_no_difference(void **state)
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
test_a_text_keeps_its_lines_and_may_hold_a_nul(void **state)
{
	char *data = NULL;
	size_t size;
	FILE *file = open_memstream(&data, &size);

	(void)state;
	assert_non_null(file);
	term_print_text(file, "a\0\tb\n\rc", 7);
	fclose(file);
	assert_string_equal(data, "a\\000\tb\n\\015c");
	free(data);
}

static void
test_lines_are_kept_on_request(void **state)
{
	(void)state;
	check_escape("a\n\tb\r\033", 6, 1, "a\n\tb\\015\\033");
}

static void
test_print_keeps_to_one_line(void **state)
{
	char *text;

	(void)state;
	text = printed(term_print, "a\nb\033");
	assert_string_equal(text, "a\\012b\\033");
	free(text);
}

static void
test_further_lines_are_indented(void **state)
{
	char *text;

	(void)state;
	text = printed(print_indented, "a\n\tb\033\n\nc\n\n");
	assert_string_equal(text, "a\n    \tb\\033\n    \n    c");
	free(text);
	text = printed(print_indented, "");
	assert_string_equal(text, "");
	free(text);
}

static void
test_color_obeys_mode_and_environment(void **state)
{
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	unsetenv("NO_COLOR");
	assert_true(term_use_color(TERM_ALWAYS, file));
	assert_false(term_use_color(TERM_NEVER, file));
	assert_false(term_use_color(TERM_AUTO, file));
	setenv("NO_COLOR", "1", 1);
	/* What is asked for on the command line goes before it. */
	assert_true(term_use_color(TERM_ALWAYS, file));
	unsetenv("NO_COLOR");
	fclose(file);
}

static void
test_color_is_automatic_on_a_terminal(void **state)
{
	FILE *terminal = NULL;
	int fd;

	(void)state;
	fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (fd == -1 || (terminal = fdopen(fd, "r+")) == NULL)
		skip();
	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	assert_true(term_use_color(TERM_AUTO, terminal));
	setenv("NO_COLOR", "", 1);
	assert_true(term_use_color(TERM_AUTO, terminal));
	setenv("NO_COLOR", "1", 1);
	assert_false(term_use_color(TERM_AUTO, terminal));
	assert_true(term_use_progress(TERM_AUTO, terminal));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	assert_false(term_use_color(TERM_AUTO, terminal));
	assert_false(term_use_progress(TERM_AUTO, terminal));
	fclose(terminal);
}

static void
test_styles_are_printed_only_in_color(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_non_null(file);
	term_begin(file, 0, TERM_BAD);
	fputs("a", file);
	term_end(file, 0);
	term_begin(file, 1, TERM_BAD);
	fputs("b", file);
	term_end(file, 1);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, "a\033[31mb\033[0m");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text_passes),
		cmocka_unit_test(test_control_characters_are_escaped),
		cmocka_unit_test(test_characters_that_are_not_seen_are_escaped),
		cmocka_unit_test(test_characters_that_turn_text_around_are_escaped),
		cmocka_unit_test(test_what_is_not_utf8_is_escaped),
		cmocka_unit_test(test_the_locale_makes_no_difference),
		cmocka_unit_test(
		    test_a_text_keeps_its_lines_and_may_hold_a_nul),
		cmocka_unit_test(test_lines_are_kept_on_request),
		cmocka_unit_test(test_print_keeps_to_one_line),
		cmocka_unit_test(test_further_lines_are_indented),
		cmocka_unit_test(test_color_obeys_mode_and_environment),
		cmocka_unit_test(test_color_is_automatic_on_a_terminal),
		cmocka_unit_test(test_styles_are_printed_only_in_color)
	};

	return cmocka_run_group_tests_name("term", tests, NULL, NULL);
}
