/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The command with sessions that are made up, and with a clock of our own:
 * sessions last and waiting takes as long as the test says.
 */

/* A poll(2) of our own cannot be the inline one of a fortified build. */
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "command.h"
#include "console.h"
#include "script.h"
#include "session.h"

#define SCRIPT(name)	{ name, (const unsigned char *)"", 0 }

const struct script script_table[] = {
	SCRIPT("boot"), SCRIPT("eval"), SCRIPT("native"), SCRIPT("plan"),
	SCRIPT("reload"), SCRIPT("stale"), SCRIPT("status"), { NULL, NULL, 0 }
};

/* What the next session comes to. */
struct answer {
	const char	*reply;		/* JSON with ' for ", or NULL */
	enum outcome	 outcome;	/* of the error then */
	int		 transient;
	int		 sent;
	int64_t		 lasts;		/* milliseconds */
	const char	*push;		/* a push message before the end */
};

struct session {
	const struct session_request	*request;
	const struct answer		*answer;
	int64_t				 ends;
	int				 pushed;
};

static int64_t now_ms;
static const struct answer *answers;	/* of the test, in their order */
static size_t sessions;			/* how many were started */
static char *last_line;			/* the last request */
static const char *last_target;
static int64_t last_deadline;
static int last_harmless;

int64_t
clock_ms(void)
{
	return now_ms;
}

int
poll(struct pollfd *fds, nfds_t count, int timeout)
{
	(void)fds;
	(void)count;
	assert_true(timeout > 0);
	now_ms += timeout;
	return 0;
}

struct session *
session_start(const struct target *target,
    const struct session_request *request, int64_t deadline)
{
	struct session *session = calloc(1, sizeof(*session));

	assert_non_null(session);
	session->request = request;
	session->answer = &answers[sessions++];
	session->ends = now_ms + session->answer->lasts;
	free(last_line);
	last_line = strdup(request->line);
	assert_int_equal(strlen(last_line), request->len);
	last_target = target->name;
	last_deadline = deadline;
	last_harmless = request->harmless;
	return session;
}

void
session_free(struct session *session)
{
	free(session);
}

int
session_fd(const struct session *session)
{
	(void)session;
	return -1;
}

short
session_events(const struct session *session)
{
	(void)session;
	return POLLIN;
}

int64_t
session_due(const struct session *session)
{
	return session->ends;
}

enum session_state
session_step(struct session *session, struct error *error)
{
	const struct answer *answer = session->answer;
	json_t *value;

	if (answer->push != NULL && !session->pushed) {
		session->pushed = 1;
		value = json_string(answer->push);
		session->request->on_push(value, session->request->arg);
		json_decref(value);
	}
	if (now_ms < session->ends)
		return SESSION_BUSY;
	if (answer->reply != NULL)
		return SESSION_DONE;
	if (answer->transient)
		error_set_transient(error, answer->outcome, "x", "no luck");
	else
		error_set(error, answer->outcome, "x", "no luck");
	return SESSION_FAILED;
}

json_t *
session_take_reply(struct session *session)
{
	char *json = strdup(session->answer->reply), *quote;
	json_t *reply;

	assert_non_null(json);
	while ((quote = strchr(json, '\'')) != NULL)
		*quote = '"';
	reply = json_loads(json, 0, NULL);
	free(json);
	assert_non_null(reply);
	return reply;
}

int
session_sent(const struct session *session)
{
	return session->answer->sent;
}

/* A command line, run. */
struct ran {
	struct options	 options;
	struct targets	 targets;
	json_t		*args;
	enum outcome	 outcome;
	char		*out;
	char		*err;
};

static void
parse(struct ran *ran, int argc, char *argv[])
{
	struct error error;

	memset(ran, 0, sizeof(*ran));
	if (options_parse(&ran->options, argc, argv, &error) == -1)
		fail_msg("%s", error.message);
	if ((ran->args = command_args(&ran->options, &error)) == NULL)
		fail_msg("%s", error.message);
}

