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

#define NODE(n, alias, role) "{'uuid': '" n "', 'uri': 'h:" n "', "	\
	"'alias': '" alias "', 'role': '" role "'}"
#define TOPOLOGY "[{'cartridge_reload': 1, 'outcome': 'ok', 'topology': {" \
	"'entry': '2', 'instances': [" NODE("1", "z", "follower") ", "	\
	NODE("2", "m", "leader") ", " NODE("3", "b", "leader") ", "	\
	"{'uuid': '4', 'uri': 'h:4', 'alias': 'c', 'disabled': true}, "	\
	"{'uuid': '5', 'expelled': true}]}}]"
#define DIGEST(role, digest) STATUS("'role': '" role "', 'digest': '"	\
	digest "'")

/* Two instances of TOPOLOGY are disabled or expelled. */
#define SKIPPED "5 skipped;c (h:4) skipped;"

static void
test_cluster_reload_is_relayed_by_gateway(void **state)
{
	static const struct answer list[] = {
		ANSWER(TOPOLOGY), ANSWER(DIGEST("leader", "x")),
		ANSWER(DIGEST("leader", "x")), ANSWER(DIGEST("follower", "x")),
		ANSWER(OK_REPLY), ANSWER(FOLLOWER), ANSWER(OK_REPLY),
		ANSWER(LEADER), ANSWER(OK_REPLY), ANSWER(LEADER)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, list,
	    "a topology;a preflight h:3;a preflight;a preflight h:1;"
	    "a reload h:1;a preflight h:1;a reload h:3;a preflight h:3;"
	    "a reload;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	assert_string_equal(fake.reports, "z (h:1) reloaded;b (h:3) reloaded;"
	    "m (h:2) reloaded;" SKIPPED);
	fake_finish(&ran);
}

#define MEMBER(alias, uri, more) "{'alias': '" alias "', 'uri': '" uri	\
	"'" more "}"
#define DIRECT(members) "[{'cartridge_reload': 1, 'outcome': 'ok', "	\
	"'topology': {'entry': '2', 'direct': true, 'instances': ["	\
	members "]}}]"
#define NAMED(alias, role) "[{'cartridge_reload': 1, 'outcome': 'ok', "	\
	"'alias': '" alias "', 'status': {'healthy': true, 'role': '"	\
	role "'}}]"

