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

/* All that a report has when the instance says nothing. */
#define DEFAULTS_BEFORE(outcome, ok)					\
	"{\"target\":\"a.control\",\"alias\":null,\"uuid\":null,"	\
	"\"ok\":" ok ",\"outcome\":\"" outcome "\",\"generation\":null,"	\
	"\"duration_ms\":null,\"modules\":[],\"roles\":[],"		\
	"\"routes\":{\"added\":0,\"replaced\":0,\"removed\":0},"	\
	"\"fibers\":{\"cancelled\":[],\"left\":[],"			\
	"\"restarted\":[]},\"stale\":[],"
#define DEFAULTS_AFTER							\
	"\"rollback\":null,\"timings_ms\":{\"compile\":null,"		\
	"\"load\":null,\"validate\":null,\"init\":null,\"commit\":null,"	\
	"\"scan\":null},\"warnings\":[]}"

static void
test_report_has_all_schema_fields(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok'}]");
	assert_int_equal(report.outcome, OUTCOME_OK);
	assert_json(report.instance, DEFAULTS_BEFORE("ok", "true")
	    "\"error\":null," DEFAULTS_AFTER);
	report_finish(&report);
}

static void
test_report_fields_of_instance_are_kept(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'reloaded',"
	    "'alias': 'r1', 'uuid': 'u', 'generation': 3, 'duration_ms': 4.5,"
	    "'modules': [{'name': 'm', 'path': '/m', 'changed': true},"
	    " {'name': 'n'}],"
	    "'roles': [{'name': 'r', 'module': 'm', 'enabled': true,"
	    " 'stopped': false, 'validated': true, 'initialized': true,"
	    " 'applied': true}], 'routes': {'added': 1, 'replaced': 2,"
	    " 'removed': 3}, 'fibers': {'left': [{'id': 7, 'name': 'f',"
	    " 'where': 'w'}]}, 'stale': [{'kind': 'global', 'where': 'g',"
	    " 'function': 'f', 'patched': true}], 'timings_ms': {'load': 2},"
	    "'warnings': ['careful']}]");
	assert_int_equal(report.outcome, OUTCOME_RELOADED);
	assert_json(report.instance, "{\"target\":\"a.control\","
	    "\"alias\":\"r1\",\"uuid\":\"u\",\"ok\":true,"
	    "\"outcome\":\"reloaded\",\"generation\":3,\"duration_ms\":4.5,"
	    "\"modules\":[{\"name\":\"m\",\"path\":\"/m\",\"changed\":true},"
	    "{\"name\":\"n\",\"path\":null,\"changed\":null}],"
	    "\"roles\":[{\"name\":\"r\",\"module\":\"m\",\"enabled\":true,"
	    "\"stopped\":false,\"validated\":true,\"initialized\":true,"
	    "\"applied\":true}],\"routes\":{\"added\":1,\"replaced\":2,"
	    "\"removed\":3},\"fibers\":{\"cancelled\":[],\"left\":["
	    "{\"id\":7,\"name\":\"f\",\"where\":\"w\",\"reason\":null}],"
	    "\"restarted\":[]},\"stale\":["
	    "{\"kind\":\"global\",\"where\":\"g\",\"function\":\"f\","
	    "\"patched\":true,\"name\":null,\"generation\":null,"
	    "\"reason\":null}],\"error\":null,\"rollback\":null,"
	    "\"timings_ms\":{\"compile\":null,\"load\":2,\"validate\":null,"
	    "\"init\":null,\"commit\":null,\"scan\":null},"
	    "\"warnings\":[\"careful\"]}");
	report_finish(&report);
}