#define PARSE(ran, ...) do {						\
	char *argv_[] = { (char *)"cartridge-reload", __VA_ARGS__, NULL };	\
	parse(ran, (int)(sizeof(argv_) / sizeof(argv_[0])) - 1, argv_);	\
} while (0)

static void
run(struct ran *ran, const struct answer *list)
{
	struct output_context context = { 0 };
	struct error error;
	size_t out_size, err_size;

	answers = list;
	sessions = 0;
	now_ms = 5000;
	if (command_targets(&ran->options, &ran->targets, &error) == -1)
		fail_msg("%s", error.message);
	context.out = open_memstream(&ran->out, &out_size);
	context.err = open_memstream(&ran->err, &err_size);
	assert_non_null(context.out);
	assert_non_null(context.err);
	context.command = ran->options.command->name;
	context.quiet = ran->options.quiet;
	context.verbose = ran->options.verbose;
	context.targets = ran->targets.count;
	ran->outcome = command_run(&ran->options, &ran->targets, ran->args,
	    &context);
	fclose(context.out);
	fclose(context.err);
}

static void
finish(struct ran *ran)
{
	free(ran->out);
	free(ran->err);
	json_decref(ran->args);
	targets_finish(&ran->targets);
	free(ran->targets.list);
	options_finish(&ran->options);
	free(last_line);
	last_line = NULL;
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

#define OK_REPLY "[{'cartridge_reload': 1, 'outcome': 'reloaded'}]"
#define REFUSED_REPLY(transient) "[{'cartridge_reload': 1, "		\
	"'outcome': 'refused', 'error': {'code': 'locked', "		\
	"'message': 'busy', 'transient': " transient "}}]"

static void
test_arguments_are_those_of_the_command_line(void **state)
{
	struct ran ran;
	char *dumped;

	(void)state;
	PARSE(&ran, "-t", "10", "-m", "a.*", "-m", "b", "-x", "c", "--rocks",
	    "--no-stop", "--if-changed", "-v");
	assert_non_null(strstr(string(&ran, "holder"), "@"));
	assert_non_null(strstr(string(&ran, "holder"), " pid "));
	assert_int_equal(json_object_del(ran.args, "holder"), 0);
	dumped = json_dumps(ran.args, JSON_COMPACT | JSON_REAL_PRECISION(6));
	assert_string_equal(dumped, "{\"command\":\"reload\",\"timeout\":9.5,"
	    "\"rocks\":true,\"no_stop\":true,\"if_changed\":true,"
	    "\"verbose\":true,\"stale\":\"patch\",\"modules\":[\"a.*\",\"b\"],"
	    "\"exclude\":[\"c\"]}");
	free(dumped);
	finish(&ran);
}

static void
test_arguments_are_only_what_is_not_default(void **state)
{
	struct ran ran;

	(void)state;
	PARSE(&ran, "status");
	assert_int_equal(json_object_size(ran.args), 2);
	assert_string_equal(string(&ran, "command"), "status");
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
	/* It takes the lock, so that others are told who has it. */
	PARSE(&ran, "stale");
	assert_int_equal(json_object_size(ran.args), 3);
	assert_string_equal(string(&ran, "command"), "stale");
	assert_non_null(strstr(string(&ran, "holder"), " pid "));
	finish(&ran);
}

static void
test_the_instance_gets_less_time_than_the_client_waits(void **state)
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
test_a_printed_line_has_nothing_of_the_moment(void **state)
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

	strcpy(path, "/tmp/test_command.XXXXXX");
	fd = mkstemp(path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void
test_eval_takes_its_lua_from_argument_or_file(void **state)
{
	struct ran ran;
	char path[64], chunk[80];

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
test_large_files_are_read_whole(void **state)
{
	struct ran ran;
	char path[64], *data;
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
	assert_null(command_args(&options, &error));
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_string_equal(error.message, expected);
	options_finish(&options);
}

static void
test_lua_that_cannot_be_had_is_a_usage_error(void **state)
{
	(void)state;
	check_args_error("-f", "/nonexistent/x.lua",
	    "cannot open /nonexistent/x.lua: No such file or directory");
	check_args_error("-f", "/", "cannot read /: Is a directory");
	check_args_error("-f", "/dev/zero",
	    "/dev/zero is larger than 16 MiB");
	check_args_error("return '\xff'", NULL,
	    "the Lua to run is not UTF-8 text: write such bytes as \\ddd");
}

static void
test_targets_come_from_options_or_environment(void **state)
{
	struct ran ran;
	struct error error;

	(void)state;
	setenv("CARTRIDGE_RELOAD_SOCKET", "first", 1);
	setenv("TARANTOOL_CONSOLE_SOCK", "second", 1);
	PARSE(&ran, "-s", "x", "-s", "y");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    0);
	assert_int_equal(ran.targets.count, 2);
	assert_string_equal(ran.targets.list[0].name, "x");
	finish(&ran);

	PARSE(&ran, "status");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    0);
	assert_int_equal(ran.targets.count, 1);
	assert_string_equal(ran.targets.list[0].name, "first");
	finish(&ran);

	setenv("CARTRIDGE_RELOAD_SOCKET", "", 1);
	PARSE(&ran, "status");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    0);
	assert_string_equal(ran.targets.list[0].name, "second");
	finish(&ran);

	unsetenv("CARTRIDGE_RELOAD_SOCKET");
	unsetenv("TARANTOOL_CONSOLE_SOCK");
	PARSE(&ran, "status");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    -1);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_string_equal(error.message, "no target: give --socket TARGET, "
	    "or set $CARTRIDGE_RELOAD_SOCKET or $TARANTOOL_CONSOLE_SOCK");
	finish(&ran);
}

