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

#include "proto/request.h"
#include "proto/script.h"

#define SCRIPT(name, text, ...)						\
	{ name, text, sizeof(text) - 1,					\
	    (const char *const []){ __VA_ARGS__ } }

/* Stands in for the embedded scripts, which are escaped. */
const struct script script_table[] = {
	SCRIPT("boot", "return \\034boot\\034\\n", NULL),
	SCRIPT("commands.plan", "return far", "far", "deep.one", "fiber", NULL),
	SCRIPT("commands.relay", "return relay", "far", NULL),
	SCRIPT("commands.repl", "return 2", NULL),
	SCRIPT("commands.status", "return 1", NULL),
	SCRIPT("deep.one", "return plan", "commands.plan", NULL),
	SCRIPT("far", "-- nothing\\n", NULL),
	{ NULL, NULL, 0, NULL }
};
const size_t script_count = sizeof(script_table) / sizeof(script_table[0]) - 1;

/* Which allocation of jansson's fails, counted down; 0 is none. */
static int allocations_left;

static void *
scarce_malloc(size_t size)
{
	return allocations_left > 0 && --allocations_left == 0 ? NULL :
	    malloc(size);
}

/* The line for a command without arguments; the caller frees it. */
static char *
line_for(const char *command, size_t *len)
{
	json_t *args = json_pack("{s:s}", "command", command);
	char *line;

	assert_non_null(args);
	line = request_line(args, len);
	json_decref(args);
	return line;
}

static void
test_request_line_is_one_parenthesised_call(void **state)
{
	char *line;
	size_t len;

	(void)state;
	assert_non_null(line = line_for("status", &len));
	assert_string_equal(line, "(loadstring(\"return \\034boot\\034\\n\","
	    "\"@cartridge-reload/boot.lua\")(\"commands.status\",\"return 1\","
	    "\"{\\034command\\034:\\034status\\034}\"))");
	assert_int_equal(len, strlen(line));
	free(line);
}

static void
test_request_required_modules_are_sent_once(void **state)
{
	char *line, *at;
	size_t len;

	(void)state;
	assert_non_null(line = line_for("plan", &len));
	assert_non_null(at = strstr(line, "(\"commands.plan\",\""));
	assert_null(strstr(at + 2, "\"commands.plan\",\""));
	assert_non_null(strstr(line, ",\"far\",\"-- nothing\\n\","));
	assert_non_null(strstr(line, ",\"deep.one\",\""));
	assert_null(strstr(line, "\"commands.status\",\""));
	assert_null(strstr(line, "\"fiber\",\""));
	free(line);
}

static void
test_request_arguments_cannot_end_their_string(void **state)
{
	json_t *args;
	char *line;
	size_t len, i;

	(void)state;
	args = json_pack("{s:s, s:s}", "command", "status", "code",
	    "\"))os.exit()--\n\r\xd0\x9f\\");
	assert_non_null(args);
	assert_non_null(line = request_line(args, &len));
	for (i = 0; i < len; i++)
		assert_in_range((unsigned char)line[i], 0x20, 0x7e);
	/* In JSON a quote is \", and of that Lua gets both bytes in digits. */
	assert_non_null(strstr(line, ":\\034\\092\\034))os.exit()--\\092n"
	    "\\092r\\092u041F\\092\\092\\034}\"))"));
	free(line);
	json_decref(args);
}

/*
 * What makes a cut line a syntax error: at no place before its end are all
 * parentheses closed and all strings ended.
 */
static void
test_request_prefix_is_never_balanced(void **state)
{
	static const char *const commands[] = { "plan", "status" };
	char *line;
	size_t len, i, j;
	int depth, in_string;

	(void)state;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_non_null(line = line_for(commands[i], &len));
		depth = in_string = 0;
		for (j = 0; j < len; j++) {
			if (in_string && line[j] == '\\')
				j++;
			else if (line[j] == '"')
				in_string = !in_string;
			else if (!in_string && line[j] == '(')
				depth++;
			else if (!in_string && line[j] == ')')
				depth--;
			assert_int_equal(depth == 0 && !in_string,
			    j == len - 1);
		}
		free(line);
	}
}

static void
test_request_unknown_command_has_no_line(void **state)
{
	json_t *args = json_object();
	size_t len;

	(void)state;
	assert_null(line_for("nosuch", &len));
	assert_null(request_line(args, &len));
	json_decref(args);
}

