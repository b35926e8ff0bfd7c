/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The command with exchanges that are made up, and with a clock of our own:
 * exchanges last and waiting takes as long as the test says.
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

#include "cli/request_args.h"
#include "net/exchange.h"
#include "net/poller.h"
#include "proto/script.h"
#include "rollout/command.h"
#include "util/clock.h"
#include "util/signals.h"

#define SCRIPT(name)	{ name, (const unsigned char *)"", 0 }

const struct script script_table[] = {
	SCRIPT("boot"), SCRIPT("commands.eval"), SCRIPT("commands.native"),
	SCRIPT("commands.plan"), SCRIPT("commands.preflight"),
	SCRIPT("commands.push"), SCRIPT("commands.relay"),
	SCRIPT("commands.reload"), SCRIPT("commands.stale"),
	SCRIPT("commands.status"), SCRIPT("commands.topology"),
	{ NULL, NULL, 0 }
};

/* What the next exchange comes to. */
struct answer {
	const char	*reply;		/* JSON with ' for ", or NULL */
	enum outcome	 outcome;	/* of the error then */
	int		 transient;
	int		 sent;
	int64_t		 lasts;		/* milliseconds */
	const char	*push;		/* a push message before the end */
};

struct exchange {
	const struct exchange_request	*request;
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
static char started[4096];		/* "TARGET COMMAND;..." */
static size_t running;			/* exchanges at a time */
static size_t most_running;
static int64_t interrupt_at[2];		/* 0 for never */

int64_t
clock_ms(void)
{
	return now_ms;
}

double
clock_seconds(int64_t from, int64_t until)
{
	return (double)(until - from) / 1000;
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

/* Adds "TARGET COMMAND URI;" of a request to the log. */
static void
note(const struct target *target, const char *line)
{
	static const char *const keys[] = { "command", "uri" };
	const char *at, *found;
	char wanted[64];
	size_t i, len = strlen(started);

	len += (size_t)snprintf(started + len, sizeof(started) - len, "%s",
	    target->name);
	for (i = 0; i < 2; i++) {
		snprintf(wanted, sizeof(wanted), "\\034%s\\034:\\034", keys[i]);
		for (found = NULL, at = line;
		    (at = strstr(at, wanted)) != NULL; found = at)
			at += strlen(wanted);
		if (found != NULL)
			len += (size_t)snprintf(started + len,
			    sizeof(started) - len, " %.*s",
			    (int)strcspn(found, "\\"), found);
	}
	snprintf(started + len, sizeof(started) - len, ";");
}

struct exchange *
exchange_start(const struct target *target,
    const struct exchange_request *request, int64_t deadline)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	assert_non_null(exchange);
	exchange->request = request;
	exchange->answer = &answers[sessions++];
	exchange->ends = now_ms + exchange->answer->lasts;
	free(last_line);
	last_line = malloc(request->len + request->rest_len + 1);
	assert_non_null(last_line);
	memcpy(last_line, request->line, request->len);
	memcpy(last_line + request->len, request->rest,
	    request->rest_len + 1);
	assert_int_equal(strlen(last_line), request->len + request->rest_len);
	note(target, last_line);
	last_target = target->name;
	last_deadline = deadline;
	last_harmless = request->read_only;
	if (++running > most_running)
		most_running = running;
	return exchange;
}

void
exchange_free(struct exchange *exchange)
{
	if (exchange != NULL)
		running--;
	free(exchange);
}

struct poller *
poller_new(size_t slots, struct error *error)
{
	static char poller;

	(void)slots;
	(void)error;
	return (struct poller *)(void *)&poller;
}

void
poller_free(struct poller *poller)
{
	(void)poller;
}

int
poller_set(struct poller *poller, size_t slot, int fd, short events,
    struct error *error)
{
	(void)poller;
	(void)slot;
	(void)fd;
	(void)events;
	(void)error;
	return 0;
}

/* Nothing is ever ready: everybody is told when to look. */
void
poller_wait(struct poller *poller, int64_t until,
    void (*ready)(size_t slot, void *arg), void *arg)
{
	size_t i;

	(void)poller;
	(void)ready;
	(void)arg;
	for (i = 0; i < 2; i++)
		if (interrupt_at[i] > now_ms && interrupt_at[i] < until)
			until = interrupt_at[i];
	if (until > now_ms)
		now_ms = until;
}

int
signals_begin(void)
{
	return -1;
}

void
signals_end(void)
{
}

void
signals_clear(void)
{
}

int
signals_count(void)
{
	return (interrupt_at[0] != 0 && interrupt_at[0] <= now_ms) +
	    (interrupt_at[1] != 0 && interrupt_at[1] <= now_ms);
}

int
exchange_fd(const struct exchange *exchange)
{
	(void)exchange;
	return -1;
}

short
exchange_events(const struct exchange *exchange)
{
	(void)exchange;
	return POLLIN;
}

int64_t
exchange_due(const struct exchange *exchange)
{
	return exchange->answer->push != NULL && !exchange->pushed ? 0 :
	    exchange->ends;
}

enum exchange_state
exchange_step(struct exchange *exchange, struct error *error)
{
	const struct answer *answer = exchange->answer;
	json_t *value;

	if (answer->push != NULL && !exchange->pushed) {
		exchange->pushed = 1;
		value = json_string(answer->push);
		exchange->request->on_push(value, exchange->request->arg);
		json_decref(value);
	}
	if (now_ms < exchange->ends)
		return EXCHANGE_BUSY;
	if (answer->reply != NULL)
		return EXCHANGE_DONE;
	if (answer->transient)
		error_set_transient(error, answer->outcome, "x", "no luck");
	else
		error_set(error, answer->outcome, "x", "no luck");
	return EXCHANGE_FAILED;
}

json_t *
exchange_take_reply(struct exchange *exchange)
{
	char *json = strdup(exchange->answer->reply), *quote;
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
exchange_sent(const struct exchange *exchange)
{
	return exchange->answer->sent;
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
	if ((ran->args = arguments_of_command(&ran->options, &error)) == NULL)
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
	sessions = running = most_running = 0;
	started[0] = '\0';
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

#define REPLY(outcome)	"[{'cartridge_reload': 1, 'outcome': '" outcome "'}]"
#define OK_REPLY	REPLY("reloaded")
#define REFUSED_REPLY(transient) "[{'cartridge_reload': 1, "		\
	"'outcome': 'refused', 'error': {'code': 'locked', "		\
	"'message': 'busy', 'transient': " transient "}}]"

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
	assert_string_equal(error.message, "no target: give --socket TARGET "
	    "or --app NAME, or set $CARTRIDGE_RELOAD_SOCKET or $TARANTOOL_CONSOLE_SOCK");
	finish(&ran);
}

/* How an instance is, as the reply to a survey. */
#define SURVEY(status) "[{'cartridge_reload': 1, 'outcome': 'ok', "	\
	"'status': {'box': 'running', " status "}}]"
#define FOLLOWER SURVEY("'role': 'follower'")
#define LEADER SURVEY("'role': 'leader'")
#define ANSWER(reply) { reply, 0, 0, 1, 0, NULL }
#define LASTING(reply, ms) { reply, 0, 0, 1, ms, NULL }
#define FAILED_REPLY "[{'cartridge_reload': 1, 'outcome': 'failed', "	\
	"'error': {'code': 'init_failed', 'message': 'no'}}]"

/* Runs it, and compares what was asked of whom. */
#define CHECK_ASKED(ran, list, expected) do {				\
	run(ran, list);							\
	assert_string_equal(started, expected);				\
	assert_int_equal(sessions, sizeof(list) / sizeof((list)[0]));	\
} while (0)

static void
test_a_single_target_is_asked_one_thing(void **state)
{
	static const struct answer list[] = { ANSWER(OK_REPLY) };
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a");
	CHECK_ASKED(&ran, list, "a reload;");
	assert_string_equal(ran.out, "a: reloaded\n");
	finish(&ran);
	/* The same as of several, however the instance was named. */
	PARSE(&ran, "-s", "a", "status");
	CHECK_ASKED(&ran, list, "a preflight;");
	finish(&ran);
	PARSE(&ran, "-s", "a", "-s", "a", "-j", "5", "-k");
	CHECK_ASKED(&ran, list, "a reload;");
	finish(&ran);
}

static void
test_several_are_reloaded_one_by_one_and_leaders_last(void **state)
{
	static const struct answer list[] = {
		ANSWER(LEADER), ANSWER(FOLLOWER), ANSWER(SURVEY("'role': null")),
		LASTING(OK_REPLY, 10), ANSWER(FOLLOWER),
		LASTING(OK_REPLY, 10), ANSWER(FOLLOWER),
		LASTING(OK_REPLY, 10), ANSWER(LEADER)
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-t", "7");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;"
	    "b reload;b preflight;c reload;c preflight;a reload;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	assert_string_equal(ran.out, "b: reloaded\nc: reloaded\na: reloaded\n"
	    "3 instances: 3 reloaded\n");
	assert_string_equal(ran.err, "");
	/* The survey of all at once, then one at a time. */
	assert_int_equal(most_running, 3);
	/* The health of the last has what is left of its time. */
	assert_int_equal(last_deadline, 5000 + 20 + 7000);
	finish(&ran);
}

static void
test_a_failure_leaves_the_rest_untouched(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), ANSWER(FOLLOWER),
		ANSWER(FOLLOWER), ANSWER(OK_REPLY), ANSWER(FOLLOWER),
		ANSWER(REFUSED_REPLY("false"))
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-s", "d");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;d preflight;"
	    "a reload;a preflight;b reload;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_string_equal(ran.out, "a: reloaded\nb: refused\n"
	    "4 instances: 1 reloaded, 1 refused, 2 not touched\n"
	    "  b: refused (locked)\n");
	assert_string_equal(ran.err, "cartridge-reload: b: busy\n"
	    "cartridge-reload: c: not touched\n"
	    "cartridge-reload: d: not touched\n");
	finish(&ran);
}

