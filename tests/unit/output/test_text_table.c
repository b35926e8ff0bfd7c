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
test_table_status_of_several_is_aligned(void **state)
{
	static const char rows[] =
	    ROW("u.sock", "false", "unreachable', 'alias': null,"
	    " 'error': {'code': 'no_socket'}") ", "
	    ROW("\u043f.sock", "true", "ok', 'alias': 'p\\u001b', 'generation':"
	    " 10, 'status': {'box': 'running', 'state': 'RolesConfigured',"
	    " 'tarantool': '2.6.0-0-g1', 'role': 'leader', 'digest':"
	    " '0123456789'}") ", "
	    ROW("c.sock", "false", "refused', 'generation': 0, 'status':"
	    " {'box': 'loading', 'state': 'x', 'tarantool': '3.0'}") ", "
	    ROW("d.sock", "true", "ok', 'generation': 1, 'status': {'box':"
	    " 'running', 'healthy': false, 'role': 'follower'}");
	struct printed printed;

	(void)state;
	begin(&printed, "status");
	end_several(&printed, &output_text, rows, "");
	assert_string_equal(printed.out,
	    "NAME    STATE                   ROLE      GEN  CODE      "
	    "TARANTOOL  TARGET\n"
	    "p\\033   RolesConfigured         leader    10   01234567  "
	    "2.6.0      \u043f.sock\n"
	    "d.sock  running                 follower  1    -         "
	    "-          d.sock\n"
	    "u.sock  unreachable: no_socket  -         -    -         "
	    "-          u.sock\n"
	    "c.sock  loading                 -         0    -         "
	    "3.0        c.sock\n"
	    "not healthy: Cartridge gives no reason\n");
	end(&printed);
	begin(&printed, "status");
	printed.context.quiet = 1;
	end_several(&printed, &output_text, rows, "");
	assert_string_equal(printed.out, "");
	end(&printed);
	begin(&printed, "status");
	end_several(&printed, &output_text, "", "");
	assert_string_equal(printed.out, "");
	end(&printed);
}

static void
test_table_code_of_a_minority_is_highlighted(void **state)
{
	struct printed printed;
	static const char rows[] =
	    ROW("a", "true", "ok', 'status': {'box': 'r', 'digest': 'x'}") ", "
	    ROW("b", "true", "ok', 'status': {'box': 'r', 'digest': 'y'}") ", "
	    ROW("c", "true", "ok', 'status': {'box': 'r', 'digest': 'x'}");

	(void)state;
	begin(&printed, "status");
	printed.context.color = 1;
	end_several(&printed, &output_text, rows, "");
	assert_non_null(strstr(printed.out, "  x\033[0m   "));
	assert_null(strstr(printed.out, "  y\033[0m   "));
	assert_non_null(strstr(printed.out, "my\033[0m   "));
	end(&printed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_status_of_several_is_aligned),
		cmocka_unit_test(test_table_code_of_a_minority_is_highlighted)
	};

	return cmocka_run_group_tests_name("text_table", tests, NULL, NULL);
}
