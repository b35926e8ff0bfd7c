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
test_json_is_one_document_at_the_end(void **state)
{
	struct printed printed;
	json_t *document;

	(void)state;
	begin(&printed, "eval");
	print(&printed, &output_json, REPLY("'outcome': 'ok',"
	    "'duration_ms': 0.1,"
	    "'results': '---\\n- 0.1\\n- \\u0431\\u007f\\n...\\n'"));
	assert_non_null(strstr(printed.out, "\"duration_ms\": 0.1,\n"));
	assert_non_null(strstr(printed.out, "\"\\u0431\\u007F\""));
	document = json_loads(printed.out, 0, NULL);
	assert_non_null(document);
	assert_true(json_is_true(json_object_get(document, "ok")));
	assert_int_equal(json_integer_value(json_object_get(document,
	    "exit")), 0);
	assert_int_equal(json_array_size(json_object_get(json_array_get(
	    json_object_get(document, "instances"), 0), "results")), 2);
	json_decref(document);
	end(&printed);
	begin(&printed, "reload");
	printed.context.quiet = 1;
	print(&printed, &output_json, REPLY("'outcome': 'reloaded'"));
	assert_string_equal(printed.out, "");
	end(&printed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_is_one_document_at_the_end)
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
