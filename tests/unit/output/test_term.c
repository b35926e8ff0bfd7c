/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output/term.h"

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
test_term_text_keeps_lines_and_nul(void **state)
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
test_term_print_escapes_newlines(void **state)
{
	char *text;

	(void)state;
	text = printed(term_print, "a\nb\033");
	assert_string_equal(text, "a\\012b\\033");
	free(text);
}

static void
test_term_text_further_lines_are_indented(void **state)
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
test_term_color_follows_mode_and_environment(void **state)
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
test_term_color_auto_needs_a_terminal(void **state)
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
test_term_style_without_color_prints_nothing(void **state)
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
		cmocka_unit_test(test_term_text_keeps_lines_and_nul),
		cmocka_unit_test(test_term_print_escapes_newlines),
		cmocka_unit_test(test_term_text_further_lines_are_indented),
		cmocka_unit_test(test_term_color_follows_mode_and_environment),
		cmocka_unit_test(test_term_color_auto_needs_a_terminal),
		cmocka_unit_test(test_term_style_without_color_prints_nothing)
	};

	return cmocka_run_group_tests_name("term", tests, NULL, NULL);
}