static void
test_report_stale_references_and_scan_are_kept(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'stale',"
	    "'stale': [{'kind': 'global', 'where': 'global g',"
	    " 'function': '/a.lua:4', 'patched': false, 'name': 'M.get',"
	    " 'generation': 2, 'reason': 'none', 'more': 1}],"
	    "'scan': {'objects': 7954, 'functions': 12, 'passes': 2,"
	    " 'slices': 11, 'max_slice_ms': 1.5, 'bytes': 4096,"
	    " 'complete': true, 'more': 3, 'unchecked': ['fibers'],"
	    " 'other': 1}}]");
	assert_int_equal(report.outcome, OUTCOME_STALE);
	assert_json(json_object_get(report.instance, "stale"),
	    "[{\"kind\":\"global\",\"where\":\"global g\","
	    "\"function\":\"/a.lua:4\",\"patched\":false,"
	    "\"name\":\"M.get\",\"generation\":2,\"reason\":\"none\"}]");
	assert_json(json_object_get(report.instance, "scan"),
	    "{\"objects\":7954,\"functions\":12,\"passes\":2,"
	    "\"slices\":11,\"max_slice_ms\":1.5,\"bytes\":4096,"
	    "\"complete\":true,\"more\":3,\"unchecked\":[\"fibers\"]}");
	report_finish(&report);
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'scan': {'complete': true, 'unchecked': {}}}]");
	assert_json(json_object_get(report.instance, "scan"),
	    "{\"objects\":0,\"functions\":0,\"passes\":0,\"slices\":0,"
	    "\"max_slice_ms\":null,\"bytes\":0,\"complete\":true,"
	    "\"more\":0,\"unchecked\":[]}");
	report_finish(&report);
}

static void
test_report_failure_has_error_and_rollback(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'degraded',"
	    "'error': {'code': 'init_failed', 'phase': 'init', 'role': 'r',"
	    " 'module': 'm', 'message': 'boom', 'traceback': 't'},"
	    "'rollback': {'undone': ['a'], 'left': ['b']},"
	    "'problems': [{'module': 'm', 'message': 'x'}]}]");
	assert_int_equal(report.outcome, OUTCOME_DEGRADED);
	assert_false(report.transient);
	assert_json(json_object_get(report.instance, "error"),
	    "{\"code\":\"init_failed\",\"phase\":\"init\",\"role\":\"r\","
	    "\"module\":\"m\",\"message\":\"boom\",\"traceback\":\"t\"}");
	assert_json(json_object_get(report.instance, "rollback"),
	    "{\"complete\":false,\"undone\":[\"a\"],\"left\":[\"b\"]}");
	assert_json(json_object_get(report.instance, "problems"),
	    "[{\"module\":\"m\",\"path\":null,\"message\":\"x\"}]");
	assert_json(json_object_get(report.instance, "ok"), "false");
	report_finish(&report);
}

static void
test_report_transient_flag_is_not_printed(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'refused',"
	    "'error': {'code': 'locked', 'transient': true}}]");
	assert_int_equal(report.outcome, OUTCOME_REFUSED);
	assert_true(report.transient);
	assert_json(json_object_get(report.instance, "error"),
	    "{\"code\":\"locked\",\"phase\":null,\"role\":null,"
	    "\"module\":null,\"message\":null,\"traceback\":null}");
	report_finish(&report);
}

static void
test_report_command_fields_only_with_their_command(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'status': {'box': 'running', 'read_only': false, 'pid': 12,"
	    " 'last': {'outcome': 'failed', 'at': 1.5}},"
	    "'kept': [{'reason': 'rocks', 'names': ['a']}],"
	    "'results': '---\\n- 1\\n...\\n'}]");
	assert_json(json_object_get(report.instance, "status"),
	    "{\"box\":\"running\",\"state\":null,\"tarantool\":null,"
	    "\"cartridge\":null,\"read_only\":false,\"pid\":12,"
	    "\"loaded_at\":null,\"reloading\":null,\"last\":{"
	    "\"outcome\":\"failed\",\"code\":null,\"at\":1.5,"
	    "\"duration_ms\":null},\"role\":null,\"replicaset\":null,"
	    "\"uri\":null,\"healthy\":null,\"digest\":null,"
	    "\"stateboard\":null,\"loaded_digest\":null,\"outdated\":null,"
	    "\"root\":null,\"unhealthy\":[],\"package_reload\":null}");
	assert_json(json_object_get(report.instance, "kept"),
	    "[{\"reason\":\"rocks\",\"names\":[\"a\"]}]");
	assert_string_equal(string_at(&report, NULL, "results"),
	    "---\n- 1\n...\n");
	report_finish(&report);
}

