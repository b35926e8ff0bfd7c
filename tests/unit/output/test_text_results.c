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

static void
test_results_of_eval_are_printed_unchanged(void **state)
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results_of_eval_are_printed_unchanged)
	};

	return cmocka_run_group_tests_name("text_results", tests, NULL, NULL);
}
