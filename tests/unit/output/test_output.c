/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output/output.h"
#include "proto/report.h"

/* What was printed on the two streams. */
struct printed {
	struct output_context	 context;
	char			*out;
	char			*err;
	size_t			 out_size;
	size_t			 err_size;
};

static void
begin(struct printed *printed, const char *command)
{
	memset(printed, 0, sizeof(*printed));
	printed->context.out = open_memstream(&printed->out,
	    &printed->out_size);
	printed->context.err = open_memstream(&printed->err,
	    &printed->err_size);
	assert_non_null(printed->context.out);
	assert_non_null(printed->context.err);
	printed->context.command = command;
	printed->context.targets = 1;
}

/* Prints the report on a reply, written with ' for ", and its error. */
static void
print(struct printed *printed, const struct output *output, const char *reply)
{
	struct output_run run = { .not_touched = NULL };
	struct report report;
	char *json, *quote;
	json_t *tree, *instances;

	assert_non_null(json = strdup(reply));
	while ((quote = strchr(json, '\'')) != NULL)
		*quote = '"';
	tree = json_loads(json, 0, NULL);
	assert_non_null(tree);
	report_from_reply(&report, "a.control", tree, 0);
	if (output->wants_tree)
		report_parse_results(&report);
	output->instance(&printed->context, report.instance);
	if (outcome_exit(report.outcome) != 0)
		output_error(&printed->context, report.instance);
	instances = json_pack("[O]", report.instance);
	run.outcome = report.outcome;
	run.instances = instances;
	assert_int_equal(output->end(&printed->context, &run), 0);
	json_decref(instances);
	report_finish(&report);
	json_decref(tree);
	free(json);
	fflush(printed->context.out);
	fflush(printed->context.err);
}

static void
end(struct printed *printed)
{
	fclose(printed->context.out);
	fclose(printed->context.err);
	free(printed->out);
	free(printed->err);
}

/* The reply of an instance with these fields. */
#define REPLY(fields)	"[{'cartridge_reload': 1, " fields "}]"

static void
check(const char *command, const char *reply, int verbose,
    const char *expected_out, const char *expected_err)
{
	struct printed printed;

	begin(&printed, command);
	printed.context.verbose = verbose;
	print(&printed, &output_text, reply);
	assert_string_equal(printed.out, expected_out);
	assert_string_equal(printed.err, expected_err);
	end(&printed);
}

#define MODULES								\
	"'modules': [{'name': 'app.a', 'path': '/app/a.lua',"		\
	" 'changed': true}, {'name': 'app.b', 'path': '/app/b.lua',"	\
	" 'changed': false}, {'name': 'app.c', 'path': '/app/c.lua'}],"
#define ROLES								\
	"'roles': [{'name': 'r.one', 'enabled': true, 'stopped': true,"	\
	" 'initialized': true}, {'name': 'r.two', 'enabled': false}],"

static void
test_text_reload_is_one_line(void **state)
{
	(void)state;
	check("reload", REPLY(MODULES ROLES "'outcome': 'reloaded',"
	    "'generation': 3, 'duration_ms': 41.2,"
	    "'routes': {'added': 1, 'replaced': 4}"), 0,
	    "a.control: reloaded to generation 3 in 41 ms: "
	    "3 modules (1 changed), 1 role, "
	    "routes 1 added 4 replaced 0 removed\n", "");
	check("reload", REPLY("'outcome': 'reloaded', 'generation': 1,"
	    "'duration_ms': 12345.6, 'modules': [{'name': 'a'}]"), 0,
	    "a.control: reloaded to generation 1 in 12.3 s: 1 module\n", "");
	/* Cartridge's own reload says no more. */
	check("reload", REPLY("'outcome': 'reloaded', 'generation': 1,"
	    "'duration_ms': 3"), 0,
	    "a.control: reloaded to generation 1 in 3.0 ms\n", "");
	check("reload", REPLY(MODULES "'outcome': 'unchanged',"
	    "'generation': 3"), 0,
	    "a.control: unchanged: still generation 3, "
	    "3 modules (1 changed)\n", "");
}

static void
test_text_reload_verbose_lists_modules_roles_and_phases(void **state)
{
	(void)state;
	check("reload", REPLY(MODULES ROLES "'outcome': 'reloaded',"
	    "'generation': 3, 'duration_ms': 41.2,"
	    "'timings_ms': {'load': 20, 'commit': 0.25},"
	    "'fibers': {'cancelled': [{'id': 5, 'name': 'x'}]}"), 1,
	    "a.control: reloaded to generation 3 in 41 ms: "
	    "3 modules (1 changed), 1 role\n"
	    "  modules:\n"
	    "    changed    app.a  /app/a.lua\n"
	    "    unchanged  app.b  /app/b.lua\n"
	    "    unknown    app.c  /app/c.lua\n"
	    "  roles, in init order:\n"
	    "    r.one: stopped, initialized\n"
	    "    r.two: not enabled\n"
	    "  fiber cancelled: 5 x\n"
	    "  times: load 20 ms, commit 0.2 ms\n", "");
}

