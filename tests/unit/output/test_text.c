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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_from_instance_is_escaped)
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