static void
test_keep_going_goes_on(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), { NULL, OUTCOME_UNREACHABLE, 0, 0, 0, NULL },
		ANSWER(FOLLOWER), ANSWER(FAILED_REPLY), ANSWER(OK_REPLY),
		ANSWER(FOLLOWER)
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-k");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;"
	    "a reload;c reload;c preflight;");
	assert_int_equal(ran.outcome, OUTCOME_FAILED);
	assert_string_equal(ran.out, "b: unreachable\na: failed\n"
	    "c: reloaded\n3 instances: 1 reloaded, 1 unreachable, 1 failed\n"
	    "  a: failed (init_failed)\n  b: unreachable (x)\n");
	finish(&ran);
}

static void
test_who_cannot_be_asked_keeps_all_from_beginning(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), { NULL, OUTCOME_UNREACHABLE, 0, 0, 0, NULL },
		ANSWER(FOLLOWER)
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;");
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(ran.err, "cartridge-reload: b: no luck\n"
	    "cartridge-reload: a: not touched\n"
	    "cartridge-reload: c: not touched\n");
	finish(&ran);
}

static void
test_json_is_in_order_and_names_who_was_not_touched(void **state)
{
	static const struct answer list[] = {
		ANSWER(LEADER), ANSWER(FOLLOWER),
		ANSWER(SURVEY("'stateboard': true")), ANSWER(FOLLOWER),
		ANSWER(OK_REPLY), ANSWER(FOLLOWER), ANSWER(FAILED_REPLY)
	};
	struct ran ran;
	json_t *document, *instances;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-s", "d", "-o", "json");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;d preflight;"
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
	assert_non_null(strstr(ran.err, "c: skipped: a stateboard"));
	finish(&ran);
}

