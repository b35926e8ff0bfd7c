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

/* Only a complete rollback allows to say which code is serving. */
static void
test_reload_failure_without_rollback_promises_nothing(void **state)
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

static void
test_reload_color_marks_the_outcome(void **state)
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
		    test_reload_failure_without_rollback_promises_nothing),
		cmocka_unit_test(test_reload_color_marks_the_outcome)
	};

	return cmocka_run_group_tests_name("text_reload", tests, NULL, NULL);
}