static void
test_text_reload_warnings_and_stale_are_always_listed(void **state)
{
	(void)state;
	check("reload", REPLY("'outcome': 'reloaded', 'generation': 1,"
	    "'duration_ms': 3, 'warnings': ['one', 'two\\nlines'],"
	    "'fibers': {'left': [{'id': 5, 'name': 'x', 'where': 'a.lua:3'}]},"
	    "'stale': [{'kind': 'global', 'where': 'global g',"
	    " 'function': 'f'}, {'kind': 'global', 'where': 'global h',"
	    " 'patched': true}]"), 0,
	    "a.control: reloaded to generation 1 in 3.0 ms\n"
	    "  warning: one\n"
	    "  warning: two\n    lines\n"
	    "  stale references: 1 patched, 1 left\n"
	    "  stale: global g is f\n"
	    "  fiber left running: 5 x at a.lua:3\n", "");
}

/* One place of each kind there is to tell apart. */
#define PLACES								\
	"'stale': [{'kind': 'global', 'where': 'global g', 'function':"	\
	" '/a.lua:4', 'name': 'M.get', 'generation': 2, 'reason':"	\
	" 'no counterpart in the new code', 'patched': false},"		\
	" {'kind': 'hook', 'where': 'http hook h', 'function': '/a.lua:9',"	\
	" 'name': 'hook', 'generation': 1, 'patched': true},"		\
	" {'kind': 'key', 'function': '/b.lua:1'}],"
#define SCAN								\
	"'scan': {'objects': 7954, 'functions': 1, 'passes': 2,"		\
	" 'slices': 11, 'max_slice_ms': 1.94, 'bytes': 1258291,"	\
	" 'complete': true, 'unchecked': ['fibers: no fiber_find']},"

static void
test_text_stale_reference_has_place_function_and_reason(void **state)
{
	static const char reply[] = REPLY(PLACES SCAN
	    "'outcome': 'reloaded', 'generation': 3, 'duration_ms': 3");

	(void)state;
	check("reload", reply, 0,
	    "a.control: reloaded to generation 3 in 3.0 ms\n"
	    "  stale references: 1 patched, 2 left\n"
	    "  stale: global g is /a.lua:4 (M.get) of generation 2: "
	    "not patched, no counterpart in the new code\n"
	    "  stale: key is /b.lua:1\n", "");
	check("reload", reply, 1,
	    "a.control: reloaded to generation 3 in 3.0 ms\n"
	    "  stale references: 1 patched, 2 left\n"
	    "  patched: http hook h was /a.lua:9 (hook) of generation 1\n"
	    "  stale: global g is /a.lua:4 (M.get) of generation 2: not "
	    "patched, no counterpart in the new code\n"
	    "  stale: key is /b.lua:1\n"
	    "  not checked: fibers: no fiber_find\n"
	    "  scan: 7954 objects, 1 function, 2 passes, 11 slices, longest "
	    "1.9 ms, memory 1.2 MiB\n", "");
	check("plan", REPLY("'outcome': 'planned', 'generation': 3,"
	    "'stale': [{'where': 'global g', 'function': '/a.lua:4',"
	    " 'name': ''}]"), 0,
	    "a.control: planned: 0 modules; now generation 3\n"
	    "  stale references: 1 left\n"
	    "  stale: global g is /a.lua:4\n", "");
}

static void
test_text_reload_without_stale_says_so_if_verbose(void **state)
{
	static const char none[] = REPLY("'outcome': 'reloaded',"
	    "'generation': 3, 'scan': {'objects': 1, 'functions': 5,"
	    " 'passes': 1, 'slices': 1, 'bytes': 2048, 'complete': true}");

	(void)state;
	check("reload", none, 0,
	    "a.control: reloaded to generation 3\n", "");
	check("reload", none, 1,
	    "a.control: reloaded to generation 3\n"
	    "  stale references: none found\n"
	    "  scan: 1 object, 5 functions, 1 pass, 1 slice, "
	    "memory 2 KiB\n", "");
	check("reload", REPLY("'outcome': 'reloaded', 'generation': 3,"
	    "'stale': [{'where': 'global g', 'patched': true}],"
	    "'scan': {'complete': true}"), 0,
	    "a.control: reloaded to generation 3\n"
	    "  stale references: 1 patched, none left\n", "");
	check("reload", REPLY("'outcome': 'reloaded', 'generation': 3,"
	    "'scan': {'complete': false}"), 0,
	    "a.control: reloaded to generation 3\n"
	    "  stale references: none found; the scan is incomplete\n", "");
	/* No scan was made. */
	check("reload", REPLY("'outcome': 'reloaded', 'generation': 3"), 1,
	    "a.control: reloaded to generation 3\n", "");
}

