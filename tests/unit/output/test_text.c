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

#include "printed.h"

/*
 * The golden files of tests/functional have what is printed for each kind of
 * report; these cases do not depend on the wording.
 */

/* Prints the report on a reply of `command`. */
static void
print_text(struct printed *printed, const char *command, const char *reply)
{
	begin(printed, command);
	print(printed, &output_text, reply);
}

static void
test_text_durations_have_a_unit_and_two_or_three_digits(void **state)
{
	static const char *const cases[][2] = {
		{ "0.25", " in 0.2 ms\n" }, { "3", " in 3.0 ms\n" },
		{ "41.2", " in 41 ms\n" }, { "1000", " in 1000 ms\n" },
		{ "12345.6", " in 12.3 s\n" }
	};
	struct printed printed;
	char reply[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(reply, sizeof(reply), REPLY("'outcome': 'reloaded',"
		    "'generation': 1, 'duration_ms': %s"), cases[i][0]);
		print_text(&printed, "reload", reply);
		assert_non_null(strstr(printed.out, cases[i][1]));
		end(&printed);
	}
}

/* Only a complete rollback allows to say which code is serving. */
static void
test_text_failure_without_rollback_promises_nothing(void **state)
{
	static const char *const replies[] = {
		"[{'error': 'fiber is cancelled'}]",
		REPLY("'outcome': 'failed', 'error': {'code':"
		    " 'internal_error', 'message': 'm'}"),
		REPLY("'outcome': 'refused', 'error': {'code': 'locked',"
		    " 'message': 'busy'}"),
		REPLY("'outcome': 'refused'")
	};
	struct printed printed;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		print_text(&printed, "reload", replies[i]);
		assert_null(strstr(printed.err, "code"));
		assert_null(strstr(printed.out, "rolled back"));
		end(&printed);
	}
}

/* The instance chose the message: it must not look like one of ours. */
static void
test_text_message_of_several_lines_is_indented(void **state)
{
	struct printed printed;

	(void)state;
	print_text(&printed, "reload", REPLY("'outcome': 'failed',"
	    "'error': {'code': 'load_error', 'phase': 'load', 'message':"
	    " 'a\\ncartridge-reload: b.control: reloaded\\u001b[2J'}"));
	assert_non_null(strstr(printed.err,
	    "\n    cartridge-reload: b.control: reloaded\\033[2J\n"));
	end(&printed);
}

static void
test_text_eval_results_are_printed_unchanged(void **state)
{
	struct printed printed;
	static const char reply[] = REPLY("'outcome': 'ok',"
	    "'results': '---\\n- |\\n  a\\n\\tb\\u009b\\n- \\\\e\\n...\\n'");

	(void)state;
	print_text(&printed, "eval", reply);
	assert_string_equal(printed.out,
	    "---\n- |\n  a\n\tb\\302\\233\n- \\e\n...\n");
	assert_string_equal(printed.err, "");
	end(&printed);
	begin(&printed, "eval");
	printed.context.targets = 2;
	print(&printed, &output_text, reply);
	assert_string_equal(printed.out, "# a.control\n---\n- |\n  a\n"
	    "\tb\\302\\233\n- \\e\n...\n");
	end(&printed);
	print_text(&printed, "eval", REPLY("'outcome': 'failed', 'error':"
	    " {'code': 'lua_error', 'phase': 'eval', 'message': 'x'}"));
	assert_string_equal(printed.out, "");
	end(&printed);
}

static void
test_text_from_instance_is_escaped(void **state)
{
	static const char evil[] = "\\u001b]0;x\\u0007\\u202e";
	struct printed printed;
	char reply[2048], *at;
	size_t i;
	static const char *const commands[] = {
		"reload", "plan", "status", "stale", "eval"
	};

	(void)state;
	snprintf(reply, sizeof(reply), REPLY("'outcome': 'degraded',"
	    "'alias': '%s', 'uuid': '%s', 'modules': [{'name': '%s',"
	    "'path': '%s'}], 'kept': [{'reason': '%s', 'names': ['%s']}],"
	    "'roles': [{'name': '%s', 'enabled': true}],"
	    "'fibers': {'left': [{'name': '%s', 'where': '%s'}]},"
	    "'stale': [{'kind': '%s'}, {'where': '%s', 'function': '%s',"
	    " 'name': '%s', 'reason': '%s'}], 'scan': {'unchecked': ['%s']},"
	    "'error': {'code': '%s', 'phase': '%s', 'role': '%s',"
	    "'message': '%s', 'traceback': '%s'},"
	    "'rollback': {'undone': ['%s'], 'left': ['%s']},"
	    "'warnings': ['%s'], 'results': '%s', 'problems': ["
	    "{'module': '%s', 'message': '%s'}, {'module': '%s'}],"
	    "'status': {'box': '%s', 'state': '%s', 'tarantool': '%s',"
	    "'reloading': {'holder': '%s'}, 'last': {'outcome': '%s',"
	    "'code': '%s'}}"),
	    evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil,
	    evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil,
	    evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		begin(&printed, commands[i]);
		printed.context.verbose = 1;
		print(&printed, &output_text, reply);
		assert_non_null(strstr(printed.err, "\\033]0;x\\007"));
		for (at = printed.out; *at != '\0'; at++)
			assert_true(*at == '\n' ||
			    (*at >= 0x20 && *at < 0x7f));
		for (at = printed.err; *at != '\0'; at++)
			assert_true(*at == '\n' ||
			    (*at >= 0x20 && *at < 0x7f));
		end(&printed);
	}
}

static void
test_text_color_marks_the_outcome(void **state)
{
	struct printed printed;

	(void)state;
	begin(&printed, "reload");
	printed.context.color = 1;
	print(&printed, &output_text, REPLY("'outcome': 'reloaded',"
	    "'generation': 1"));
	assert_string_equal(printed.out, "\033[1ma.control\033[0m: "
	    "\033[32mreloaded\033[0m to generation 1\n");
	end(&printed);
	begin(&printed, "reload");
	printed.context.color = 1;
	print(&printed, &output_text, REPLY("'outcome': 'refused'"));
	assert_string_equal(printed.out, "\033[1ma.control\033[0m: "
	    "\033[31mrefused\033[0m\n");
	end(&printed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_text_durations_have_a_unit_and_two_or_three_digits),
		cmocka_unit_test(
		    test_text_failure_without_rollback_promises_nothing),
		cmocka_unit_test(
		    test_text_message_of_several_lines_is_indented),
		cmocka_unit_test(test_text_eval_results_are_printed_unchanged),
		cmocka_unit_test(test_text_from_instance_is_escaped),
		cmocka_unit_test(test_text_color_marks_the_outcome)
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
