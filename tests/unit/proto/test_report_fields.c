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
		const char *field, *path;
	} cases[] = {
		{ "'alias': 1", "alias" },
		{ "'generation': 'x'", "generation" },
		{ "'generation': 1.5", "generation" },
		{ "'generation': 1e300", "generation" },
		{ "'duration_ms': '1'", "duration_ms" },
		{ "'duration_ms': true", "duration_ms" },
		{ "'modules': {'a': 1}", "modules" },
		{ "'modules': ['a']", "modules" },
		{ "'modules': [{'name': []}]", "modules.name" },
		{ "'roles': [{'enabled': 1}]", "roles.enabled" },
		{ "'routes': [1]", "routes" },
		{ "'routes': 'x'", "routes" },
		{ "'fibers': {'left': [{'id': {}}]}", "fibers.left.id" },
		{ "'warnings': [null]", "warnings" },
		{ "'warnings': 'x'", "warnings" },
		{ "'rollback': {'left': [[]]}", "rollback.left" },
		{ "'error': 'x'", "error" },
		{ "'stale': [{'name': 1}]", "stale.name" },
		{ "'stale': [{'generation': '1'}]", "stale.generation" },
		{ "'stale': [{'reason': {'a': 1}}]", "stale.reason" },
		{ "'scan': 'none'", "scan" },
		{ "'scan': {'objects': 1.5}", "scan.objects" },
		{ "'scan': {'max_slice_ms': 'x'}", "scan.max_slice_ms" },
		{ "'scan': {'complete': 1}", "scan.complete" },
		{ "'scan': {'unchecked': [1]}", "scan.unchecked" },
		{ "'results': [1]", "results" }
	};
	struct report report;
	char reply[256], path[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(reply, sizeof(reply), "[{'cartridge_reload': 1,"
		    "'outcome': 'reloaded', %s}]", cases[i].field);
		from_reply(&report, reply);
		assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
		assert_string_equal(string_at(&report, "error", "code"),
		    "bad_reply");
		snprintf(path, sizeof(path), ": %s ", cases[i].path);
		assert_non_null(strstr(string_at(&report, "error", "message"),
		    path));
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
