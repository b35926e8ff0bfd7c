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

static void
test_job_without_wait_tries_once(void **state)
{
	static const struct answer list[] = {
		{ NULL, ERROR_UNREACHABLE, 1, 0, 0, NULL }
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a");
	fake_run(&ran, list);
	assert_int_equal(fake.exchanges, 1);
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(fake.reports, "a unreachable unreachable;");
	fake_finish(&ran);
}

static void
test_job_transient_error_is_retried(void **state)
{
	static const struct answer list[] = {
		{ NULL, ERROR_UNREACHABLE, 1, 0, 0, NULL },
		{ REFUSED_REPLY("true"), 0, 0, 1, 0, NULL },
		{ OK_REPLY, 0, 0, 1, 0, NULL }
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-w", "10", "-t", "7");
	fake_run(&ran, list);
	assert_int_equal(fake.exchanges, 3);
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	assert_string_equal(fake.reports, "a reloaded;");
	assert_string_equal(ran.err, "");
	/* 100 and 150 ms of waiting, and then the whole --timeout. */
	assert_int_equal(fake.now_ms, 5000 + 250);
	assert_int_equal(fake.last_deadline, fake.now_ms + 7000);
	fake_finish(&ran);
}

static void
test_job_wait_expired_ends_retries(void **state)
{
	struct answer list[64];
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		list[i] = (struct answer){ NULL, ERROR_UNREACHABLE, 1, 0, 0,
		    NULL };
	FAKE_PARSE(&ran, "-s", "a", "-w", "10.5");
	fake_run(&ran, list);
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_int_equal(fake.now_ms, 5000 + 10500);
	/* Ever slower, but at least once in a second. */
	assert_in_range(fake.exchanges, 12, 20);
	fake_finish(&ran);
}

static void
test_job_permanent_error_is_not_retried(void **state)
{
	static const struct answer lists[][1] = {
		{ { NULL, ERROR_UNREACHABLE, 0, 0, 0, NULL } },
		{ { REFUSED_REPLY("false"), 0, 0, 1, 0, NULL } },
		/* What was sent may have been done. */
		{ { NULL, ERROR_UNREACHABLE, 1, 1, 0, NULL } }
	};
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		FAKE_PARSE(&ran, "-s", "a", "-w", "10");
		fake_run(&ran, lists[i]);
		assert_int_equal(fake.exchanges, 1);
		fake_finish(&ran);
	}
}

static void
test_job_verbose_retry_names_reason_once(void **state)
{
	static const struct answer list[] = {
		{ NULL, ERROR_UNREACHABLE, 1, 0, 0, NULL },
		{ NULL, ERROR_UNREACHABLE, 1, 0, 0, NULL },
		{ OK_REPLY, 0, 0, 1, 0, NULL }
	};
	const char *reason;
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-w", "10", "-v");
	fake_run(&ran, list);
	assert_non_null(reason = strstr(ran.err, "no luck"));
	assert_null(strstr(reason + 1, "no luck"));
	fake_finish(&ran);
}

/* Whether the message has more than the error. */
static int
is_advised(const struct ran *ran)
{
	static const char bare[] = "cartridge-reload: a: no luck";

	assert_memory_equal(ran->err, bare, sizeof(bare) - 1);
	return ran->err[sizeof(bare) - 1] != '\n';
}

static void
test_job_reply_lost_reports_consequence(void **state)
{
	static const struct answer late[] = {
		{ NULL, ERROR_DEADLINE, 0, 1, 0, NULL }
	};
	static const struct answer early[] = {
		{ NULL, ERROR_DEADLINE, 0, 0, 0, NULL }
	};
	static const struct answer lost[] = {
		{ NULL, ERROR_UNREACHABLE, 0, 1, 0, NULL }
	};
	static const struct {
		char *command;
		const struct answer *list;
		int advised;	/* what may have happened, or how to see it */
	} cases[] = {
		{ "reload", late, 1 }, { "reload", early, 0 },
		{ "reload", lost, 1 }, { "plan", late, 0 },
		{ "stale", late, 0 }, { "status", late, 0 }
	};
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FAKE_PARSE(&ran, "-s", "a", cases[i].command);
		fake_run(&ran, cases[i].list);
		assert_int_equal(is_advised(&ran), cases[i].advised);
		fake_finish(&ran);
	}
	FAKE_PARSE(&ran, "-s", "a", "eval", "1");
	fake_run(&ran, late);
	assert_true(is_advised(&ran));
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "--method", "native");
	fake_run(&ran, late);
	assert_true(is_advised(&ran));
	fake_finish(&ran);
}

static void
test_job_read_only_is_sent_with_handshake(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 0, NULL }
	};
	static const struct {
		char *command;
		int read_only;
	} cases[] = {
		{ "reload", 0 }, { "plan", 1 }, { "status", 1 }, { "stale", 1 }
	};
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FAKE_PARSE(&ran, "-s", "a", cases[i].command);
		fake_run(&ran, list);
		assert_int_equal(fake.last_read_only, cases[i].read_only);
		fake_finish(&ran);
	}
	FAKE_PARSE(&ran, "-s", "a", "eval", "1");
	fake_run(&ran, list);
	assert_int_equal(fake.last_read_only, 0);
	fake_finish(&ran);
}

static void
test_job_not_after_only_sent_over_unix_socket(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 0, NULL }
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "/a");
	fake_run(&ran, list);
	assert_non_null(strstr(fake.last_line, "not_after"));
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "localhost:3301");
	fake_run(&ran, list);
	assert_null(strstr(fake.last_line, "not_after"));
	fake_finish(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_without_wait_tries_once),
		cmocka_unit_test(test_job_transient_error_is_retried),
		cmocka_unit_test(test_job_wait_expired_ends_retries),
		cmocka_unit_test(test_job_permanent_error_is_not_retried),
		cmocka_unit_test(test_job_verbose_retry_names_reason_once),
		cmocka_unit_test(test_job_reply_lost_reports_consequence),
		cmocka_unit_test(test_job_read_only_is_sent_with_handshake),
		cmocka_unit_test(test_job_not_after_only_sent_over_unix_socket)
	};

	return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