static void
test_text_reload_with_stale_left_is_reloaded(void **state)
{
	static const char error[] = "cartridge-reload: a.control: "
	    "2 stale references remain; the new code is serving\n";
	static const char reply[] = REPLY(MODULES PLACES SCAN
	    "'outcome': 'stale', 'generation': 3, 'duration_ms': 3,"
	    "'error': {'code': 'stale_references', 'phase': 'scan',"
	    " 'message': '2 stale references remain'}");
	struct printed printed;

	(void)state;
	check("reload", reply, 0,
	    "a.control: reloaded to generation 3 in 3.0 ms: "
	    "3 modules (1 changed); 2 stale references remain\n"
	    "  stale references: 1 patched, 2 left\n"
	    "  stale: global g is /a.lua:4 (M.get) of generation 2: "
	    "not patched, no counterpart in the new code\n"
	    "  stale: key is /b.lua:1\n"
	    "  not checked: fibers: no fiber_find\n", error);
	check("reload", REPLY("'outcome': 'stale', 'generation': 3,"
	    "'scan': {'complete': false}, 'error': {'code':"
	    " 'scan_incomplete', 'phase': 'scan', 'message': 'no time'}"), 0,
	    "a.control: reloaded to generation 3; "
	    "the scan is incomplete\n",
	    "cartridge-reload: a.control: no time; the new code is serving\n");
	begin(&printed, "reload");
	printed.context.color = 1;
	print(&printed, &output_text, REPLY("'outcome': 'stale',"
	    "'stale': [{'where': 'w'}, {'where': 'v', 'patched': true}]"));
	assert_string_equal(printed.out, "\033[1ma.control\033[0m: "
	    "\033[31mreloaded\033[0m; "
	    "\033[31m1 stale reference remains\033[0m\n"
	    "  \033[33mstale references\033[0m: 1 patched, 1 left\n"
	    "  \033[33mstale\033[0m: w\n");
	end(&printed);
	begin(&printed, "reload");
	printed.context.quiet = 1;
	print(&printed, &output_text, reply);
	assert_string_equal(printed.out, "");
	assert_string_equal(printed.err, error);
	end(&printed);
}

static void
test_text_stale_is_a_summary_and_a_list(void **state)
{
	(void)state;
	check("stale", REPLY(SCAN "'outcome': 'ok', 'generation': 3,"
	    "'duration_ms': 21"), 0,
	    "a.control: no stale references found in 21 ms "
	    "(generation 3, 7954 objects, 2 passes)\n"
	    "  not checked: fibers: no fiber_find\n", "");
	check("stale", REPLY("'outcome': 'stale', 'generation': 3,"
	    "'duration_ms': 21, 'stale': [{'where': 'global g', 'function':"
	    " '/a.lua:4', 'name': 'get', 'generation': 2}],"
	    "'scan': {'objects': 1, 'passes': 1, 'complete': false},"
	    "'error': {'code': 'stale_references', 'message': 'm'}"), 0,
	    "a.control: 1 stale reference in 21 ms "
	    "(generation 3, 1 object, 1 pass); the scan is incomplete\n"
	    "  stale: global g is /a.lua:4 (get) of generation 2\n",
	    "cartridge-reload: a.control: m\n");
	check("stale", REPLY("'outcome': 'ok'"), 0,
	    "a.control: no stale references found\n", "");
	check("stale", REPLY("'outcome': 'ok', 'generation': 0"), 0,
	    "a.control: no stale references found, generation 0\n", "");
	check("stale", REPLY("'outcome': 'ok', 'scan': {'complete': true}"), 0,
	    "a.control: no stale references found (0 objects, 0 passes)\n",
	    "");
	check("stale", REPLY("'outcome': 'refused', 'generation': 3,"
	    "'duration_ms': 1, 'error': {'code': 'scan_too_large',"
	    " 'message': 'm'}"), 0,
	    "a.control: refused after 1.0 ms; generation 3\n",
	    "cartridge-reload: a.control: m\n");
	check("stale", REPLY("'outcome': 'timeout', 'duration_ms': 1000,"
	    "'error': {'code': 'deadline', 'phase': 'scan',"
	    " 'message': 'm'}"), 0,
	    "a.control: timeout after 1000 ms\n",
	    "cartridge-reload: a.control: m\n");
}

