/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "proto/script.h"

/* The tests run in the top folder of the sources. */
#define SOURCES	"src/lua/"

/* What is left of a line of a file: no indentation, no comment line. */
static const char *
embedded_line(const char *line)
{
	line += strspn(line, " \t");
	return strncmp(line, "--", 2) == 0 ? strchr(line, '\n') : line;
}

/*
 * The bytes that the text of a Lua string stands for, of which each may be sent
 * as it is: one of printable ASCII, no quote.  The caller frees them.
 */
static char *
unescape(const char *text, size_t *len)
{
	char *bytes = malloc(strlen(text) + 1), digits[4] = "";

	assert_non_null(bytes);
	for (*len = 0; *text != '\0'; text++) {
		assert_in_range((unsigned char)*text, 0x20, 0x7e);
		assert_int_not_equal(*text, '"');
		if (*text != '\\') {
			bytes[(*len)++] = *text;
		} else if (*++text == 'n') {
			bytes[(*len)++] = '\n';
		} else {
			memcpy(digits, text, 3);
			assert_int_equal(strspn(digits, "0123456789"), 3);
			bytes[(*len)++] = (char)strtol(digits, NULL, 10);
			text += 2;
		}
	}
	return bytes;
}

static void
test_script_text_equals_source_line_by_line(void **state)
{
	const struct script *script;
	const char *at, *expected;
	char path[256], line[512], *bytes, *dot;
	FILE *file;
	size_t count = 0, len;

	(void)state;
	for (script = script_table; script->name != NULL; script++) {
		snprintf(path, sizeof(path), SOURCES "%s", script->name);
		while ((dot = strchr(path, '.')) != NULL)
			*dot = '/';
		strlcat(path, ".lua", sizeof(path));
		assert_non_null(file = fopen(path, "r"));
		assert_int_equal(strlen(script->text), script->len);
		at = bytes = unescape(script->text, &len);
		while (fgets(line, sizeof(line), file) != NULL) {
			/* A comment of several lines would be cut open. */
			assert_null(strstr(line, "--["));
			assert_non_null(expected = embedded_line(line));
			assert_memory_equal(at, expected, strlen(expected));
			at += strlen(expected);
		}
		assert_ptr_equal(at, bytes + len);
		free(bytes);
		fclose(file);
		count++;
	}
	assert_true(count > 0);
}

/* One that is missing would fail in the instance, when it is required. */
static void
test_script_requires_are_listed(void **state)
{
	const struct script *script, *other;
	const char *const *required;
	char call[256];

	(void)state;
	for (script = script_table; script->name != NULL; script++) {
		for (other = script_table; other->name != NULL; other++) {
			snprintf(call, sizeof(call), " require('%s')",
			    other->name);
			for (required = script->required; *required != NULL &&
			    strcmp(*required, other->name) != 0; required++)
				;
			if (strstr(script->text, call) != NULL)
				assert_non_null(*required);
		}
	}
}

static void
test_script_table_is_sorted_and_unique(void **state)
{
	const struct script *script;

	(void)state;
	for (script = script_table + 1; script->name != NULL; script++)
		assert_true(strcmp(script[-1].name, script->name) < 0);
}

static void
test_script_find_by_name(void **state)
{
	const struct script *script;

	(void)state;
	for (script = script_table; script->name != NULL; script++)
		assert_ptr_equal(script_find(script->name), script);
	assert_null(script_find("nosuch"));
	assert_null(script_find(""));
}

static void
test_script_exists_for_each_command(void **state)
{
	const struct command_row *command;
	char name[64];

	(void)state;
	assert_non_null(script_find("boot"));
	assert_non_null(script_find("commands.native"));
	for (command = command_table; command->name != NULL; command++) {
		if (command->script == NULL)
			continue;
		snprintf(name, sizeof(name), "commands.%s", command->script);
		assert_non_null(script_find(name));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script_text_equals_source_line_by_line),
		cmocka_unit_test(test_script_requires_are_listed),
		cmocka_unit_test(test_script_table_is_sorted_and_unique),
		cmocka_unit_test(test_script_find_by_name),
		cmocka_unit_test(test_script_exists_for_each_command)
	};

	return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