static void
test_jobs_run_so_many_at_once_but_leaders_later(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(LEADER), ANSWER(FOLLOWER),
		ANSWER(FOLLOWER), LASTING(OK_REPLY, 30), LASTING(OK_REPLY, 10),
		ANSWER(FOLLOWER), LASTING(OK_REPLY, 50), ANSWER(FOLLOWER),
		ANSWER(FOLLOWER), ANSWER(OK_REPLY), ANSWER(LEADER)
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-s", "d", "-j", "2");
	run(&ran, list);
	assert_string_equal(started, "a preflight;b preflight;c preflight;d preflight;"
	    "a reload;c reload;c preflight;d reload;a preflight;d preflight;"
	    "b reload;b preflight;");
	assert_string_equal(ran.out, "c: reloaded\na: reloaded\n"
	    "d: reloaded\nb: reloaded\n4 instances: 4 reloaded\n");
	finish(&ran);
}

static void
test_health_is_waited_for_within_the_time(void **state)
{
	static const struct answer well[] = {
		ANSWER(FOLLOWER), ANSWER(SURVEY("'healthy': false")),
		ANSWER(OK_REPLY), ANSWER(REFUSED_REPLY("false")),
		{ NULL, OUTCOME_UNREACHABLE, 0, 0, 0, NULL },
		ANSWER(SURVEY("'healthy': false")), ANSWER(FOLLOWER),
		/* It was not before either. */
		ANSWER(OK_REPLY), ANSWER(SURVEY("'healthy': false"))
	};
	struct answer ill[64] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), ANSWER(OK_REPLY)
	};
	struct ran ran;
	size_t i;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b");
	CHECK_ASKED(&ran, well, "a preflight;b preflight;a reload;a preflight;a preflight;"
	    "a preflight;a preflight;b reload;b preflight;");
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	finish(&ran);
	for (i = 3; i < sizeof(ill) / sizeof(ill[0]); i++)
		ill[i] = (struct answer)ANSWER(REFUSED_REPLY("false"));
	PARSE(&ran, "-s", "a", "-s", "b", "-t", "5");
	run(&ran, ill);
	assert_int_equal(ran.outcome, OUTCOME_DEGRADED);
	assert_int_equal(now_ms, 5000 + 5000);
	assert_string_equal(ran.out, "a: reloaded; not healthy again\n"
	    "2 instances: 1 degraded, 1 not touched\n"
	    "  a: degraded (not_healthy)\n");
	assert_string_equal(ran.err, "cartridge-reload: a: not healthy again "
	    "within 5 s after the reload: busy; the new code serves\n"
	    "cartridge-reload: b: not touched\n");
	finish(&ran);
}