static void
test_targets_are_done_in_order(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 10, NULL }, { OK_REPLY, 0, 0, 1, 10, NULL }
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-t", "7");
	run(&ran, list);
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	assert_int_equal(sessions, 2);
	assert_string_equal(last_target, "b");
	/* Each has the whole time. */
	assert_int_equal(last_deadline, 5000 + 10 + 7000);
	assert_string_equal(ran.out, "a: reloaded\nb: reloaded\n");
	assert_string_equal(ran.err, "");
	finish(&ran);
}

static void
test_a_failure_leaves_the_rest_untouched(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 0, NULL },
		{ REFUSED_REPLY("false"), 0, 0, 1, 0, NULL }
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-s", "d");
	run(&ran, list);
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_int_equal(sessions, 2);
	assert_string_equal(ran.out, "a: reloaded\nb: refused\n");
	assert_string_equal(ran.err, "cartridge-reload: b: busy\n"
	    "cartridge-reload: c: not touched\n"
	    "cartridge-reload: d: not touched\n");
	finish(&ran);
}

static void
test_json_has_those_that_were_reached(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 0, NULL },
		{ NULL, OUTCOME_UNREACHABLE, 0, 0, 0, NULL }
	};
	struct ran ran;
	json_t *document, *instances;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-o", "json");
	run(&ran, list);
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_non_null(document = json_loads(ran.out, 0, NULL));
	instances = json_object_get(document, "instances");
	assert_int_equal(json_array_size(instances), 2);
	assert_int_equal(json_integer_value(json_object_get(document,
	    "exit")), 2);
	json_decref(document);
	finish(&ran);
}

