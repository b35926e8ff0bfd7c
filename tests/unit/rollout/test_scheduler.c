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

#include "rollout/command.h"
#include "rollout/fake.h"

/* Interrupts the next runs at these times after their beginning. */
static void
interrupt(int64_t first, int64_t second)
{
	fake.interrupt_at[0] = first == 0 ? 0 : 5000 + first;
	fake.interrupt_at[1] = second == 0 ? 0 : 5000 + second;
}

static void
test_reload_several_runs_followers_before_leaders(void **state)
{
	static const struct answer list[] = {
		ANSWER(LEADER), ANSWER(FOLLOWER), ANSWER(STATUS("'role': null")),
		LASTING(OK_REPLY, 10), ANSWER(FOLLOWER),
		LASTING(OK_REPLY, 10), ANSWER(FOLLOWER),
		LASTING(OK_REPLY, 10), ANSWER(LEADER)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-t", "7");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;"
	    "b reload;b preflight;c reload;c preflight;a reload;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	assert_string_equal(fake.reports,
	    "b reloaded;c reloaded;a reloaded;");
	assert_string_equal(ran.err, "");
	/* The preflight of all at once, then one at a time. */
	assert_int_equal(fake.most_running, 3);
	/* The health of the last has what is left of its time. */
	assert_int_equal(fake.last_deadline, 5000 + 20 + 7000);
	fake_finish(&ran);
}

static void
test_reload_failure_stops_the_rest(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), ANSWER(FOLLOWER),
		ANSWER(FOLLOWER), ANSWER(OK_REPLY), ANSWER(FOLLOWER),
		ANSWER(REFUSED_REPLY("false"))
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-s", "d");
	CHECK_ASKED(&ran, list,
	    "a preflight;b preflight;c preflight;d preflight;"
	    "a reload;a preflight;b reload;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_string_equal(fake.reports, "a reloaded;b refused locked;"
	    "c untouched;d untouched;");
	fake_finish(&ran);
}

static void
test_reload_keep_going_continues_after_failure(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), { NULL, ERROR_UNREACHABLE, 0, 0, 0, NULL },
		ANSWER(FOLLOWER), ANSWER(FAILED_REPLY), ANSWER(OK_REPLY),
		ANSWER(FOLLOWER)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-k");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;"
	    "a reload;c reload;c preflight;");
	assert_int_equal(ran.outcome, OUTCOME_FAILED);
	assert_string_equal(fake.reports, "b unreachable unreachable;"
	    "a failed init_failed;c reloaded;");
	fake_finish(&ran);
}

static void
test_reload_jobs_given_run_in_parallel_by_group(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(LEADER), ANSWER(FOLLOWER),
		ANSWER(FOLLOWER), LASTING(OK_REPLY, 30), LASTING(OK_REPLY, 10),
		ANSWER(FOLLOWER), LASTING(OK_REPLY, 50), ANSWER(FOLLOWER),
		ANSWER(FOLLOWER), ANSWER(OK_REPLY), ANSWER(LEADER)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-s", "d", "-j", "2");
	fake_run(&ran, list);
	assert_string_equal(fake.log,
	    "a preflight;b preflight;c preflight;d preflight;"
	    "a reload;c reload;c preflight;d reload;a preflight;d preflight;"
	    "b reload;b preflight;");
	assert_string_equal(fake.reports,
	    "c reloaded;a reloaded;d reloaded;b reloaded;");
	fake_finish(&ran);
}

static void
test_interrupt_once_waits_for_running_jobs(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), LASTING(OK_REPLY, 3000)
	};
	struct ran ran;

	(void)state;
	interrupt(1000, 0);
	FAKE_PARSE(&ran, "-s", "a", "-s", "b");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;a reload;");
	/* All that was begun is well, but it was not all. */
	assert_int_equal(ran.outcome, OUTCOME_USAGE);
	assert_string_equal(fake.reports, "a reloaded;b untouched;");
	assert_int_equal(fake.now_ms, 5000 + 3000);
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a");
	fake_run(&ran, list + 2);
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	fake_finish(&ran);
	interrupt(0, 0);
}