static void
test_health_has_a_second_even_after_a_late_reload(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), LASTING(OK_REPLY, 990),
		LASTING(FOLLOWER, 500), ANSWER(REFUSED_REPLY("false"))
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-t", "1");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;a reload;a preflight;"
	    "b reload;");
	assert_non_null(strstr(ran.out, "a: reloaded\nb: refused\n"));
	finish(&ran);
	PARSE(&ran, "-s", "a", "-s", "b", "-t", "1");
	run(&ran, list);
	assert_int_equal(last_deadline, now_ms + 1000);
	finish(&ran);
}

/* What Cartridge calls healthy is the whole cluster, the failed one included. */
static void
test_after_a_failure_the_others_need_not_be_called_healthy(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER),
		{ NULL, OUTCOME_TIMEOUT, 0, 1, 0, NULL }, ANSWER(OK_REPLY),
		ANSWER(SURVEY("'healthy': false"))
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "-k");
	CHECK_ASKED(&ran, list,
	    "a preflight;b preflight;a reload;b reload;b preflight;");
	assert_int_equal(ran.outcome, OUTCOME_TIMEOUT);
	assert_non_null(strstr(ran.out, "b: reloaded\n"));
	finish(&ran);
}

static void
test_what_changes_nothing_is_asked_of_all_at_once(void **state)
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
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "plan");
	CHECK_ASKED(&ran, plans, "a plan;b plan;c plan;");
	assert_int_equal(most_running, 3);
	assert_string_equal(ran.err, "cartridge-reload: a: no\n");
	finish(&ran);
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "status");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;c preflight;");
	finish(&ran);
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "-j", "1", "stale");
	CHECK_ASKED(&ran, list, "a stale;b stale;c stale;");
	assert_int_equal(most_running, 1);
	finish(&ran);
	PARSE(&ran, "-s", "a", "-s", "b", "-s", "c", "eval", "1");
	run(&ran, list);
	assert_string_equal(started, "a eval;");
	assert_non_null(strstr(ran.err, "c: not touched"));
	finish(&ran);
}

/* Interrupts the next runs at these times after their beginning. */
static void
interrupt(int64_t first, int64_t second)
{
	interrupt_at[0] = first == 0 ? 0 : 5000 + first;
	interrupt_at[1] = second == 0 ? 0 : 5000 + second;
}