static void
test_report_client_only_outcome_is_rejected(void **state)
{
	static const char *const bad[] = {
		"'usage'", "'unreachable'", "'protocol'", "'bogus'", "''", "1",
		"null"
	};
	struct report report;
	char reply[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(reply, sizeof(reply),
		    "[{'cartridge_reload': 1, 'outcome': %s}]", bad[i]);
		from_reply(&report, reply);
		assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
		report_finish(&report);
	}
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'timeout'}]");
	assert_int_equal(report.outcome, OUTCOME_TIMEOUT);
	report_finish(&report);
}

static void
test_report_other_protocol_version_is_rejected(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 2, 'outcome': 'ok'}]");
	assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(string_at(&report, "error", "code"), "bad_reply");
	report_finish(&report);
	from_reply(&report, "[{'cartridge_reload': '1', 'outcome': 'ok'}]");
	assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
	report_finish(&report);
}

static void
test_report_lua_error_reply_is_lua_error(void **state)
{
	static const struct {
		const char *reply, *message;
	} cases[] = {
		{ "[{'error': 'fiber is cancelled'}]", "fiber is cancelled" },
		{ "[{'error': null}]",
		    "the instance reported an error without a message" },
		{ "[{'error': ''}]",
		    "the instance reported an error without a message" },
		{ "[{'error': {'code': 1}}]", "{\"code\":1}" },
		{ "[{'error': 5}]", "5" }
	};
	struct report report;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		from_reply(&report, cases[i].reply);
		assert_int_equal(report.outcome, OUTCOME_FAILED);
		assert_string_equal(string_at(&report, "error", "code"),
		    "lua_error");
		assert_string_equal(string_at(&report, "error", "message"),
		    cases[i].message);
		report_finish(&report);
	}
}

static void
test_report_unexpected_reply_is_quoted_in_part(void **state)
{
	static const char *const replies[] = {
		"[]", "{}", "null", "'x'", "[1, 2]", "[{'error': 'a'}, 1]",
		"[{'error': 'a', 'b': 1}]", "[[{'cartridge_reload': 1}]]"
	};
	struct report report;
	json_t *large = json_array();
	const char *message;
	int i;
	size_t j;

	(void)state;
	for (j = 0; j < sizeof(replies) / sizeof(replies[0]); j++) {
		from_reply(&report, replies[j]);
		assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
		assert_string_equal(string_at(&report, "error", "code"),
		    "bad_reply");
		report_finish(&report);
	}
	for (i = 0; i < 1000; i++)
		json_array_append_new(large, json_string("\xd0\x9f\xd0\x9f"));
	report_from_reply(&report, "a.control", large, 0);
	message = string_at(&report, "error", "message");
	assert_in_range(strlen(message), 100, 250);
	assert_string_equal(message + strlen(message) - 3, "...");
	report_finish(&report);
	json_decref(large);
}

/* What is dumped of a reply does not always end when it is told to. */
static void
test_report_unexpected_deep_reply_quote_is_limited(void **state)
{
	struct report report;
	const char *message;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'alias': 'number-two', 'generation': 12, 'status': {"
	    "'box': 'running', 'tarantool': '2.10.4', 'role': 'follower',"
	    "'healthy': false, 'digest': 1123456789}}]");
	assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
	message = string_at(&report, "error", "message");
	assert_in_range(strlen(message), 100, 250);
	assert_string_equal(message + strlen(message) - 3, "...");
	report_finish(&report);
}

static void
test_report_unreachable_outcome_only_from_relay(void **state)
{
	struct report report;
	json_t *reply = json_pack("[{s:i, s:s, s:{s:s, s:b}}]",
	    "cartridge_reload", 1, "outcome", "unreachable", "error", "code",
	    "connection_failed", "transient", 1);

	(void)state;
	assert_non_null(reply);
	report_from_reply(&report, "a", reply, 0);
	assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
	report_finish(&report);
	report_from_reply(&report, "a", reply, 1);
	assert_int_equal(report.outcome, OUTCOME_UNREACHABLE);
	assert_true(report.transient);
	assert_string_equal(string_at(&report, "error", "code"),
	    "connection_failed");
	report_finish(&report);
	json_object_set_new(json_array_get(reply, 0), "outcome",
	    json_string("protocol"));
	report_from_reply(&report, "a", reply, 1);
	assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(string_at(&report, "error", "code"), "bad_reply");
	report_finish(&report);
	json_decref(reply);
}

