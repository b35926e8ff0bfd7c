/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rollout/command.h"
#include "rollout/fake.h"
#include "tempdir.h"

static void
test_targets_options_given_override_environment(void **state)
{
	struct ran ran;
	struct error error;

	(void)state;
	setenv("CARTRIDGE_RELOAD_SOCKET", "first", 1);
	setenv("TARANTOOL_CONSOLE_SOCK", "second", 1);
	FAKE_PARSE(&ran, "-s", "x", "-s", "y");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    0);
	assert_int_equal(ran.targets.count, 2);
	assert_string_equal(ran.targets.list[0].name, "x");
	fake_finish(&ran);

	FAKE_PARSE(&ran, "status");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    0);
	assert_int_equal(ran.targets.count, 1);
	assert_string_equal(ran.targets.list[0].name, "first");
	fake_finish(&ran);

	setenv("CARTRIDGE_RELOAD_SOCKET", "", 1);
	FAKE_PARSE(&ran, "status");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    0);
	assert_string_equal(ran.targets.list[0].name, "second");
	fake_finish(&ran);

	unsetenv("CARTRIDGE_RELOAD_SOCKET");
	unsetenv("TARANTOOL_CONSOLE_SOCK");
	FAKE_PARSE(&ran, "status");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    -1);
	assert_int_equal(error.code, ERROR_USAGE);
	fake_finish(&ran);
}

static void
test_run_single_target_sends_one_request(void **state)
{
	static const struct answer list[] = { ANSWER(OK_REPLY) };
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a");
	CHECK_ASKED(&ran, list, "a reload;");
	assert_string_equal(fake.reports, "a reloaded;");
	fake_finish(&ran);
	/* The same as of several, however the instance was named. */
	FAKE_PARSE(&ran, "-s", "a", "status");
	CHECK_ASKED(&ran, list, "a preflight;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "-s", "a", "-j", "5", "-k");
	CHECK_ASKED(&ran, list, "a reload;");
	fake_finish(&ran);
}

static void
test_json_run_stopped_lists_untouched_and_skipped(void **state)
{
	static const struct answer list[] = {
		ANSWER(LEADER), ANSWER(FOLLOWER),
		ANSWER(STATUS("'stateboard': true")), ANSWER(FOLLOWER),
		ANSWER(OK_REPLY), ANSWER(FOLLOWER), ANSWER(FAILED_REPLY)
	};
	struct ran ran;
	json_t *document, *instances;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-s", "d",
	    "-o", "json");
	CHECK_ASKED(&ran, list,
	    "a preflight;b preflight;c preflight;d preflight;"
	    "b reload;b preflight;d reload;");
	assert_non_null(document = json_loads(ran.out, 0, NULL));
	instances = json_object_get(document, "instances");
	assert_int_equal(json_array_size(instances), 2);
	assert_string_equal(json_string_value(json_object_get(
	    json_array_get(instances, 1), "target")), "d");
	assert_int_equal(json_integer_value(json_object_get(document,
	    "exit")), 3);
	assert_string_equal(json_string_value(json_array_get(json_object_get(
	    document, "not_touched"), 0)), "a");
	assert_string_equal(json_string_value(json_object_get(json_array_get(
	    json_object_get(document, "skipped"), 0), "target")), "c");
	json_decref(document);
	fake_finish(&ran);
}

static void
test_read_only_commands_several_targets_run_in_parallel(void **state)
{
	static const struct answer list[] = {
		LASTING(FAILED_REPLY, 10), LASTING(OK_REPLY, 10),
		LASTING(OK_REPLY, 10)
	};
	static const struct answer plans[] = {
		LASTING(FAILED_REPLY, 10), LASTING(REPLY("planned"), 10),
		LASTING(REPLY("planned"), 10)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "plan");
	CHECK_ASKED(&ran, plans, "a plan;b plan;c plan;");
	assert_int_equal(fake.most_running, 3);
	assert_string_equal(fake.reports,
	    "a failed init_failed;b planned;c planned;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "status");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-j", "1", "stale");
	CHECK_ASKED(&ran, list, "a stale;b stale;c stale;");
	assert_int_equal(fake.most_running, 1);
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "eval", "1");
	fake_run(&ran, list);
	assert_string_equal(fake.log, "a eval;");
	assert_string_equal(fake.reports,
	    "a failed init_failed;b untouched;c untouched;");
	fake_finish(&ran);
}

static void
test_reload_instance_unreachable_is_not_started(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), { NULL, ERROR_UNREACHABLE, 0, 0, 0, NULL },
		ANSWER(FOLLOWER)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "-s", "c");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;");
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(fake.reports,
	    "b unreachable unreachable;a untouched;c untouched;");
	fake_finish(&ran);
}

static void
test_cluster_two_targets_are_rejected(void **state)
{
	struct ran ran;
	struct error error;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "--cluster");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    -1);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_non_null(strstr(error.message, "--cluster"));
	fake_finish(&ran);
}

static void
test_push_timeout_reports_unknown_outcome(void **state)
{
	static const struct answer list[] = {
		{ NULL, ERROR_DEADLINE, 0, 1, 0, NULL }
	};
	/* Without a hint at what may have happened. */
	static const char bare[] = "cartridge-reload: a: no luck\n";
	char dir[TEMP_SIZE], path[TEMP_SIZE + 10];
	struct ran ran;
	struct error error;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(temp_template(dir)));
	snprintf(path, sizeof(path), "%s/a.lua", dir);
	assert_non_null(file = fopen(path, "w"));
	fclose(file);
	FAKE_PARSE(&ran, "-s", "a", "push", dir);
	fake_run(&ran, list);
	assert_string_equal(fake.log, "a push;");
	assert_int_equal(fake.last_read_only, 0);
	assert_string_not_equal(ran.err, bare);
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "push", dir, "-n");
	fake_run(&ran, list);
	assert_int_equal(fake.last_read_only, 1);
	assert_string_equal(ran.err, bare);
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "-s", "b", "push", dir);
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    -1);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_non_null(strstr(error.message, "push"));
	fake_finish(&ran);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_targets_options_given_override_environment),
		cmocka_unit_test(test_run_single_target_sends_one_request),
		cmocka_unit_test(
		    test_json_run_stopped_lists_untouched_and_skipped),
		cmocka_unit_test(
		    test_read_only_commands_several_targets_run_in_parallel),
		cmocka_unit_test(
		    test_reload_instance_unreachable_is_not_started),
		cmocka_unit_test(test_cluster_two_targets_are_rejected),
		cmocka_unit_test(test_push_timeout_reports_unknown_outcome)
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