/* A reply with that many places, of which every third was patched. */
static char *
many_places(size_t count, int more)
{
	char *text = NULL;
	size_t size, i;
	FILE *file;

	assert_non_null(file = open_memstream(&text, &size));
	fputs("[{'cartridge_reload': 1, 'outcome': 'reloaded', 'stale': [",
	    file);
	for (i = 0; i < count; i++)
		fprintf(file, "%s{'where': 'w%zu', 'patched': %s}",
		    i > 0 ? "," : "", i, i % 3 == 2 ? "true" : "false");
	fprintf(file, "], 'scan': {'complete': true, 'more': %d}}]", more);
	fclose(file);
	return text;
}

static size_t
lines_with(const char *text, const char *what)
{
	size_t count = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		count++;
	return count;
}

static void
test_text_stale_long_list_is_cut_at_fifty(void **state)
{
	static const struct {
		size_t places;
		int more, verbose;
		const char *summary, *rest;
		size_t stale, patched;
	} cases[] = {
		{ 75, 0, 0, "25 patched, 50 left", NULL, 50, 0 },
		{ 76, 0, 0, "25 patched, 51 left",
		    "  and 1 more (see --output json)\n", 50, 0 },
		{ 300, 0, 0, "100 patched, 200 left",
		    "  and 150 more (see --output json)\n", 50, 0 },
		{ 300, 7, 0, "100 patched, 207 left",
		    "  and 157 more (150 of them in --output json)\n",
		    50, 0 },
		{ 3, 7, 0, "1 patched, 9 left", "  and 7 more\n", 2, 0 },
		{ 0, 7, 0, "7 left", "  and 7 more\n", 0, 0 },
		{ 300, 0, 1, "100 patched, 200 left", NULL, 200, 100 },
		{ 300, 7, 1, "100 patched, 207 left", "  and 7 more\n", 200,
		    100 }
	};
	struct printed printed;
	char *reply, summary[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reply = many_places(cases[i].places, cases[i].more);
		snprintf(summary, sizeof(summary), "  stale references: %s\n",
		    cases[i].summary);
		begin(&printed, "reload");
		printed.context.verbose = cases[i].verbose;
		print(&printed, &output_text, reply);
		assert_non_null(strstr(printed.out, summary));
		assert_int_equal(lines_with(printed.out, "\n  stale: "),
		    cases[i].stale);
		assert_int_equal(lines_with(printed.out, "\n  patched: "),
		    cases[i].patched);
		if (cases[i].rest != NULL)
			assert_non_null(strstr(printed.out, cases[i].rest));
		else
			assert_null(strstr(printed.out, "  and "));
		end(&printed);
		free(reply);
	}
}

static void
test_text_failure_names_phase_role_and_consequence(void **state)
{
	(void)state;
	check("reload", REPLY("'outcome': 'failed', 'generation': 2,"
	    "'duration_ms': 12, 'error': {'code': 'init_failed',"
	    " 'phase': 'init', 'role': 'r.one', 'module': 'app.a',"
	    " 'message': 'a.lua:3: boom',"
	    " 'traceback': '\\nstack traceback:\\n\\ta.lua:3: in init\\n'},"
	    "'rollback': {'complete': true, 'undone': ['modules'],"
	    " 'left': []}"), 0,
	    "a.control: failed after 12 ms, rolled back; generation 2\n",
	    "cartridge-reload: a.control: init of role r.one failed: "
	    "a.lua:3: boom; the old code is still serving\n"
	    "    stack traceback:\n    \ta.lua:3: in init\n");
	check("reload", REPLY("'outcome': 'failed', 'generation': 0,"
	    "'duration_ms': 1, 'error': {'code': 'compile_error',"
	    " 'phase': 'compile', 'module': 'app.a', 'message': 'x'},"
	    "'problems': [{'module': 'app.a', 'message': 'x'},"
	    " {'module': 'app.b', 'message': 'y'}]"), 0,
	    "a.control: failed after 1.0 ms; generation 0\n"
	    "  app.a: x\n  app.b: y\n",
	    "cartridge-reload: a.control: compile of module app.a failed: "
	    "x; the old code is still serving\n");
}

static void
test_text_message_of_several_lines_is_indented(void **state)
{
	(void)state;
	check("reload", REPLY("'outcome': 'failed', 'generation': 2,"
	    "'duration_ms': 12, 'error': {'code': 'load_error',"
	    " 'phase': 'load', 'message':"
	    " 'a\\ncartridge-reload: b.control: reloaded\\u001b[2J'}"), 0,
	    "a.control: failed after 12 ms; generation 2\n",
	    "cartridge-reload: a.control: load failed: a\n"
	    "    cartridge-reload: b.control: reloaded\\033[2J\n"
	    "    the old code is still serving\n");
}