static void
test_report_topology_is_read(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'topology': {'entry': 'e', 'instances': [{'uuid': 'e',"
	    " 'uri': 'h:1', 'disabled': true, 'other': 1}]}}]");
	assert_json(json_object_get(report.instance, "topology"),
	    "{\"entry\":\"e\",\"instances\":[{\"uuid\":\"e\","
	    "\"uri\":\"h:1\",\"alias\":null,\"replicaset\":null,"
	    "\"role\":null,\"state\":null,\"health\":null,"
	    "\"disabled\":true,\"expelled\":false}]}");
	report_finish(&report);
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'topology': {'instances': [{'uri': 3301}]}}]");
	assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
	report_finish(&report);
}

static void
test_report_set_error_replaces_outcome(void **state)
{
	struct report report;
	struct error error;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'reloaded',"
	    "'generation': 7}]");
	error_set(&error, ERROR_NOT_HEALTHY, "ill \xff");
	report_fail(&report, &error);
	assert_int_equal(report.outcome, OUTCOME_DEGRADED);
	assert_json(json_object_get(report.instance, "ok"), "false");
	assert_string_equal(string_at(&report, NULL, "outcome"), "degraded");
	assert_json(json_object_get(report.instance, "generation"), "7");
	assert_json(json_object_get(report.instance, "error"),
	    "{\"code\":\"not_healthy\",\"phase\":null,\"role\":null,"
	    "\"module\":null,\"message\":\"ill \\\\377\","
	    "\"traceback\":null}");
	report_finish(&report);
}

static void
test_report_set_alias_keeps_own_alias(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok'}]");
	report_name(&report, NULL);
	assert_json(json_object_get(report.instance, "alias"), "null");
	report_name(&report, "one");
	report_name(&report, "other");
	assert_string_equal(string_at(&report, NULL, "alias"), "one");
	report_finish(&report);
}

static void
test_report_client_error_has_all_fields(void **state)
{
	struct report report;
	struct error error;

	(void)state;
	error_set_transient(&error, ERROR_NO_SOCKET,
	    "no such socket");
	report_from_error(&report, "a.control", &error);
	assert_int_equal(report.outcome, OUTCOME_UNREACHABLE);
	assert_true(report.transient);
	assert_json(report.instance, DEFAULTS_BEFORE("unreachable", "false")
	    "\"error\":{\"code\":\"no_socket\",\"phase\":null,\"role\":null,"
	    "\"module\":null,\"message\":\"no such socket\","
	    "\"traceback\":null}," DEFAULTS_AFTER);
	report_finish(&report);
}

static void
test_report_target_not_utf8_is_escaped(void **state)
{
	struct report report;
	struct error error;

	(void)state;
	error_set(&error, ERROR_UNREACHABLE, "no \xff");
	report_from_error(&report, "a\xff", &error);
	assert_string_equal(string_at(&report, NULL, "target"), "a\\377");
	assert_string_equal(string_at(&report, "error", "message"),
	    "no \\377");
	report_finish(&report);
}

static void
test_report_results_parsed_become_values(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'results': '---\\n- 1\\n- [a, {b: true}]\\n...\\n'}]");
	report_parse_results(&report);
	assert_int_equal(report.outcome, OUTCOME_OK);
	assert_json(json_object_get(report.instance, "results"),
	    "[1,[\"a\",{\"b\":true}]]");
	report_finish(&report);
	/* Nothing to do. */
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok'}]");
	report_parse_results(&report);
	assert_null(json_object_get(report.instance, "results"));
	report_finish(&report);
}

