/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rollout/health.h"

/* The report on a reply, written with ' for ". */
static void
read_report(struct report *report, const char *reply)
{
	char json[512], *quote;
	json_t *tree;

	snprintf(json, sizeof(json), "[{'cartridge_reload': 1, %s}]", reply);
	while ((quote = strchr(json, '\'')) != NULL)
		*quote = '"';
	assert_non_null(tree = json_loads(json, 0, NULL));
	report_from_reply(report, "a", tree, 0);
	json_decref(tree);
}

static void
test_healthy_is_who_is_up_and_not_called_sick(void **state)
{
	static const struct {
		const char	*reply;
		int		 sick, good, good_if_was_sick;
	} cases[] = {
		{ "'outcome': 'ok'", 0, 1, 1 },
		{ "'outcome': 'ok', 'status': {}", 0, 1, 1 },
		{ "'outcome': 'ok', 'status': {'healthy': true}", 0, 1, 1 },
		{ "'outcome': 'ok', 'status': {'healthy': false}", 1, 0, 1 },
		{ "'outcome': 'refused', 'status': {}", 0, 0, 0 },
		{ "'outcome': 'refused', 'status': {'healthy': true}", 0, 0, 0 },
		{ "'outcome': 'failed'", 0, 0, 0 }
	};
	struct report report;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_report(&report, cases[i].reply);
		assert_int_equal(health_reported_unhealthy(report.instance),
		    cases[i].sick);
		assert_int_equal(health_ok(&report, 0), cases[i].good);
		assert_int_equal(health_ok(&report, 1),
		    cases[i].good_if_was_sick);
		report_finish(&report);
	}
}

static void
check_blame(const char *status_reply, const char *expected)
{
	struct report report, status;
	const json_t *error;

	read_report(&report, "'outcome': 'reloaded', 'generation': 4");
	read_report(&status, status_reply);
	health_set_failed(&report, &status, 2.5);
	assert_int_equal(report.outcome, OUTCOME_DEGRADED);
	error = json_object_get(report.instance, "error");
	assert_string_equal(json_string_value(json_object_get(error, "code")),
	    "not_healthy");
	assert_string_equal(json_string_value(json_object_get(error,
	    "message")), expected);
	assert_int_equal(json_integer_value(json_object_get(report.instance,
	    "generation")), 4);
	report_finish(&report);
	report_finish(&status);
}

static void
test_blame_says_what_is_wrong_and_keeps_the_rest(void **state)
{
	(void)state;
	check_blame("'outcome': 'refused', 'error': {'message': 'no'}",
	    "not healthy again within 2.5 s after the reload: no");
	check_blame("'outcome': 'ok', 'status': {'healthy': false}",
	    "not healthy again within 2.5 s after the reload: "
	    "Cartridge does not say why");
	check_blame("'outcome': 'ok', 'status': {'healthy': false, "
	    "'unhealthy': ['b (h:2): dead', 'c: dead']}",
	    "not healthy again within 2.5 s after the reload: b (h:2): dead");
}

static void
test_lack_of_memory_is_no_blame(void **state)
{
	struct report report;
	struct error error;

	(void)state;
	read_report(&report, "'outcome': 'reloaded', 'generation': 4");
	assert_int_equal(report_is_short(&report), 0);
	health_set_unknown(&report);
	assert_int_equal(report.outcome, OUTCOME_USAGE);
	assert_int_equal(report_is_short(&report), 1);
	assert_int_equal(json_integer_value(json_object_get(report.instance,
	    "generation")), 4);
	report_finish(&report);
	assert_int_equal(report_is_short(&report), 1);
	error_set(&error, OUTCOME_TIMEOUT, "deadline", "no");
	report_from_error(&report, "a", &error);
	assert_int_equal(report_is_short(&report), 0);
	report_finish(&report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy_is_who_is_up_and_not_called_sick),
		cmocka_unit_test(test_blame_says_what_is_wrong_and_keeps_the_rest),
		cmocka_unit_test(test_lack_of_memory_is_no_blame)
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