static void
test_text_degraded_lists_what_is_broken(void **state)
{
	static const char reply[] = REPLY("'outcome': 'degraded',"
	    "'generation': 2, 'duration_ms': 12, 'error': {'code':"
	    " 'apply_failed', 'phase': 'apply', 'role': 'r', 'message': 'm'},"
	    "'rollback': {'complete': false, 'undone': ['a'],"
	    " 'left': ['global x', 'ffi y']}");
	struct printed printed;

	(void)state;
	check("reload", reply, 0,
	    "a.control: degraded after 12 ms; generation 2\n"
	    "  not restored: global x\n  not restored: ffi y\n",
	    "cartridge-reload: a.control: apply of role r failed: m; "
	    "the previous state could not be fully restored\n");
	/* It is an error, so --quiet does not hide it. */
	begin(&printed, "reload");
	printed.context.quiet = 1;
	print(&printed, &output_text, reply);
	assert_string_equal(printed.out, "");
	assert_string_equal(printed.err, "cartridge-reload: a.control: "
	    "apply of role r failed: m; "
	    "the previous state could not be fully restored\n"
	    "    not restored: global x\n    not restored: ffi y\n");
	end(&printed);
}

static void
test_text_failure_without_rollback_promises_nothing(void **state)
{
	(void)state;
	check("reload", "[{'error': 'fiber is cancelled'}]", 0,
	    "a.control: failed\n",
	    "cartridge-reload: a.control: fiber is cancelled\n");
	check("reload", REPLY("'outcome': 'failed', 'error': {'code':"
	    " 'internal_error', 'message': 'm'}"), 0,
	    "a.control: failed\n", "cartridge-reload: a.control: m\n");
	check("reload", REPLY("'outcome': 'refused', 'error': {'code':"
	    " 'locked', 'message': 'busy'}"), 0,
	    "a.control: refused\n", "cartridge-reload: a.control: busy\n");
	check("reload", REPLY("'outcome': 'timeout', 'error': {'code':"
	    " 'deadline', 'phase': 'init', 'role': 'r', 'message': 'late',"
	    " 'traceback': '\\n'},"
	    "'rollback': {'complete': true}"), 0,
	    "a.control: timeout, rolled back\n",
	    "cartridge-reload: a.control: init of role r: late\n");
	check("reload", REPLY("'outcome': 'refused'"), 0,
	    "a.control: refused\n", "cartridge-reload: a.control: refused\n");
}

static void
test_text_plan_lists_modules_and_roles(void **state)
{
	static const char plan[] = REPLY(MODULES ROLES
	    "'outcome': 'planned', 'generation': 2, 'kept': ["
	    "{'reason': 'rocks', 'names': ['x', 'y']},"
	    "{'reason': 'excluded', 'names': ['z']}]");

	(void)state;
	check("plan", plan, 0,
	    "a.control: planned: 3 modules (1 changed), 1 role; "
	    "now generation 2\n"
	    "  modules:\n"
	    "    changed    app.a  /app/a.lua\n"
	    "    unchanged  app.b  /app/b.lua\n"
	    "    unknown    app.c  /app/c.lua\n"
	    "  roles, in init order:\n"
	    "    r.one: stopped, initialized\n"
	    "    r.two: not enabled\n"
	    "  not reloaded: 2 rocks, 1 excluded\n", "");
	check("plan", REPLY("'outcome': 'planned', 'generation': 2,"
	    "'kept': [{'reason': 'rocks', 'names': ['x']}]"), 1,
	    "a.control: planned: 0 modules; now generation 2\n"
	    "  not reloaded: 1 rocks\n    rocks  x\n", "");
	check("plan", REPLY("'outcome': 'refused', 'generation': 2,"
	    "'error': {'code': 'locked', 'message': 'm'}"), 0,
	    "a.control: would be refused: 0 modules; now generation 2\n",
	    "cartridge-reload: a.control: m\n");
	check("plan", REPLY("'outcome': 'failed', 'generation': 2,"
	    "'error': {'code': 'compile_error', 'phase': 'compile',"
	    " 'module': 'a', 'message': 'm'}"), 0,
	    "a.control: would fail: 0 modules; now generation 2\n",
	    "cartridge-reload: a.control: compile of module a failed: m\n");
}