static void
test_without_wait_there_is_one_try(void **state)
{
	static const struct answer list[] = {
		{ NULL, OUTCOME_UNREACHABLE, 1, 0, 0, NULL }
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a");
	run(&ran, list);
	assert_int_equal(sessions, 1);
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(ran.out, "a: unreachable\n");
	assert_string_equal(ran.err, "cartridge-reload: a: no luck\n");
	finish(&ran);
}

static void
test_wait_tries_again_what_may_pass(void **state)
{
	static const struct answer list[] = {
		{ NULL, OUTCOME_UNREACHABLE, 1, 0, 0, NULL },
		{ REFUSED_REPLY("true"), 0, 0, 1, 0, NULL },
		{ OK_REPLY, 0, 0, 1, 0, NULL }
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-w", "10", "-t", "7");
	run(&ran, list);
	assert_int_equal(sessions, 3);
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	assert_string_equal(ran.out, "a: reloaded\n");
	assert_string_equal(ran.err, "");
	/* 100 and 150 ms of waiting, and then the whole --timeout. */
	assert_int_equal(now_ms, 5000 + 250);
	assert_int_equal(last_deadline, now_ms + 7000);
	finish(&ran);
}

static void
test_wait_has_an_end(void **state)
{
	struct answer list[64];
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		list[i] = (struct answer){ NULL, OUTCOME_UNREACHABLE, 1, 0, 0,
		    NULL };
	PARSE(&ran, "-s", "a", "-w", "10.5");
	run(&ran, list);
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_int_equal(now_ms, 5000 + 10500);
	/* Ever slower, but at least once in a second. */
	assert_in_range(sessions, 12, 20);
	finish(&ran);
}

static void
test_wait_does_not_try_again_what_cannot_pass(void **state)
{
	static const struct answer lists[][1] = {
		{ { NULL, OUTCOME_UNREACHABLE, 0, 0, 0, NULL } },
		{ { REFUSED_REPLY("false"), 0, 0, 1, 0, NULL } },
		/* What was sent may have been done. */
		{ { NULL, OUTCOME_UNREACHABLE, 1, 1, 0, NULL } }
	};
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		PARSE(&ran, "-s", "a", "-w", "10");
		run(&ran, lists[i]);
		assert_int_equal(sessions, 1);
		finish(&ran);
	}
}

static void
test_wait_says_what_for_if_asked(void **state)
{
	static const struct answer list[] = {
		{ NULL, OUTCOME_UNREACHABLE, 1, 0, 0, NULL },
		{ NULL, OUTCOME_UNREACHABLE, 1, 0, 0, NULL },
		{ OK_REPLY, 0, 0, 1, 0, NULL }
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-w", "10", "-v");
	run(&ran, list);
	assert_string_equal(ran.err, "cartridge-reload: a: no luck\n"
	    "cartridge-reload: a: waiting\n");
	finish(&ran);
}

static void
test_a_lost_reload_is_told_as_what_it_is(void **state)
{
	static const struct answer late[] = {
		{ NULL, OUTCOME_TIMEOUT, 0, 1, 0, NULL }
	};
	static const struct answer early[] = {
		{ NULL, OUTCOME_TIMEOUT, 0, 0, 0, NULL }
	};
	static const struct answer lost[] = {
		{ NULL, OUTCOME_UNREACHABLE, 0, 1, 0, NULL }
	};
	static const struct {
		char *command;
		const struct answer *list;
		const char *message;
	} cases[] = {
		{ "reload", late, "no luck; the instance rolls back by itself "
		    "if it has not committed, `cartridge-reload status` "
		    "tells" },
		{ "reload", early, "no luck" },
		{ "reload", lost, "no luck; `cartridge-reload status` "
		    "tells" },
		{ "plan", late, "no luck" },
		{ "stale", late, "no luck" },
		{ "status", late, "no luck" }
	};
	struct ran ran;
	char expected[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		PARSE(&ran, "-s", "a", cases[i].command);
		run(&ran, cases[i].list);
		snprintf(expected, sizeof(expected),
		    "cartridge-reload: a: %s\n", cases[i].message);
		assert_string_equal(ran.err, expected);
		finish(&ran);
	}
	PARSE(&ran, "-s", "a", "eval", "1");
	run(&ran, late);
	assert_string_equal(ran.err, "cartridge-reload: a: no luck; "
	    "the Lua may still be running\n");
	finish(&ran);
	PARSE(&ran, "-s", "a", "--method", "native");
	run(&ran, late);
	assert_non_null(strstr(ran.err, "goes on without a limit"));
	finish(&ran);
}

static void
test_what_changes_nothing_is_sent_with_the_handshake(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 0, NULL }
	};
	static const struct {
		char *command;
		int harmless;
	} cases[] = {
		{ "reload", 0 }, { "plan", 1 }, { "status", 1 }, { "stale", 1 }
	};
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		PARSE(&ran, "-s", "a", cases[i].command);
		run(&ran, list);
		assert_int_equal(last_harmless, cases[i].harmless);
		finish(&ran);
	}
	PARSE(&ran, "-s", "a", "eval", "1");
	run(&ran, list);
	assert_int_equal(last_harmless, 0);
	finish(&ran);
}