static void
test_interrupt_twice_cancels_running_jobs(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), LASTING(OK_REPLY, 3000)
	};
	struct ran ran;

	(void)state;
	interrupt(1000, 1500);
	FAKE_PARSE(&ran, "-s", "a", "-s", "b");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;a reload;");
	assert_int_equal(ran.outcome, OUTCOME_TIMEOUT);
	assert_string_equal(fake.reports,
	    "a timeout interrupted;b untouched;");
	assert_int_equal(fake.now_ms, 5000 + 1500);
	assert_int_equal(fake.running, 0);
	fake_finish(&ran);
	interrupt(0, 0);
}

static void
test_interrupt_unsent_requests_are_cancelled(void **state)
{
	static const struct answer unsent[] = {
		{ OK_REPLY, 0, 0, 0, 3000, NULL }
	};
	static const struct answer waiting[] = {
		{ NULL, ERROR_UNREACHABLE, 1, 0, 950, NULL }
	};
	static const struct answer read_only[] = { LASTING(OK_REPLY, 3000) };
	static const struct answer preflights[] = {
		ANSWER(FOLLOWER), LASTING(FOLLOWER, 3000)
	};
	struct ran ran;

	(void)state;
	interrupt(1000, 0);
	FAKE_PARSE(&ran, "-s", "a");
	fake_run(&ran, unsent);
	assert_int_equal(ran.outcome, OUTCOME_USAGE);
	assert_string_equal(fake.reports, "a untouched;");
	assert_int_equal(fake.running, 0);
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "-w", "10");
	fake_run(&ran, waiting);
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(fake.reports, "a unreachable unreachable;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "status");
	fake_run(&ran, read_only);
	assert_int_equal(ran.outcome, OUTCOME_TIMEOUT);
	assert_string_equal(fake.reports, "a timeout interrupted;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "-s", "b");
	fake_run(&ran, preflights);
	assert_int_equal(ran.outcome, OUTCOME_USAGE);
	assert_string_equal(fake.reports, "a untouched;b untouched;");
	assert_string_equal(fake.log, "a preflight;b preflight;");
	fake_finish(&ran);
	interrupt(0, 0);
}

static void
test_phases_verbose_are_printed(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 0, "load\033" }
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-v");
	fake_run(&ran, list);
	assert_string_equal(ran.err, "cartridge-reload: a: load\\033\n");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a");
	fake_run(&ran, list);
	assert_string_equal(ran.err, "");
	fake_finish(&ran);
}

static void
test_progress_long_job_is_drawn(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 2000, "load" }
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "--progress", "always");
	fake_run(&ran, list);
	assert_string_equal(ran.err,
	    "\ra: load, 0 s\033[K\ra: load, 1 s\033[K\r\033[K");
	/* For that, the instance is asked to tell its phases. */
	assert_non_null(strstr(fake.last_line, "verbose"));
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "--progress", "always", "-q");
	fake_run(&ran, list);
	assert_string_equal(ran.err, "");
	assert_null(strstr(fake.last_line, "verbose"));
	fake_finish(&ran);
}

/* The client fails while it waits for the instance to become healthy. */
static void
test_client_failure_in_health_check_keeps_reload_report(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), ANSWER(OK_REPLY),
		LASTING(FOLLOWER, 10)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b");
	fake.poller_fails_at = 4;
	CHECK_ASKED(&ran, list,
	    "a preflight;b preflight;a reload;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_USAGE);
	assert_string_equal(fake.reports, "a reloaded;b untouched;");
	fake_finish(&ran);
	fake.poller_fails_at = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_reload_several_runs_followers_before_leaders),
		cmocka_unit_test(test_reload_failure_stops_the_rest),
		cmocka_unit_test(
		    test_reload_keep_going_continues_after_failure),
		cmocka_unit_test(
		    test_reload_jobs_given_run_in_parallel_by_group),
		cmocka_unit_test(test_interrupt_once_waits_for_running_jobs),
		cmocka_unit_test(test_interrupt_twice_cancels_running_jobs),
		cmocka_unit_test(test_interrupt_unsent_requests_are_cancelled),
		cmocka_unit_test(
		    test_client_failure_in_health_check_keeps_reload_report),
		cmocka_unit_test(test_phases_verbose_are_printed),
		cmocka_unit_test(test_progress_long_job_is_drawn)
	};

	return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