static void
test_text_status_is_one_line(void **state)
{
	(void)state;
	check("status", REPLY("'outcome': 'ok', 'alias': 'r1', 'uuid': 'u',"
	    "'generation': 2, 'status': {'box': 'running',"
	    " 'state': 'RolesConfigured', 'tarantool': '2.6.0',"
	    " 'cartridge': '2.17.2', 'read_only': true, 'pid': 7,"
	    " 'last': {'outcome': 'reloaded', 'at': 0}}"), 0,
	    "a.control: running, RolesConfigured, read-only, generation 2, "
	    "Tarantool 2.6.0, Cartridge 2.17.2, r1\n", "");
	check("status", REPLY("'outcome': 'refused', 'generation': 0,"
	    "'status': {'box': 'loading', 'tarantool': '2.6.0', 'pid': 7,"
	    "'loaded_at': 1.5, 'reloading':"
	    " {'holder': 'me@here', 'seconds': 1.25},"
	    " 'last': {'outcome': 'failed', 'code': 'init_failed',"
	    "  'at': 86400, 'duration_ms': 12}},"
	    "'error': {'code': 'not_running', 'message': 'm'}"), 1,
	    "a.control: loading, generation 0, Tarantool 2.6.0\n"
	    "  being reloaded by me@here for 1.2 s\n"
	    "  pid: 7\n  loaded at: 1970-01-01T00:00:01Z\n"
	    "  last reload: failed (init_failed) at 1970-01-02T00:00:00Z, "
	    "12 ms\n", "cartridge-reload: a.control: m\n");
}

static void
test_text_eval_results_are_printed_unchanged(void **state)
{
	struct printed printed;
	static const char reply[] = REPLY("'outcome': 'ok',"
	    "'results': '---\\n- |\\n  a\\n\\tb\\u009b\\n- \\\\e\\n...\\n'");

	(void)state;
	check("eval", reply, 0,
	    "---\n- |\n  a\n\tb\\302\\233\n- \\e\n...\n", "");
	begin(&printed, "eval");
	printed.context.targets = 2;
	print(&printed, &output_text, reply);
	assert_string_equal(printed.out, "# a.control\n---\n- |\n  a\n"
	    "\tb\\302\\233\n- \\e\n...\n");
	end(&printed);
	check("eval", REPLY("'outcome': 'failed', 'error': {'code':"
	    " 'lua_error', 'phase': 'eval', 'message': 'eval:1: x'}"), 0,
	    "", "cartridge-reload: a.control: eval:1: x\n");
}

static void
test_text_from_instance_is_escaped(void **state)
{
	static const char evil[] = "\\u001b]0;x\\u0007\\u202e";
	struct printed printed;
	char reply[2048], *at;
	size_t i;
	static const char *const commands[] = {
		"reload", "plan", "status", "stale", "eval"
	};

	(void)state;
	snprintf(reply, sizeof(reply), REPLY("'outcome': 'degraded',"
	    "'alias': '%s', 'uuid': '%s', 'modules': [{'name': '%s',"
	    "'path': '%s'}], 'kept': [{'reason': '%s', 'names': ['%s']}],"
	    "'roles': [{'name': '%s', 'enabled': true}],"
	    "'fibers': {'left': [{'name': '%s', 'where': '%s'}]},"
	    "'stale': [{'kind': '%s'}, {'where': '%s', 'function': '%s',"
	    " 'name': '%s', 'reason': '%s'}], 'scan': {'unchecked': ['%s']},"
	    "'error': {'code': '%s', 'phase': '%s', 'role': '%s',"
	    "'message': '%s', 'traceback': '%s'},"
	    "'rollback': {'undone': ['%s'], 'left': ['%s']},"
	    "'warnings': ['%s'], 'results': '%s', 'problems': ["
	    "{'module': '%s', 'message': '%s'}, {'module': '%s'}],"
	    "'status': {'box': '%s', 'state': '%s', 'tarantool': '%s',"
	    "'reloading': {'holder': '%s'}, 'last': {'outcome': '%s',"
	    "'code': '%s'}}"),
	    evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil,
	    evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil,
	    evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		begin(&printed, commands[i]);
		printed.context.verbose = 1;
		print(&printed, &output_text, reply);
		assert_non_null(strstr(printed.err, "\\033]0;x\\007"));
		for (at = printed.out; *at != '\0'; at++)
			assert_true(*at == '\n' ||
			    (*at >= 0x20 && *at < 0x7f));
		for (at = printed.err; *at != '\0'; at++)
			assert_true(*at == '\n' ||
			    (*at >= 0x20 && *at < 0x7f));
		end(&printed);
	}
}

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