static void
test_phases_are_printed_if_asked(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 0, "load\033" }
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-v");
	run(&ran, list);
	assert_string_equal(ran.err, "cartridge-reload: a: load\\033\n");
	finish(&ran);
	PARSE(&ran, "-s", "a");
	run(&ran, list);
	assert_string_equal(ran.err, "");
	finish(&ran);
}

static void
test_progress_is_drawn_during_long_work(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 2000, "load" }
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "--progress", "always");
	run(&ran, list);
	assert_string_equal(ran.err,
	    "\ra: load, 0 s\033[K\ra: load, 1 s\033[K\r\033[K");
	/* For that, the instance is asked to tell its phases. */
	assert_non_null(strstr(last_line, "verbose"));
	finish(&ran);
	PARSE(&ran, "-s", "a", "--progress", "always", "-q");
	run(&ran, list);
	assert_string_equal(ran.err, "");
	assert_null(strstr(last_line, "verbose"));
	finish(&ran);
}

static void
test_only_the_same_machine_is_told_the_time(void **state)
{
	static const struct answer list[] = {
		{ OK_REPLY, 0, 0, 1, 0, NULL }
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "/a");
	run(&ran, list);
	assert_non_null(strstr(last_line, "not_after"));
	finish(&ran);
	PARSE(&ran, "-s", "localhost:3301");
	run(&ran, list);
	assert_null(strstr(last_line, "not_after"));
	finish(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments_are_those_of_the_command_line),
		cmocka_unit_test(test_arguments_are_only_what_is_not_default),
		cmocka_unit_test(test_the_instance_gets_less_time_than_the_client_waits),
		cmocka_unit_test(test_a_printed_line_has_nothing_of_the_moment),
		cmocka_unit_test(test_eval_takes_its_lua_from_argument_or_file),
		cmocka_unit_test(test_large_files_are_read_whole),
		cmocka_unit_test(test_lua_that_cannot_be_had_is_a_usage_error),
		cmocka_unit_test(test_targets_come_from_options_or_environment),
		cmocka_unit_test(test_targets_are_done_in_order),
		cmocka_unit_test(test_a_failure_leaves_the_rest_untouched),
		cmocka_unit_test(test_json_has_those_that_were_reached),
		cmocka_unit_test(test_without_wait_there_is_one_try),
		cmocka_unit_test(test_wait_tries_again_what_may_pass),
		cmocka_unit_test(test_wait_has_an_end),
		cmocka_unit_test(test_wait_does_not_try_again_what_cannot_pass),
		cmocka_unit_test(test_wait_says_what_for_if_asked),
		cmocka_unit_test(test_a_lost_reload_is_told_as_what_it_is),
		cmocka_unit_test(test_what_changes_nothing_is_sent_with_the_handshake),
		cmocka_unit_test(test_phases_are_printed_if_asked),
		cmocka_unit_test(test_progress_is_drawn_during_long_work),
		cmocka_unit_test(test_only_the_same_machine_is_told_the_time)
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