static void
test_cluster_without_relay_is_reached_directly(void **state)
{
	static const struct answer list[] = {
		ANSWER(DIRECT(MEMBER("x", "h:1", "") ", "
		    MEMBER("m", "h:2", ", 'uuid': '2'") ", "
		    MEMBER("b", "unix/:/run/b", ""))),
		ANSWER(NAMED("b", "leader")), ANSWER(NAMED("m", "leader")),
		ANSWER(NAMED("x", "follower")),
		ANSWER(OK_REPLY), ANSWER(NAMED("x", "follower")),
		ANSWER(OK_REPLY), ANSWER(NAMED("b", "leader")),
		ANSWER(OK_REPLY), ANSWER(NAMED("m", "leader"))
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, list,
	    "a topology;unix/:/run/b preflight;a preflight;h:1 preflight;"
	    "h:1 reload;h:1 preflight;unix/:/run/b reload;"
	    "unix/:/run/b preflight;a reload;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	fake_finish(&ran);
}

static void
test_cluster_instance_with_other_uuid_is_refused(void **state)
{
	static const struct answer list[] = {
		ANSWER(DIRECT(MEMBER("m", "h:2", ", 'uuid': '2'") ", "
		    MEMBER("x", "h:1", ""))),
		ANSWER(NAMED("m", "leader")), ANSWER(NAMED("y", "follower"))
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, list, "a topology;a preflight;h:1 preflight;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_string_equal(fake.reports, "m (h:2) refused "
	    "unreachable_instances;x (h:1) untouched;");
	/* The name in the reply is told. */
	assert_non_null(strstr(ran.err, " y"));
	fake_finish(&ran);
}

static void
test_cluster_address_unusable_is_left_out(void **state)
{
	static const struct answer list[] = {
		ANSWER(DIRECT(MEMBER("m", "h:2", ", 'uuid': '2'") ", "
		    MEMBER("w", "unix/:./w.iproto", "") ", "
		    MEMBER("x", "*", "") ", {'alias': 'z'}")),
		ANSWER(NAMED("m", "leader"))
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "--cluster", "status");
	CHECK_ASKED(&ran, list, "a topology;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(fake.reports,
	    "w (unix/:./w.iproto) unreachable no_address;"
	    "x (*) unreachable no_address;z unreachable no_address;m (h:2) ok;");
	fake_finish(&ran);
}

static void
test_relay_request_times_out_before_its_relay(void **state)
{
	static const struct answer list[] = {
		ANSWER(TOPOLOGY), { NULL, ERROR_CLOSED, 0, 1, 0, NULL },
		ANSWER(FOLLOWER), ANSWER(FOLLOWER)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "/a", "--cluster", "-t", "100", "status");
	fake_run(&ran, list);
	/* The last one, of h:1. */
	assert_non_null(strstr(fake.last_line, "\\034request\\034:{\\034command"
	    "\\034:\\034preflight\\034,\\034timeout\\034:90.25}"));
	assert_non_null(strstr(fake.last_line, ",\\034timeout\\034:95.0,"));
	assert_non_null(strstr(fake.last_line, "\\034uri\\034:\\034h:1\\034"));
	/* The message names the gateway. */
	assert_string_equal(fake.reports, "b (h:3) protocol closed;"
	    "m (h:2) ok;z (h:1) ok;" SKIPPED);
	assert_non_null(strstr(ran.err, "b (h:3): through /a: no luck\n"));
	fake_finish(&ran);
}

static void
test_cluster_mixed_code_is_refused(void **state)
{
	static const struct answer list[] = {
		ANSWER(TOPOLOGY), ANSWER(DIGEST("leader", "123456789")),
		ANSWER(DIGEST("leader", "x")), ANSWER(DIGEST("follower", "x"))
	};
	static const struct answer allowed[] = {
		ANSWER(TOPOLOGY), ANSWER(DIGEST("leader", "y")),
		ANSWER(DIGEST("leader", "x")), ANSWER(DIGEST("follower", "x")),
		ANSWER(FAILED_REPLY)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, list,
	    "a topology;a preflight h:3;a preflight;a preflight h:1;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_string_equal(fake.reports, "m (h:2) refused mixed_code;" SKIPPED
	    "b (h:3) untouched;z (h:1) untouched;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "--cluster", "--allow-mixed");
	fake_run(&ran, allowed);
	assert_int_equal(ran.outcome, OUTCOME_FAILED);
	fake_finish(&ran);
}

static void
test_cluster_unreachable_instance_is_refused(void **state)
{
	static const char gone[] = "[{'cartridge_reload': 1, 'outcome': "
	    "'unreachable', 'error': {'code': 'connection_failed', "
	    "'message': 'gone'}}]";
	const struct answer list[] = {
		ANSWER(TOPOLOGY), ANSWER(gone), ANSWER(FOLLOWER),
		ANSWER(FOLLOWER), ANSWER(OK_REPLY), ANSWER(FOLLOWER),
		ANSWER(OK_REPLY), ANSWER(FOLLOWER)
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "--cluster");
	fake_run(&ran, list);
	assert_string_equal(fake.log,
	    "a topology;a preflight h:3;a preflight;a preflight h:1;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_string_equal(fake.reports,
	    "m (h:2) refused unreachable_instances;" SKIPPED
	    "b (h:3) untouched;z (h:1) untouched;");
	assert_non_null(strstr(ran.err, "b (h:3): gone\n"));
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "--cluster", "-k");
	CHECK_ASKED(&ran, list,
	    "a topology;a preflight h:3;a preflight;a preflight h:1;"
	    "a reload h:1;a preflight h:1;a reload;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	fake_finish(&ran);
}

static void
test_cluster_without_topology_does_nothing(void **state)
{
	static const struct answer refused[] = {
		ANSWER(REFUSED_REPLY("false"))
	};
	static const struct answer none[] = { ANSWER(REPLY("ok")) };
	static const struct answer without[] = {
		ANSWER("[{'cartridge_reload': 1, 'outcome': 'ok', 'topology': "
		    "{'entry': '9', 'instances': ["
		    NODE("1", "z", "follower") "]}}]")
	};
	struct ran ran;

	(void)state;
	FAKE_PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, refused, "a topology;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_string_equal(fake.reports, "a refused locked;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "--cluster", "plan");
	CHECK_ASKED(&ran, none, "a topology;");
	assert_int_equal(ran.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(fake.reports, "a protocol bad_reply;");
	fake_finish(&ran);
	FAKE_PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, without, "a topology;");
	assert_int_equal(ran.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(fake.reports,
	    "a protocol bad_reply;z (h:1) untouched;");
	fake_finish(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cluster_reload_is_relayed_by_gateway),
		cmocka_unit_test(
		    test_cluster_without_relay_is_reached_directly),
		cmocka_unit_test(
		    test_cluster_instance_with_other_uuid_is_refused),
		cmocka_unit_test(test_cluster_address_unusable_is_left_out),
		cmocka_unit_test(test_relay_request_times_out_before_its_relay),
		cmocka_unit_test(test_cluster_mixed_code_is_refused),
		cmocka_unit_test(test_cluster_unreachable_instance_is_refused),
		cmocka_unit_test(test_cluster_without_topology_does_nothing)
	};

	return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
