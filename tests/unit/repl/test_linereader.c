/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "repl/linereader.h"

static struct linereader reader;
static int fds[2];

static int
set_up(void **state)
{
	(void)state;
	if (pipe(fds) == -1)
		return -1;
	linereader_init(&reader, fds[0]);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	linereader_finish(&reader);
	close(fds[0]);
	return 0;
}

static void
send(const char *text, size_t len)
{
	struct error error;

	assert_int_equal(write(fds[1], text, len), (ssize_t)len);
	assert_int_equal(linereader_read(&reader, &error), 0);
}

static void
assert_line(const char *expected)
{
	size_t len;
	char *line = linereader_next(&reader, &len);

	if (expected == NULL) {
		assert_null(line);
		return;
	}
	assert_non_null(line);
	assert_string_equal(line, expected);
	assert_int_equal(len, strlen(expected));
}

static void
finish_input(void)
{
	struct error error;

	close(fds[1]);
	assert_int_equal(linereader_read(&reader, &error), 0);
	assert_true(reader.is_over);
}

static void
test_linereader_split_input_gives_whole_lines(void **state)
{
	(void)state;
	assert_line(NULL);
	send("one\ntwo\n\nth", 11);
	assert_line("one");
	assert_line("two");
	assert_line("");
	assert_line(NULL);
	send("ree\r\nfour\r", 10);
	assert_line("three");
	assert_line(NULL);
	finish_input();
	assert_line("four");
	assert_line(NULL);
}

static void
test_linereader_empty_input_gives_no_line(void **state)
{
	(void)state;
	finish_input();
	assert_line(NULL);
}

static void
test_linereader_line_may_hold_any_byte(void **state)
{
	size_t len;
	char *line;

	(void)state;
	send("a\0b\xff\n", 5);
	line = linereader_next(&reader, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(line, "a\0b\xff", 5);
	finish_input();
}

static void
test_linereader_line_above_limit_fails(void **state)
{
	static char chunk[4096];
	struct error error;
	size_t sent;
	int result = 0;

	(void)state;
	memset(chunk, 'x', sizeof(chunk));
	for (sent = 0; sent <= 2 * LINEREADER_MAX && result == 0;
	    sent += sizeof(chunk)) {
		assert_int_equal(write(fds[1], chunk, sizeof(chunk)),
		    (ssize_t)sizeof(chunk));
		result = linereader_read(&reader, &error);
		assert_line(NULL);
	}
	assert_int_equal(result, -1);
	assert_string_equal(error.message, "a line is longer than 16 MiB");
	assert_true(sent > LINEREADER_MAX &&
	    sent < LINEREADER_MAX + 3 * sizeof(chunk));
	close(fds[1]);
}

static void
test_linereader_read_error_fails(void **state)
{
	struct error error;
	struct linereader others;

	(void)state;
	linereader_init(&others, -1);
	assert_int_equal(linereader_read(&others, &error), -1);
	assert_string_equal(error.message,
	    "cannot read standard input: Bad file descriptor");
	linereader_finish(&others);
	close(fds[1]);
}

int
main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_linereader_split_input_gives_whole_lines),
		TEST(test_linereader_empty_input_gives_no_line),
		TEST(test_linereader_line_may_hold_any_byte),
		TEST(test_linereader_line_above_limit_fails),
		TEST(test_linereader_read_error_fails)
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