static void
test_text_color_marks_the_outcome(void **state)
{
	struct printed printed;

	(void)state;
	begin(&printed, "reload");
	printed.context.color = 1;
	print(&printed, &output_text, REPLY("'outcome': 'reloaded',"
	    "'generation': 1"));
	assert_string_equal(printed.out, "\033[1ma.control\033[0m: "
	    "\033[32mreloaded\033[0m to generation 1\n");
	end(&printed);
	begin(&printed, "reload");
	printed.context.color = 1;
	print(&printed, &output_text, REPLY("'outcome': 'refused'"));
	assert_string_equal(printed.out, "\033[1ma.control\033[0m: "
	    "\033[31mrefused\033[0m\n");
	end(&printed);
}

static void
test_log_messages_name_program_and_target(void **state)
{
	struct printed printed;

	(void)state;
	begin(&printed, "reload");
	output_message(printed.context.err, "a\nb", "one\ntwo\033");
	output_message(printed.context.err, NULL, "three");
	fflush(printed.context.err);
	assert_string_equal(printed.err, "cartridge-reload: a\\012b: one\n"
	    "    two\\033\ncartridge-reload: three\n");
	end(&printed);
}

static void
test_output_flush_full_device_fails(void **state)
{
	FILE *file;

	(void)state;
	assert_non_null(file = tmpfile());
	fputs("x", file);
	assert_int_equal(output_flush(file), 0);
	fclose(file);
	if ((file = fopen("/dev/full", "w")) == NULL)
		skip();
	fputs("x", file);
	assert_int_equal(output_flush(file), -1);
	assert_int_equal(errno, ENOSPC);
	/* What failed once has failed. */
	assert_int_equal(output_flush(file), -1);
	assert_int_equal(errno, ENOSPC);
	fclose(file);
}

static void
test_output_format_is_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(output_find("text"), &output_text);
	assert_ptr_equal(output_find("json"), &output_json);
	assert_null(output_find("xml"));
}

/* Ends a command on several instances, whose reports are ' for ". */
static void
end_several(struct printed *printed, const struct output *output,
    const char *reports, const char *rest)
{
	struct output_run run = { .outcome = OUTCOME_FAILED };
	char json[4096], *quote;
	json_t *tree;

	snprintf(json, sizeof(json), "{'i': [%s]%s}", reports, rest);
	while ((quote = strchr(json, '\'')) != NULL)
		*quote = '"';
	tree = json_loads(json, 0, NULL);
	assert_non_null(tree);
	run.instances = json_object_get(tree, "i");
	run.not_touched = json_object_get(tree, "n");
	run.skipped = json_object_get(tree, "s");
	run.surveys = json_object_get(tree, "t");
	printed->context.targets = 5;
	assert_int_equal(output->end(&printed->context, &run), 0);
	fflush(printed->context.out);
	json_decref(tree);
}

#define ROW(target, ok, more) "{'target': '" target "', 'ok': " ok	\
	", 'outcome': '" more "}"

static void
test_table_status_of_several_is_aligned(void **state)
{
	static const char rows[] =
	    ROW("u.sock", "false", "unreachable', 'alias': null,"
	    " 'error': {'code': 'no_socket'}") ", "
	    ROW("\u043f.sock", "true", "ok', 'alias': 'p\\u001b', 'generation':"
	    " 10, 'status': {'box': 'running', 'state': 'RolesConfigured',"
	    " 'tarantool': '2.6.0-0-g1', 'role': 'leader', 'digest':"
	    " '0123456789'}") ", "
	    ROW("c.sock", "false", "refused', 'generation': 0, 'status':"
	    " {'box': 'loading', 'state': 'x', 'tarantool': '3.0'}") ", "
	    ROW("d.sock", "true", "ok', 'generation': 1, 'status': {'box':"
	    " 'running', 'healthy': false, 'role': 'follower'}");
	struct printed printed;

	(void)state;
	begin(&printed, "status");
	end_several(&printed, &output_text, rows, "");
	assert_string_equal(printed.out,
	    "NAME    STATE                   ROLE      GEN  CODE      "
	    "TARANTOOL  TARGET\n"
	    "p\\033   RolesConfigured         leader    10   01234567  "
	    "2.6.0      \u043f.sock\n"
	    "d.sock  running                 follower  1    -         "
	    "-          d.sock\n"
	    "u.sock  unreachable: no_socket  -         -    -         "
	    "-          u.sock\n"
	    "c.sock  loading                 -         0    -         "
	    "3.0        c.sock\n"
	    "not healthy: Cartridge gives no reason\n");
	end(&printed);
	begin(&printed, "status");
	printed.context.quiet = 1;
	end_several(&printed, &output_text, rows, "");
	assert_string_equal(printed.out, "");
	end(&printed);
	begin(&printed, "status");
	end_several(&printed, &output_text, "", "");
	assert_string_equal(printed.out, "");
	end(&printed);
}