static void
test_an_interruption_waits_for_what_runs(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), LASTING(OK_REPLY, 3000)
	};
	struct ran ran;

	(void)state;
	interrupt(1000, 0);
	PARSE(&ran, "-s", "a", "-s", "b");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;a reload;");
	/* All that was begun is well, but it was not all. */
	assert_int_equal(ran.outcome, OUTCOME_USAGE);
	assert_string_equal(ran.err, "cartridge-reload: interrupted: "
	    "waiting for a; once more gives up\n"
	    "cartridge-reload: b: not touched\n");
	assert_int_equal(now_ms, 5000 + 3000);
	finish(&ran);
	PARSE(&ran, "-s", "a");
	run(&ran, list + 2);
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	finish(&ran);
	interrupt(0, 0);
}

static void
test_a_second_interruption_gives_up(void **state)
{
	static const struct answer list[] = {
		ANSWER(FOLLOWER), ANSWER(FOLLOWER), LASTING(OK_REPLY, 3000)
	};
	struct ran ran;

	(void)state;
	interrupt(1000, 1500);
	PARSE(&ran, "-s", "a", "-s", "b");
	CHECK_ASKED(&ran, list, "a preflight;b preflight;a reload;");
	assert_int_equal(ran.outcome, OUTCOME_TIMEOUT);
	assert_string_equal(ran.err, "cartridge-reload: interrupted: "
	    "waiting for a; once more gives up\n"
	    "cartridge-reload: a: given up after 1.5 s, it may still be "
	    "running; the instance rolls back by itself if it has not "
	    "committed, `cartridge-reload status` tells\n"
	    "cartridge-reload: b: not touched\n");
	assert_int_equal(now_ms, 5000 + 1500);
	assert_int_equal(running, 0);
	finish(&ran);
	interrupt(0, 0);
}

static void
test_what_has_not_begun_is_left_when_interrupted(void **state)
{
	static const struct answer unsent[] = {
		{ OK_REPLY, 0, 0, 0, 3000, NULL }
	};
	static const struct answer waiting[] = {
		{ NULL, OUTCOME_UNREACHABLE, 1, 0, 950, NULL }
	};
	static const struct answer read_only[] = { LASTING(OK_REPLY, 3000) };
	static const struct answer surveys[] = {
		ANSWER(FOLLOWER), LASTING(FOLLOWER, 3000)
	};
	struct ran ran;

	(void)state;
	interrupt(1000, 0);
	PARSE(&ran, "-s", "a");
	run(&ran, unsent);
	assert_int_equal(ran.outcome, OUTCOME_USAGE);
	assert_string_equal(ran.err, "cartridge-reload: interrupted\n"
	    "cartridge-reload: a: not touched\n");
	assert_int_equal(running, 0);
	finish(&ran);
	PARSE(&ran, "-s", "a", "-w", "10");
	run(&ran, waiting);
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(ran.err, "cartridge-reload: a: no luck\n"
	    "cartridge-reload: interrupted\n");
	finish(&ran);
	PARSE(&ran, "-s", "a", "status");
	run(&ran, read_only);
	assert_int_equal(ran.outcome, OUTCOME_TIMEOUT);
	assert_string_equal(ran.err, "cartridge-reload: a: given up after 1 s\n"
	    "cartridge-reload: interrupted\n");
	finish(&ran);
	PARSE(&ran, "-s", "a", "-s", "b");
	run(&ran, surveys);
	assert_int_equal(ran.outcome, OUTCOME_USAGE);
	assert_string_equal(ran.err, "cartridge-reload: interrupted\n"
	    "cartridge-reload: a: not touched\n"
	    "cartridge-reload: b: not touched\n");
	assert_string_equal(started, "a preflight;b preflight;");
	finish(&ran);
	interrupt(0, 0);
}

#define NODE(n, alias, role) "{'uuid': '" n "', 'uri': 'h:" n "', "	\
	"'alias': '" alias "', 'role': '" role "'}"
#define TOPOLOGY "[{'cartridge_reload': 1, 'outcome': 'ok', 'topology': {" \
	"'entry': '2', 'instances': [" NODE("1", "z", "follower") ", "	\
	NODE("2", "m", "leader") ", " NODE("3", "b", "leader") ", "	\
	"{'uuid': '4', 'uri': 'h:4', 'alias': 'c', 'disabled': true}, "	\
	"{'uuid': '5', 'expelled': true}]}}]"
