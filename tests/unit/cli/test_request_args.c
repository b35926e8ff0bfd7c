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

#include "cli/request_args.h"
#include "tempdir.h"

/* A command line, read. */
struct ran {
	struct options	 options;
	json_t		*args;
};

static void
parse(struct ran *ran, int argc, char *argv[])
{
	struct error error;

	memset(ran, 0, sizeof(*ran));
	if (options_parse(&ran->options, argc, argv, &error) == -1)
		fail_msg("%s", error.message);
	ran->args = request_args_for_command(&ran->options, &error);
	if (ran->args == NULL)
		fail_msg("%s", error.message);
}

#define PARSE(ran, ...) do {						\
	char *argv_[] = { (char *)"cartridge-reload", __VA_ARGS__, NULL };	\
	parse(ran, (int)(sizeof(argv_) / sizeof(argv_[0])) - 1, argv_);	\
} while (0)

static void
finish(struct ran *ran)
{
	json_decref(ran->args);
	options_finish(&ran->options);
}

static double
number(const struct ran *ran, const char *key)
{
	return json_number_value(json_object_get(ran->args, key));
}

static const char *
string(const struct ran *ran, const char *key)
{
	return json_string_value(json_object_get(ran->args, key));
}

static void
test_request_args_hold_options_given(void **state)
{
	struct ran ran;
	char *dumped;

	(void)state;
	PARSE(&ran, "-t", "10", "-m", "a.*", "-m", "b", "-x", "c", "--rocks",
	    "--no-stop", "--if-changed", "--main", "-v");
	assert_non_null(strstr(string(&ran, "holder"), "@"));
	assert_non_null(strstr(string(&ran, "holder"), " pid "));
	assert_int_equal(json_object_del(ran.args, "holder"), 0);
	dumped = json_dumps(ran.args, JSON_COMPACT | JSON_REAL_PRECISION(6));
	assert_string_equal(dumped, "{\"command\":\"reload\",\"timeout\":9.5,"
	    "\"main\":true,\"rocks\":true,\"no_stop\":true,"
	    "\"if_changed\":true,"
	    "\"verbose\":true,\"stale\":\"patch\",\"modules\":[\"a.*\",\"b\"],"
	    "\"exclude\":[\"c\"]}");
	free(dumped);
	finish(&ran);
}

static void
test_request_args_default_options_are_left_out(void **state)
{
	struct ran ran;

	(void)state;
	PARSE(&ran, "status");
	assert_int_equal(json_object_size(ran.args), 2);
	assert_string_equal(string(&ran, "command"), "preflight");
	finish(&ran);
	PARSE(&ran, "status", "--quiet");
	assert_string_equal(string(&ran, "command"), "status");
	finish(&ran);
	PARSE(&ran, "reload", "--quiet");
	assert_string_equal(string(&ran, "command"), "reload");
	finish(&ran);
	PARSE(&ran, "-n");
	assert_string_equal(string(&ran, "command"), "plan");
	assert_null(json_object_get(ran.args, "stale"));
	assert_null(json_object_get(ran.args, "holder"));
	finish(&ran);
	PARSE(&ran, "--method", "native", "--stale", "report");
	assert_string_equal(string(&ran, "command"), "native");
	assert_string_equal(string(&ran, "stale"), "report");
	finish(&ran);
	/* It takes no lock, so nobody is told who has it. */
	PARSE(&ran, "stale");
	assert_int_equal(json_object_size(ran.args), 2);
	assert_string_equal(string(&ran, "command"), "stale");
	finish(&ran);
	PARSE(&ran, "eval", "return ...", "--", "a", "-b");
	assert_string_equal(json_string_value(json_array_get(json_object_get(
	    ran.args, "args"), 1)), "-b");
	finish(&ran);
}

static void
test_request_args_timeout_is_shorter_than_client_timeout(void **state)
{
	static const struct {
		char *given;
		double least, most;
	} cases[] = {
		{ "60", 56.9, 57.1 },
		{ "0.5", 0.44, 0.46 },
		{ "0.06", 0.029, 0.031 },
		{ "0.001", 0.0004, 0.0006 }
	};
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		PARSE(&ran, "-t", cases[i].given);
		assert_true(number(&ran, "timeout") > cases[i].least);
		assert_true(number(&ran, "timeout") < cases[i].most);
		finish(&ran);
	}
}

static void
test_request_args_printed_line_has_no_time_or_holder(void **state)
{
	struct ran ran;

	(void)state;
	PARSE(&ran, "--print-lua");
	assert_null(json_object_get(ran.args, "not_after"));
	assert_null(strstr(string(&ran, "holder"), "pid"));
	finish(&ran);
}

