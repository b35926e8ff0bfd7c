/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "repl/lua_incomplete.h"

static int
is_open(const char *text)
{
	struct lua_nesting lua_nesting;
	const char *newline;
	size_t len;
	int at_once, by_lines;

	memset(&lua_nesting, 0, sizeof(lua_nesting));
	lua_nesting_add(&lua_nesting, text, strlen(text));
	at_once = lua_is_incomplete(&lua_nesting);
	memset(&lua_nesting, 0, sizeof(lua_nesting));
	while (*text != '\0') {
		newline = strchr(text + 1, '\n');
		len = newline == NULL ? strlen(text) :
		    (size_t)(newline - text);
		lua_nesting_add(&lua_nesting, text, len);
		text += len;
	}
	by_lines = lua_is_incomplete(&lua_nesting);
	assert_int_equal(at_once, by_lines);
	return at_once;
}

static void
test_lua_incomplete_open_constructs_are_incomplete(void **state)
{
	static const char *const texts[] = {
		"f(", "t = {", "t = {\n1,\n", "x[", "for i = 1, 2 do",
		"while x do", "if x then", "if x then\ny()\nelse", "if x then elseif y then",
		"function f()", "x = function()", "repeat", "do", "x = [[",
		"x = [==[ ]] ]=]", "--[[ comment", "--[=[ ]]",
		"f(function() end", "x = \"a\\\nb\\", "f(')'",
		"f(\"\\\")\"", "f([[)]]", "f(--)\n", "f( -- end end",
		"f(ender, doer)(", "do --[[ end ]]"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!is_open(texts[i]))
			fail_msg("closed: %s", texts[i]);
}

static void
test_lua_incomplete_closed_constructs_are_complete(void **state)
{
	static const char *const texts[] = {
		"", "x", "f()", "t = {1, {2}}", "for i = 1, 2 do x() end",
		"while x do y() end",
		"if x then y() elseif z then w() else v() end",
		"function f() return 1 end", "repeat x() until y", "do end",
		"x = [[ ( { do ]]", "x = [==[ ]] [[ ]==]", "--[[ ( ]] x()",
		"-- ( do if\n", "--[ (", "x = \"( do\"", "x = '\\'('",
		"x = \"a\\\n(\"", "x = \"open (", "x = \"open (\n",
		"x.doing = undo", "t.ended(iffy)", "x = t[t[1]]", "a[ [[b]] ]", "x = 0x1 .. 2", "\320\237do = 1"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (is_open(texts[i]))
			fail_msg("open: %s", texts[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_lua_incomplete_open_constructs_are_incomplete),
		cmocka_unit_test(
		    test_lua_incomplete_closed_constructs_are_complete)
	};

	return cmocka_run_group_tests_name("nesting", tests, NULL, NULL);
}
