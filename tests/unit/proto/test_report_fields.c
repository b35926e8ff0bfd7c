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

#include "replies.h"

static void
test_report_fields_unknown_are_dropped(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'target': 'evil', 'ok': false, 'more': {'a': [1]},"
	    "'routes': {'added': 1, 'more': 2}}]");
	assert_string_equal(string_at(&report, NULL, "target"), "a.control");
	assert_json(json_object_get(report.instance, "ok"), "true");
	assert_null(json_object_get(report.instance, "more"));
	assert_json(json_object_get(report.instance, "routes"),
	    "{\"added\":1,\"replaced\":0,\"removed\":0}");
	report_finish(&report);
}

static void
test_report_fields_empty_table_is_map_or_list_by_schema(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'routes': [], 'modules': {}, 'warnings': {}, 'fibers': [],"
	    "'timings_ms': [], 'generation': 2.0, 'error': null}]");
	assert_int_equal(report.outcome, OUTCOME_OK);
	assert_json(json_object_get(report.instance, "modules"), "[]");
	assert_json(json_object_get(report.instance, "generation"), "2");
	report_finish(&report);
}

static void
test_report_fields_wrong_type_error_names_field(void **state)
{
	static const struct {
		const char *field, *why;
	} cases[] = {
		{ "'alias': 1", "alias is not a string" },
		{ "'generation': 'x'", "generation is not an integer" },
		{ "'generation': 1.5", "generation is not an integer" },
		{ "'generation': 1e300", "generation is not an integer" },
		{ "'duration_ms': '1'", "duration_ms is not a number" },
		{ "'duration_ms': true", "duration_ms is not a number" },
		{ "'modules': {'a': 1}", "modules is not a list" },
		{ "'modules': ['a']", "modules is not a map" },
		{ "'modules': [{'name': []}]", "modules.name is not a string" },
		{ "'roles': [{'enabled': 1}]",
		    "roles.enabled is not a boolean" },
		{ "'routes': [1]", "routes is not a map" },
		{ "'routes': 'x'", "routes is not a map" },
		{ "'fibers': {'left': [{'id': {}}]}",
		    "fibers.left.id is not an integer" },
		{ "'warnings': [null]",
		    "warnings has an item that is not a string" },
		{ "'warnings': 'x'", "warnings is not a list" },
		{ "'rollback': {'left': [[]]}",
		    "rollback.left has an item that is not a string" },
		{ "'error': 'x'", "error is not a map" },
		{ "'stale': [{'name': 1}]", "stale.name is not a string" },
		{ "'stale': [{'generation': '1'}]",
		    "stale.generation is not an integer" },
		{ "'stale': [{'reason': {'a': 1}}]",
		    "stale.reason is not a string" },
		{ "'scan': 'none'", "scan is not a map" },
		{ "'scan': {'objects': 1.5}",
		    "scan.objects is not an integer" },
		{ "'scan': {'max_slice_ms': 'x'}",
		    "scan.max_slice_ms is not a number" },
		{ "'scan': {'complete': 1}", "scan.complete is not a boolean" },
		{ "'scan': {'unchecked': [1]}",
		    "scan.unchecked has an item that is not a string" },
		{ "'results': [1]", "results is not a string" }
	};
	struct report report;
	char reply[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(reply, sizeof(reply), "[{'cartridge_reload': 1,"
		    "'outcome': 'reloaded', %s}]", cases[i].field);
		from_reply(&report, reply);
		assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
		assert_string_equal(string_at(&report, "error", "code"),
		    "bad_reply");
		assert_non_null(strstr(string_at(&report, "error", "message"),
		    cases[i].why));
		assert_json(json_object_get(report.instance, "generation"),
		    "null");
		report_finish(&report);
	}
}

static void
test_report_fields_text_with_nul_is_kept_whole(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'alias': 'a\\u0000b', 'warnings': ['c\\u0000']}]");
	assert_string_equal(string_at(&report, NULL, "alias"), "a\\000b");
	assert_json(json_object_get(report.instance, "warnings"),
	    "[\"c\\\\000\"]");
	report_finish(&report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_fields_unknown_are_dropped),
		cmocka_unit_test(
		    test_report_fields_empty_table_is_map_or_list_by_schema),
		cmocka_unit_test(
		    test_report_fields_wrong_type_error_names_field),
		cmocka_unit_test(
		    test_report_fields_text_with_nul_is_kept_whole)
	};

	return cmocka_run_group_tests_name("report_fields", tests, NULL, NULL);
}