/* Writes a file for eval and gives its name. */
static void
write_file(char *path, const char *data, size_t len)
{
	int fd;

	fd = mkstemp(temp_template(path));
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void
test_request_args_eval_reads_argument_or_file(void **state)
{
	struct ran ran;
	char path[TEMP_SIZE], chunk[TEMP_SIZE + 16];

	(void)state;
	PARSE(&ran, "eval", "return 1");
	assert_string_equal(string(&ran, "code"), "return 1");
	assert_string_equal(string(&ran, "chunk"), "=eval");
	finish(&ran);

	write_file(path, "a\nb\n", 4);
	PARSE(&ran, "eval", "-f", path);
	assert_string_equal(string(&ran, "code"), "a\nb\n");
	snprintf(chunk, sizeof(chunk), "@%s", path);
	assert_string_equal(string(&ran, "chunk"), chunk);
	finish(&ran);
	unlink(path);

	/* Line numbers stay. */
	write_file(path, "#!/usr/bin/env tarantool\nreturn 2", 33);
	PARSE(&ran, "eval", "-f", path);
	assert_string_equal(string(&ran, "code"),
	    "--#!/usr/bin/env tarantool\nreturn 2");
	finish(&ran);
	unlink(path);
}

static void
test_request_args_eval_large_file_is_read_whole(void **state)
{
	struct ran ran;
	char path[TEMP_SIZE], *data;
	size_t len = 1000 * 1000 + 7;

	(void)state;
	assert_non_null(data = malloc(len));
	memset(data, ' ', len);
	data[len - 1] = 'x';
	write_file(path, data, len);
	PARSE(&ran, "eval", "-f", path);
	assert_int_equal(json_string_length(json_object_get(ran.args,
	    "code")), len);
	assert_memory_equal(string(&ran, "code"), data, len);
	finish(&ran);
	unlink(path);
	free(data);
}

static void
check_args_error(char *word, char *value, const char *expected)
{
	char *argv[] = { "cartridge-reload", "eval", word, value, NULL };
	struct options options;
	struct error error;

	assert_int_equal(options_parse(&options, value != NULL ? 4 : 3, argv,
	    &error), 0);
	assert_null(request_args_for_command(&options, &error));
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_string_equal(error.message, expected);
	options_finish(&options);
}

static void
test_request_args_eval_unreadable_file_is_usage_error(void **state)
{
	(void)state;
	check_args_error("-f", "/nonexistent/x.lua",
	    "cannot open /nonexistent/x.lua: No such file or directory");
	check_args_error("-f", "/", "cannot read /: Is a directory");
	check_args_error("-f", "/dev/zero",
	    "/dev/zero is larger than 16 MiB");
	check_args_error("return '\xff'", NULL,
	    "the Lua code is not valid UTF-8; in a Lua string, write such "
	    "bytes as \\ddd");
}

static void
test_request_args_relay_holds_request_and_origin(void **state)
{
	struct ran ran;
	struct error error;
	json_t *relay;

	(void)state;
	PARSE(&ran, "-v", "-m", "a");
	assert_non_null(relay = request_args_for_relay(ran.args, &error));
	assert_int_equal(json_object_size(relay), 4);
	assert_string_equal(json_string_value(json_object_get(relay,
	    "command")), "relay");
	assert_true(json_is_true(json_object_get(relay, "verbose")));
	assert_true(json_equal(json_object_get(relay, "holder"),
	    json_object_get(ran.args, "holder")));
	assert_true(json_equal(json_object_get(relay, "request"), ran.args));
	json_decref(relay);
	finish(&ran);
	PARSE(&ran, "status");
	assert_non_null(relay = request_args_for_relay(ran.args, &error));
	assert_int_equal(json_object_size(relay), 2);
	json_decref(relay);
	finish(&ran);
}

static void
test_request_args_push_holds_sections(void **state)
{
	char dir[TEMP_SIZE], path[TEMP_SIZE + 10];
	struct options options;
	struct error error;
	struct ran ran;
	FILE *file;
	char *argv[] = { (char *)"cartridge-reload", (char *)"push",
	    (char *)"/nowhere", NULL };

	(void)state;
	assert_non_null(mkdtemp(temp_template(dir)));
	snprintf(path, sizeof(path), "%s/a.lua", dir);
	assert_non_null(file = fopen(path, "w"));
	fputs("return 1", file);
	fclose(file);
	PARSE(&ran, "push", dir);
	assert_string_equal(string(&ran, "command"), "push");
	assert_non_null(strstr(string(&ran, "holder"), " pid "));
	assert_int_equal(json_array_size(json_object_get(ran.args,
	    "sections")), 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(
	    ran.args, "texts"), "pushed")), "return 1");
	assert_null(json_object_get(ran.args, "prune"));
	assert_null(json_object_get(ran.args, "dry_run"));
	finish(&ran);
	PARSE(&ran, "push", dir, "-n", "--prune");
	assert_true(json_is_true(json_object_get(ran.args, "prune")));
	assert_true(json_is_true(json_object_get(ran.args, "dry_run")));
	finish(&ran);
	/* A dry run of a reload is a command of its own. */
	PARSE(&ran, "-n");
	assert_null(json_object_get(ran.args, "dry_run"));
	finish(&ran);
	unlink(path);
	rmdir(dir);
	assert_int_equal(options_parse(&options, 3, argv, &error), 0);
	assert_null(request_args_for_command(&options, &error));
	assert_string_equal(error.message,
	    "/nowhere: No such file or directory");
	options_finish(&options);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_args_hold_options_given),
		cmocka_unit_test(
		    test_request_args_default_options_are_left_out),
		cmocka_unit_test(
		    test_request_args_timeout_is_shorter_than_client_timeout),
		cmocka_unit_test(
		    test_request_args_printed_line_has_no_time_or_holder),
		cmocka_unit_test(test_request_args_eval_reads_argument_or_file),
		cmocka_unit_test(
		    test_request_args_eval_large_file_is_read_whole),
		cmocka_unit_test(
		    test_request_args_eval_unreadable_file_is_usage_error),
		cmocka_unit_test(
		    test_request_args_relay_holds_request_and_origin),
		cmocka_unit_test(test_request_args_push_holds_sections)
	};

	return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