#define DIGEST(role, digest) SURVEY("'role': '" role "', 'digest': '"	\
	digest "'")

static void
test_a_cluster_is_reloaded_through_its_entry(void **state)
{
	static const struct answer list[] = {
		ANSWER(TOPOLOGY), ANSWER(DIGEST("leader", "x")),
		ANSWER(DIGEST("leader", "x")), ANSWER(DIGEST("follower", "x")),
		ANSWER(OK_REPLY), ANSWER(FOLLOWER), ANSWER(OK_REPLY),
		ANSWER(LEADER), ANSWER(OK_REPLY), ANSWER(LEADER)
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, list, "a topology;a preflight h:3;a preflight;a preflight h:1;"
	    "a reload h:1;a preflight h:1;a reload h:3;a preflight h:3;"
	    "a reload;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_RELOADED);
	assert_string_equal(ran.out, "z (h:1): reloaded\nb (h:3): reloaded\n"
	    "m (h:2): reloaded\n5 instances: 3 reloaded, 2 skipped\n");
	assert_string_equal(ran.err,
	    "cartridge-reload: c (h:4): skipped: disabled\n"
	    "cartridge-reload: 5: skipped: expelled\n");
	finish(&ran);
}

static void
test_a_relayed_request_ends_before_its_relay(void **state)
{
	static const struct answer list[] = {
		ANSWER(TOPOLOGY), { NULL, OUTCOME_PROTOCOL, 0, 1, 0, NULL },
		ANSWER(FOLLOWER), ANSWER(FOLLOWER)
	};
	struct ran ran;

	(void)state;
	PARSE(&ran, "-s", "/a", "--cluster", "-t", "100", "status");
	run(&ran, list);
	/* The last one, of h:1. */
	assert_non_null(strstr(last_line, "\\034request\\034:{\\034command"
	    "\\034:\\034preflight\\034,\\034timeout\\034:90.25}"));
	assert_non_null(strstr(last_line, ",\\034timeout\\034:95.0,"));
	assert_non_null(strstr(last_line, "\\034uri\\034:\\034h:1\\034"));
	assert_non_null(strstr(ran.err, "b (h:3): through /a: no luck\n"));
	finish(&ran);
}

static void
test_a_cluster_with_mixed_code_is_refused(void **state)
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
	PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, list,
	    "a topology;a preflight h:3;a preflight;a preflight h:1;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_non_null(strstr(ran.err, "m (h:2): the code differs between the "
	    "instances: b (h:3) has 12345678, not x as the rest; "
	    "--allow-mixed goes on all the same\n"));
	assert_non_null(strstr(ran.out, "m (h:2): refused (mixed_code)\n"));
	finish(&ran);
	PARSE(&ran, "-s", "a", "--cluster", "--allow-mixed");
	run(&ran, allowed);
	assert_int_equal(ran.outcome, OUTCOME_FAILED);
	finish(&ran);
}

static void
test_unreachable_instances_refuse_a_cluster(void **state)
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
	PARSE(&ran, "-s", "a", "--cluster");
	run(&ran, list);
	assert_string_equal(started,
	    "a topology;a preflight h:3;a preflight;a preflight h:1;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_non_null(strstr(ran.err, "b (h:3): gone\n"));
	assert_non_null(strstr(ran.err, "m (h:2): not all instances can be "
	    "reached: b (h:3); --keep-going leaves them out\n"));
	assert_non_null(strstr(ran.err, "z (h:1): not touched\n"));
	finish(&ran);
	PARSE(&ran, "-s", "a", "--cluster", "-k");
	CHECK_ASKED(&ran, list, "a topology;a preflight h:3;a preflight;a preflight h:1;"
	    "a reload h:1;a preflight h:1;a reload;a preflight;");
	assert_int_equal(ran.outcome, OUTCOME_UNREACHABLE);
	finish(&ran);
}