static void
test_request_suffix_per_instance_follows_shared_prefix(void **state)
{
	json_t *args = json_pack("{s:s, s:i}", "command", "status", "a", 1);
	json_t *more = json_pack("{s:s}", "b", "\"x");
	struct request request;
	char *rest, *line, joined[400];
	size_t len;

	(void)state;
	assert_int_equal(request_init(&request, args), 0);
	assert_int_equal(request.len, strlen(request.head));
	assert_non_null(rest = request_rest(more, &len));
	assert_int_equal(len, strlen(rest));
	assert_string_equal(rest, ",\\034b\\034:\\034\\092\\034x\\034}\"))");
	free(rest);
	assert_non_null(rest = request_rest(NULL, &len));
	snprintf(joined, sizeof(joined), "%s%s", request.head, rest);
	assert_non_null(line = request_line(args, &len));
	assert_string_equal(line, joined);
	assert_int_equal(len, strlen(line));
	free(line);
	free(rest);
	request_finish(&request);
	json_decref(args);
	json_decref(more);
}

static void
test_request_relay_includes_relayed_modules(void **state)
{
	json_t *args = json_pack("{s:s, s:{s:s}}", "command", "relay",
	    "request", "command", "status");
	char *line;
	size_t len;

	(void)state;
	assert_non_null(line = request_line(args, &len));
	assert_non_null(strstr(line, "(\"commands.relay\",\"return relay\","
	    "\"commands.status\",\"return 1\",\"boot\",\"return \\034boot\\034\\n\",\"far\","));
	free(line);
	json_object_set_new(json_object_get(args, "request"), "command",
	    json_string("nosuch"));
	assert_null(request_line(args, &len));
	json_decref(args);
}

static void
test_request_texts_are_escaped_once(void **state)
{
	json_t *args = json_pack("{s:s, s:{s:s%}, s:i}", "command", "status",
	    "texts", "pushed", "\"a\\\n\t\303\244\0b", (size_t)9, "n", 1);
	static const char expected[] = "(\"commands.status\",\"return 1\","
	    "\"pushed\",\"\\034a\\092\\n\\009\303\244\\000b\","
	    "\"{\\034command\\034:\\034status\\034,\\034n\\034:1}\"))";
	char *line;
	size_t len;

	(void)state;
	assert_non_null(args);
	assert_non_null(line = request_line(args, &len));
	assert_string_equal(strstr(line, "(\"commands.status\""), expected);
	assert_non_null(json_object_get(args, "texts"));
	free(line);
	json_decref(args);
}

static void
test_request_repl_text_is_last_call_argument(void **state)
{
	static const char begin[] = "(loadstring(\"return 2\",";
	static const char end[] = ",\"@cartridge-reload/commands/repl.lua\"))"
	    "(getfenv(1),\"more\",\"a\\n\\034\\092\\000\xd0\x9f\",3,14)";
	size_t len;
	char *line;

	(void)state;
	line = request_repl("more", "a\n\"\\\0\xd0\x9f", 7, 3, 14, &len);
	assert_non_null(line);
	assert_int_equal(len, strlen(line));
	assert_memory_equal(line, begin, sizeof(begin) - 1);
	assert_string_equal(line + len - (sizeof(end) - 1), end);
	assert_null(strchr(line, '\n'));
	free(line);
}

/* What is left of some arguments would be another request. */
static void
test_request_out_of_memory_fails_whole(void **state)
{
	json_t *args = json_pack("{s:s, s:b, s:s, s:[s], s:[s], s:{s:s}}",
	    "command", "status", "no_stop", 1, "stale", "report", "modules",
	    "a.*", "exclude", "b", "texts", "one", "two");
	struct request whole, request;
	int i, failures = 0;

	(void)state;
	assert_int_equal(request_init(&whole, args), 0);
	json_set_alloc_funcs(scarce_malloc, free);
	for (i = 1; i < 100; i++) {
		allocations_left = i;
		if (request_init(&request, args) == -1) {
			failures++;
		} else {
			assert_int_equal(request.len, whole.len);
			assert_memory_equal(request.head, whole.head,
			    whole.len);
			request_finish(&request);
		}
		allocations_left = 0;
	}
	json_set_alloc_funcs(malloc, free);
	assert_in_range(failures, 2, 98);
	request_finish(&whole);
	json_decref(args);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_line_is_one_parenthesised_call),
		cmocka_unit_test(test_request_required_modules_are_sent_once),
		cmocka_unit_test(
		    test_request_arguments_cannot_end_their_string),
		cmocka_unit_test(test_request_prefix_is_never_balanced),
		cmocka_unit_test(test_request_unknown_command_has_no_line),
		cmocka_unit_test(
		    test_request_suffix_per_instance_follows_shared_prefix),
		cmocka_unit_test(test_request_relay_includes_relayed_modules),
		cmocka_unit_test(test_request_texts_are_escaped_once),
		cmocka_unit_test(test_request_repl_text_is_last_call_argument),
		cmocka_unit_test(test_request_out_of_memory_fails_whole)
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