static void
test_table_code_of_a_minority_is_highlighted(void **state)
{
	struct printed printed;
	static const char rows[] =
	    ROW("a", "true", "ok', 'status': {'box': 'r', 'digest': 'x'}") ", "
	    ROW("b", "true", "ok', 'status': {'box': 'r', 'digest': 'y'}") ", "
	    ROW("c", "true", "ok', 'status': {'box': 'r', 'digest': 'x'}");

	(void)state;
	begin(&printed, "status");
	printed.context.color = 1;
	end_several(&printed, &output_text, rows, "");
	assert_non_null(strstr(printed.out, "  x\033[0m   "));
	assert_null(strstr(printed.out, "  y\033[0m   "));
	assert_non_null(strstr(printed.out, "my\033[0m   "));
	end(&printed);
}

static void
test_summary_counts_outcomes_and_lists_failures_last(void **state)
{
	static const char rows[] =
	    ROW("a", "false", "failed', 'error': {'code': 'init_failed'}") ", "
	    ROW("b", "true", "reloaded'") ", " ROW("c", "true", "reloaded'")
	    ", " ROW("d", "false", "timeout', 'error': null");
	struct printed printed;

	(void)state;
	begin(&printed, "reload");
	end_several(&printed, &output_text, rows, ", 'n': ['e'],"
	    " 's': [{'target': 'f', 'reason': 'r'}]");
	assert_string_equal(printed.out, "6 instances: 2 reloaded, 1 failed, "
	    "1 timeout, 1 skipped, 1 not attempted\n"
	    "  a: failed (init_failed)\n  d: timeout\n");
	end(&printed);
	begin(&printed, "eval");
	end_several(&printed, &output_text, rows, "");
	assert_string_equal(printed.out, "");
	end(&printed);
	begin(&printed, "plan");
	end_several(&printed, &output_text, ROW("b", "true", "planned'"),
	    ", 't': [" ROW("b", "true", "ok', 'status': {'box': 'r'}") "]");
	assert_string_equal(printed.out,
	    "b: planned\n"
	    "NAME  STATE  TARGET\nb     r      b\n1 instance: 1 planned\n");
	end(&printed);
}

static void
test_text_reload_unhealthy_afterwards_is_reported(void **state)
{
	(void)state;
	check("reload", REPLY("'outcome': 'degraded', 'generation': 3,"
	    "'duration_ms': 12, 'error': {'code': 'not_healthy',"
	    " 'message': 'm'}"), 0,
	    "a.control: reloaded to generation 3 in 12 ms; not healthy\n",
	    "cartridge-reload: a.control: m; the new code is serving\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_reload_is_one_line),
		cmocka_unit_test(
		    test_text_reload_verbose_lists_modules_roles_and_phases),
		cmocka_unit_test(
		    test_text_reload_warnings_and_stale_are_always_listed),
		cmocka_unit_test(
		    test_text_stale_reference_has_place_function_and_reason),
		cmocka_unit_test(
		    test_text_reload_without_stale_says_so_if_verbose),
		cmocka_unit_test(test_text_reload_with_stale_left_is_reloaded),
		cmocka_unit_test(test_text_stale_is_a_summary_and_a_list),
		cmocka_unit_test(test_text_stale_long_list_is_cut_at_fifty),
		cmocka_unit_test(
		    test_text_failure_names_phase_role_and_consequence),
		cmocka_unit_test(
		    test_text_message_of_several_lines_is_indented),
		cmocka_unit_test(test_text_degraded_lists_what_is_broken),
		cmocka_unit_test(
		    test_text_failure_without_rollback_promises_nothing),
		cmocka_unit_test(test_text_plan_lists_modules_and_roles),
		cmocka_unit_test(test_text_status_is_one_line),
		cmocka_unit_test(test_text_eval_results_are_printed_unchanged),
		cmocka_unit_test(test_text_from_instance_is_escaped),
		cmocka_unit_test(test_json_is_one_document_at_the_end),
		cmocka_unit_test(test_text_color_marks_the_outcome),
		cmocka_unit_test(test_log_messages_name_program_and_target),
		cmocka_unit_test(test_output_flush_full_device_fails),
		cmocka_unit_test(test_output_format_is_found_by_name),
		cmocka_unit_test(test_table_status_of_several_is_aligned),
		cmocka_unit_test(test_table_code_of_a_minority_is_highlighted),
		cmocka_unit_test(
		    test_summary_counts_outcomes_and_lists_failures_last),
		cmocka_unit_test(
		    test_text_reload_unhealthy_afterwards_is_reported)
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