static void
test_report_results_not_yaml_are_protocol_error(void **state)
{
	struct report report;

	(void)state;
	from_reply(&report, "[{'cartridge_reload': 1, 'outcome': 'ok',"
	    "'results': '---\\n- [\\n...\\n'}]");
	report_parse_results(&report);
	assert_int_equal(report.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(string_at(&report, NULL, "target"), "a.control");
	assert_json(json_object_get(report.instance, "ok"), "false");
	report_finish(&report);
}

static void
test_report_document_holds_all_instances(void **state)
{
	json_t *instances = json_pack("[{s:i}]", "a", 1), *document;
	json_t *names, *skipped;

	(void)state;
	document = report_document("reload", 5, instances, NULL,
	    NULL);
	assert_json(document, "{\"ok\":false,\"exit\":5,\"command\":"
	    "\"reload\",\"instances\":[{\"a\":1}]}");
	json_decref(document);
	document = report_document("plan", 0, instances, NULL,
	    NULL);
	assert_json(document, "{\"ok\":true,\"exit\":0,\"command\":"
	    "\"plan\",\"instances\":[{\"a\":1}]}");
	json_decref(document);
	names = json_pack("[s]", "b");
	skipped = json_pack("[{s:s}]", "target", "c");
	document = report_document("plan", 0, instances, names,
	    skipped);
	assert_json(document, "{\"ok\":true,\"exit\":0,\"command\":"
	    "\"plan\",\"instances\":[{\"a\":1}],\"not_touched\":[\"b\"],"
	    "\"skipped\":[{\"target\":\"c\"}]}");
	json_decref(document);
	json_decref(names);
	json_decref(skipped);
	json_decref(instances);
}

static void
test_report_replies_above_total_limit_are_refused(void **state)
{
	enum { SIZE = 64 * 1024 * 1024, REPORTS = 10 };
	struct report reports[REPORTS];
	json_t *reply;
	char *text;
	size_t i, count;

	(void)state;
	assert_non_null(text = malloc(SIZE + 1));
	memset(text, 'x', SIZE);
	text[SIZE] = '\0';
	reply = json_pack("[{s:i, s:s, s:s}]", "cartridge_reload", 1,
	    "outcome", "ok", "results", text);
	free(text);
	assert_non_null(reply);
	/* All share the one text; they are counted as if they did not. */
	for (count = 0; count < REPORTS; count++) {
		report_from_reply(&reports[count], "a", reply, 0);
		if (reports[count].outcome != OUTCOME_OK)
			break;
	}
	assert_int_equal(count, REPORT_TOTAL_MAX / SIZE - 1);
	assert_int_equal(reports[count].outcome, OUTCOME_PROTOCOL);
	assert_string_equal(string_at(&reports[count], "error", "code"),
	    "reply_too_large");
	for (i = 0; i <= count; i++)
		report_finish(&reports[i]);
	report_from_reply(&reports[0], "a", reply, 0);
	assert_int_equal(reports[0].outcome, OUTCOME_OK);
	report_finish(&reports[0]);
	json_decref(reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_has_all_schema_fields),
		cmocka_unit_test(test_report_fields_of_instance_are_kept),
		cmocka_unit_test(
		    test_report_stale_references_and_scan_are_kept),
		cmocka_unit_test(test_report_failure_has_error_and_rollback),
		cmocka_unit_test(test_report_transient_flag_is_not_printed),
		cmocka_unit_test(
		    test_report_command_fields_only_with_their_command),
		cmocka_unit_test(
		    test_report_replies_above_total_limit_are_refused),
		cmocka_unit_test(test_report_client_only_outcome_is_rejected),
		cmocka_unit_test(
		    test_report_other_protocol_version_is_rejected),
		cmocka_unit_test(test_report_lua_error_reply_is_lua_error),
		cmocka_unit_test(
		    test_report_unexpected_reply_is_quoted_in_part),
		cmocka_unit_test(
		    test_report_unexpected_deep_reply_quote_is_limited),
		cmocka_unit_test(
		    test_report_unreachable_outcome_only_from_relay),
		cmocka_unit_test(test_report_topology_is_read),
		cmocka_unit_test(test_report_set_error_replaces_outcome),
		cmocka_unit_test(test_report_set_alias_keeps_own_alias),
		cmocka_unit_test(test_report_client_error_has_all_fields),
		cmocka_unit_test(test_report_target_not_utf8_is_escaped),
		cmocka_unit_test(test_report_results_parsed_become_values),
		cmocka_unit_test(
		    test_report_results_not_yaml_are_protocol_error),
		cmocka_unit_test(test_report_document_holds_all_instances)
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
