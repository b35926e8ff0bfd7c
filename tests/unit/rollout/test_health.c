/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rollout/fake.h"
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
test_health_ok_table(void **state)
{
	static const struct {
		const char	*reply;
		int		 sick, good, good_if_was_unhealthy;
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
		    cases[i].good_if_was_unhealthy);
		report_finish(&report);
	}
}

/* The message must end with the reason. */
static void
check_failed(const char *status_reply, const char *reason)
{
	struct report report, status;
	const char *message;
	const json_t *error;

	read_report(&report, "'outcome': 'reloaded', 'generation': 4");
	read_report(&status, status_reply);
	health_set_failed(&report, &status, 2.5);
	assert_int_equal(report.outcome, OUTCOME_DEGRADED);
	error = json_object_get(report.instance, "error");
	assert_string_equal(json_string_value(json_object_get(error, "code")),
	    "not_healthy");
	message = json_string_value(json_object_get(error, "message"));
	assert_in_range(strlen(reason), 1, strlen(message));
	assert_string_equal(message + strlen(message) - strlen(reason), reason);
	assert_int_equal(json_integer_value(json_object_get(report.instance,
	    "generation")), 4);
	report_finish(&report);
	report_finish(&status);
}

static void
test_health_set_failed_reports_reason_and_keeps_rest(void **state)
{
	(void)state;
	check_failed("'outcome': 'refused', 'error': {'message': 'no'}",
	    ": no");
	check_failed("'outcome': 'ok', 'status': {'healthy': false, "
	    "'unhealthy': ['b (h:2): dead', 'c: dead']}",
	    ": b (h:2): dead");
}

static void
test_health_set_unknown_reports_out_of_memory(void **state)
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
	error_set(&error, ERROR_DEADLINE, "no");
	report_from_error(&report, "a", &error);
	assert_int_equal(report_is_short(&report), 0);
	report_finish(&report);
}

static void
test_health_check_unhealthy_retries_until_timeout(void **state)
{
	static const struct answer well[] = {
		ANSWER(FOLLOWER), ANSWER(STATUS("'healthy': false")),
		ANSWER(OK_REPLY), ANSWER(REFUSED_REPLY("false")),
		{ NULL, ERROR_UNREACHABLE, 0, 0, 0, NULL },
		ANSWER(STATUS("'healthy': false")), ANSWER(FOLLOWER),
		/* It was not before either. */
		ANSWER(OK_REPLY), ANSWER(STATUS("'healthy': false"))
	};
	struct answer ill[64] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), ANSWER(OK_REPLY)
	};
	struct ran ran;
	size_t i;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b");
	CHECK_ASKED(&ran, well,
	    "a preflight;b preflight;a reload;a preflight;a preflight;"
	    "a preflight;a preflight;b reload;b preflight;");
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	fake_finish(&ran);
	for (i = 3; i < sizeof(ill) / sizeof(ill[0]); i++)
		ill[i] = (struct answer)ANSWER(REFUSED_REPLY("false"));
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-t", "5");
	fake_run(&ran, ill);
	assert_int_equal(ran.outcome, OUTCOME_DEGRADED);
	assert_int_equal(fake.now_ms, 5000 + 5000);
	assert_string_equal(fake.reports,
	    "a degraded not_healthy;b untouched;");
	fake_finish(&ran);
}

static void
test_health_check_late_reload_gets_one_second(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), LASTING(OK_REPLY, 990),
		LASTING(FOLLOWER, 500), ANSWER(REFUSED_REPLY("false"))
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-t", "1");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;a reload;a preflight;"
	    "b reload;");
	assert_string_equal(fake.reports, "a reloaded;b refused locked;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-t", "1");
	fake_run(&ran, list);
	assert_int_equal(fake.last_deadline, fake.now_ms + 1000);
	fake_finish(&ran);
}

/* What Cartridge calls healthy is the whole cluster, the failed one included. */
static void
test_health_check_after_failure_ignores_cluster_health(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER),
		{ NULL, ERROR_DEADLINE, 0, 1, 0, NULL }, ANSWER(OK_REPLY),
		ANSWER(STATUS("'healthy': false"))
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-k");
	CHECK_ASKED(&ran, list,
	    "a preflight;b preflight;a reload;b reload;b preflight;");
	assert_int_equal(ran.outcome, OUTCOME_TIMEOUT);
	assert_string_equal(fake.reports, "a timeout deadline;b reloaded;");
	fake_finish(&ran);
}

/* Who waits for an instance to recover is told if it does not. */
static void
test_health_check_verbose_retry_prints_nothing(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), ANSWER(OK_REPLY),
		ANSWER(REFUSED_REPLY("true")), ANSWER(FOLLOWER),
		ANSWER(OK_REPLY), ANSWER(FOLLOWER)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-v");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;a reload;"
	    "a preflight;a preflight;b reload;b preflight;");
	assert_string_equal(ran.err, "");
	fake_finish(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health_ok_table),
		cmocka_unit_test(
		    test_health_set_failed_reports_reason_and_keeps_rest),
		cmocka_unit_test(test_health_set_unknown_reports_out_of_memory),
		cmocka_unit_test(
		    test_health_check_unhealthy_retries_until_timeout),
		cmocka_unit_test(test_health_check_late_reload_gets_one_second),
		cmocka_unit_test(
		    test_health_check_after_failure_ignores_cluster_health),
		cmocka_unit_test(test_health_check_verbose_retry_prints_nothing)
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
