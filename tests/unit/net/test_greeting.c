/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/greeting.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

/* Makes a greeting of this first line, cut after `len` bytes. */
static void
make(struct greeting *greeting, const char *line, size_t len)
{
	char text[GREETING_SIZE + 1];

	snprintf(text, sizeof(text), "%-63s\n%-63s\n", line, "");
	memset(greeting, 0, sizeof(*greeting));
	memcpy(greeting->data, text, len);
	greeting->len = len;
}

static void
test_greeting_check_whole_gives_kind_and_version(void **state)
{
	static const struct {
		const char		*line, *version;
		enum greeting_kind	 kind;
	} cases[] = {
		{ "Tarantool 1.10.15 (Lua console)", "1.10.15",
		    GREETING_CONSOLE },
		{ "Tarantool 2.11.9 (Lua console)", "2.11.9",
		    GREETING_CONSOLE },
		{ "Tarantool 3.8.0-rc1+x (Lua console)", "3.8.0-rc1+x",
		    GREETING_CONSOLE },
		{ "Tarantool Enterprise 3.1.0 (Lua console)", "3.1.0",
		    GREETING_CONSOLE },
		{ "Tarantool 2.6.0 (Binary) 4b3d8bbf-dd32-4b9c-a5fc", "2.6.0",
		    GREETING_BINARY },
	};
	struct greeting greeting;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		make(&greeting, cases[i].line, GREETING_SIZE);
		assert_int_equal(greeting_check(&greeting), cases[i].kind);
		assert_string_equal(greeting.version, cases[i].version);
	}
}

static void
test_greeting_check_any_beginning_is_incomplete(void **state)
{
	struct greeting greeting;
	size_t len;

	(void)state;
	for (len = 0; len < GREETING_SIZE; len++) {
		make(&greeting, "Tarantool 2.6.0 (Lua console)", len);
		assert_int_equal(greeting_check(&greeting),
		    GREETING_INCOMPLETE);
		assert_string_equal(greeting.version,
		    len < GREETING_LINE_SIZE ? "" : "2.6.0");
	}
}

static void
test_greeting_check_other_text_is_foreign_at_once(void **state)
{
	static const char *const texts[] = {
		"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
		"HTTP/1.1 400 Bad Request\r\n", "-", "Tarantola"
	};
	struct greeting greeting;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(texts); i++) {
		memset(&greeting, 0, sizeof(greeting));
		greeting.len = strlen(texts[i]);
		memcpy(greeting.data, texts[i], greeting.len);
		assert_int_equal(greeting_check(&greeting), GREETING_FOREIGN);
	}
}

static void
test_greeting_check_malformed_line_is_foreign(void **state)
{
	static const char *const lines[] = {
		"Tarantool 2.6.0 (Sql console)", "Tarantool two (Lua console)",
		"Tarantool 2.6.0\033[31m (Lua console)",
		"Tarantool 2222222222222222222222222222222222 (Lua console)",
		"Tarantool (Lua console)"
	};
	struct greeting greeting;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(lines); i++) {
		make(&greeting, lines[i], GREETING_LINE_SIZE);
		assert_int_equal(greeting_check(&greeting), GREETING_FOREIGN);
		assert_string_equal(greeting.version, "");
	}
}

static void
test_greeting_check_line_of_wrong_length_is_foreign(void **state)
{
	static const size_t ends[] = { GREETING_LINE_SIZE, GREETING_SIZE };
	struct greeting greeting;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(ends); i++) {
		make(&greeting, "Tarantool 2.6.0 (Lua console)",
		    GREETING_SIZE);
		greeting.data[ends[i] - 1] = ' ';
		greeting.len = ends[i];
		assert_int_equal(greeting_check(&greeting), GREETING_FOREIGN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_greeting_check_whole_gives_kind_and_version),
		cmocka_unit_test(
		    test_greeting_check_any_beginning_is_incomplete),
		cmocka_unit_test(
		    test_greeting_check_other_text_is_foreign_at_once),
		cmocka_unit_test(test_greeting_check_malformed_line_is_foreign),
		cmocka_unit_test(
		    test_greeting_check_line_of_wrong_length_is_foreign)
	};

	return cmocka_run_group_tests_name("greeting", tests, NULL, NULL);
}