static void
test_without_a_topology_nothing_is_done(void **state)
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
	PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, refused, "a topology;");
	assert_int_equal(ran.outcome, OUTCOME_REFUSED);
	assert_string_equal(ran.err, "cartridge-reload: a: busy\n");
	finish(&ran);
	PARSE(&ran, "-s", "a", "--cluster", "plan");
	CHECK_ASKED(&ran, none, "a topology;");
	assert_int_equal(ran.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(ran.err,
	    "cartridge-reload: a: the reply has no topology\n");
	finish(&ran);
	PARSE(&ran, "-s", "a", "--cluster");
	CHECK_ASKED(&ran, without, "a topology;");
	assert_int_equal(ran.outcome, OUTCOME_PROTOCOL);
	assert_non_null(strstr(ran.err, "z (h:1): not touched\n"));
	finish(&ran);
}

static void
test_a_push_goes_through_one_target_and_may_have_been_done(void **state)
{
	static const struct answer list[] = {
		{ NULL, OUTCOME_TIMEOUT, 0, 1, 0, NULL }
	};
	char dir[] = "/tmp/test_command.XXXXXX", path[64];
	struct ran ran;
	struct error error;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.lua", dir);
	assert_non_null(file = fopen(path, "w"));
	fclose(file);
	PARSE(&ran, "-s", "a", "push", dir);
	run(&ran, list);
	assert_string_equal(started, "a push;");
	assert_int_equal(last_harmless, 0);
	assert_non_null(strstr(ran.err, "`push --dry-run` tells"));
	finish(&ran);
	PARSE(&ran, "-s", "a", "push", dir, "-n");
	run(&ran, list);
	assert_int_equal(last_harmless, 1);
	assert_null(strstr(ran.err, "tells"));
	finish(&ran);
	PARSE(&ran, "-s", "a", "-s", "b", "push", dir);
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    -1);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_non_null(strstr(error.message, "push takes exactly one target "
	    "(2 given)"));
	finish(&ran);
	unlink(path);
	rmdir(dir);
}

static void
test_a_cluster_has_one_entry(void **state)
{
	struct ran ran;
	struct error error;

	(void)state;
	PARSE(&ran, "-s", "a", "-s", "b", "--cluster");
	assert_int_equal(command_targets(&ran.options, &ran.targets, &error),
	    -1);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_non_null(strstr(error.message, "--cluster takes exactly one "
	    "target (2 given)"));
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
		int read_only;
	} cases[] = {
		{ "reload", 0 }, { "plan", 1 }, { "status", 1 }, { "stale", 1 }
	};
	struct ran ran;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		PARSE(&ran, "-s", "a", cases[i].command);
		run(&ran, list);
		assert_int_equal(last_harmless, cases[i].read_only);
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
		cmocka_unit_test(test_targets_come_from_options_or_environment),
		cmocka_unit_test(test_a_single_target_is_asked_one_thing),
		cmocka_unit_test(test_several_are_reloaded_one_by_one_and_leaders_last),
		cmocka_unit_test(test_a_failure_leaves_the_rest_untouched),
		cmocka_unit_test(test_keep_going_goes_on),
		cmocka_unit_test(test_who_cannot_be_asked_keeps_all_from_beginning),
		cmocka_unit_test(test_json_is_in_order_and_names_who_was_not_touched),
		cmocka_unit_test(test_jobs_run_so_many_at_once_but_leaders_later),
		cmocka_unit_test(test_health_is_waited_for_within_the_time),
		cmocka_unit_test(test_health_has_a_second_even_after_a_late_reload),
		cmocka_unit_test(test_after_a_failure_the_others_need_not_be_called_healthy),
		cmocka_unit_test(test_what_changes_nothing_is_asked_of_all_at_once),
		cmocka_unit_test(test_an_interruption_waits_for_what_runs),
		cmocka_unit_test(test_a_second_interruption_gives_up),
		cmocka_unit_test(test_what_has_not_begun_is_left_when_interrupted),
		cmocka_unit_test(test_a_cluster_is_reloaded_through_its_entry),
		cmocka_unit_test(test_a_relayed_request_ends_before_its_relay),
		cmocka_unit_test(test_a_cluster_with_mixed_code_is_refused),
		cmocka_unit_test(test_unreachable_instances_refuse_a_cluster),
		cmocka_unit_test(test_without_a_topology_nothing_is_done),
		cmocka_unit_test(test_a_push_goes_through_one_target_and_may_have_been_done),
		cmocka_unit_test(test_a_cluster_has_one_entry),
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
