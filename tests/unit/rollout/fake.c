/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/request_args.h"
#include "net/exchange.h"
#include "net/poller.h"
#include "output/output.h"
#include "proto/script.h"
#include "rollout/command.h"
#include "rollout/fake.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

static const char *const nothing[] = { NULL };

#define SCRIPT(name)	{ name, "", 0, nothing }

/* Without their Lua, requests are short. */
static const struct script scripts[] = {
	SCRIPT("boot"), SCRIPT("commands.eval"), SCRIPT("commands.native"),
	SCRIPT("commands.plan"), SCRIPT("commands.preflight"),
	SCRIPT("commands.push"), SCRIPT("commands.relay"),
	SCRIPT("commands.reload"), SCRIPT("commands.stale"),
	SCRIPT("commands.status"), SCRIPT("commands.topology")
};

struct fake fake;

int64_t __wrap_clock_ms(void);
double __wrap_clock_seconds(int64_t from, int64_t until);
int64_t __wrap_exchange_due(const struct exchange *exchange);
short __wrap_exchange_events(const struct exchange *exchange);
int __wrap_exchange_fd(const struct exchange *exchange);
void __wrap_exchange_free(struct exchange *exchange);
int __wrap_exchange_sent(const struct exchange *exchange);
struct exchange *__wrap_exchange_start(const struct target *target,
    const struct exchange_request *request, int64_t deadline);
enum exchange_state __wrap_exchange_step(struct exchange *exchange,
    struct error *error);
json_t *__wrap_exchange_take_reply(struct exchange *exchange);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
void __wrap_poller_free(struct poller *poller);
struct poller *__wrap_poller_new(size_t slots, struct error *error);
int __wrap_poller_set(struct poller *poller, size_t slot, int fd, short events,
    struct error *error);
void __wrap_poller_wait(struct poller *poller, int64_t until,
    void (*ready)(size_t slot, void *arg), void *arg);
const struct script *__wrap_script_find(const char *name);
int __wrap_signals_begin(void);
void __wrap_signals_clear(void);
int __wrap_signals_count(void);
void __wrap_signals_end(void);

struct exchange {
	const struct exchange_request	*request;
	const struct answer		*answer;
	int64_t				 ends;
	int				 pushed;
};

const struct script *
__wrap_script_find(const char *name)
{
	size_t i;

	for (i = 0; i < nitems(scripts); i++)
		if (strcmp(scripts[i].name, name) == 0)
			return &scripts[i];
	return NULL;
}

int64_t
__wrap_clock_ms(void)
{
	return fake.now_ms;
}

double
__wrap_clock_seconds(int64_t from, int64_t until)
{
	return (double)(until - from) / 1000;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	(void)fds;
	(void)count;
	assert_true(timeout > 0);
	fake.now_ms += timeout;
	return 0;
}

/* Adds "TARGET COMMAND URI;" of a request to the log. */
static void
note(const struct target *target, const char *line)
{
	static const char *const keys[] = { "command", "uri" };
	const char *at, *found;
	char wanted[64];
	size_t i, len = strlen(fake.log);

	len += (size_t)snprintf(fake.log + len, sizeof(fake.log) - len, "%s",
	    target->name);
	for (i = 0; i < 2; i++) {
		snprintf(wanted, sizeof(wanted), "\\034%s\\034:\\034", keys[i]);
		for (found = NULL, at = line;
		    (at = strstr(at, wanted)) != NULL; found = at)
			at += strlen(wanted);
		if (found != NULL)
			len += (size_t)snprintf(fake.log + len,
			    sizeof(fake.log) - len, " %.*s",
			    (int)strcspn(found, "\\"), found);
	}
	snprintf(fake.log + len, sizeof(fake.log) - len, ";");
}

struct exchange *
__wrap_exchange_start(const struct target *target,
    const struct exchange_request *request, int64_t deadline)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	const struct conn_line *line = &request->line;

	assert_non_null(exchange);
	exchange->request = request;
	exchange->answer = &fake.answers[fake.exchanges++];
	exchange->ends = fake.now_ms + exchange->answer->lasts;
	free(fake.last_line);
	fake.last_line = malloc(line->len + line->rest_len + 1);
	assert_non_null(fake.last_line);
	memcpy(fake.last_line, line->data, line->len);
	memcpy(fake.last_line + line->len, line->rest, line->rest_len + 1);
	assert_int_equal(strlen(fake.last_line), line->len + line->rest_len);
	note(target, fake.last_line);
	fake.last_deadline = deadline;
	fake.last_read_only = request->read_only;
	if (++fake.running > fake.most_running)
		fake.most_running = fake.running;
	return exchange;
}

void
__wrap_exchange_free(struct exchange *exchange)
{
	if (exchange != NULL)
		fake.running--;
	free(exchange);
}

struct poller *
__wrap_poller_new(size_t slots, struct error *error)
{
	static char poller;

	(void)slots;
	(void)error;
	return (struct poller *)(void *)&poller;
}

void
__wrap_poller_free(struct poller *poller)
{
	(void)poller;
}

int
__wrap_poller_set(struct poller *poller, size_t slot, int fd, short events,
    struct error *error)
{
	(void)poller;
	(void)slot;
	(void)fd;
	(void)events;
	if (fake.poller_fails_at != 0 &&
	    fake.exchanges >= fake.poller_fails_at)
		return error_set(error, ERROR_LOCAL, "cannot watch");
	return 0;
}

/* Nothing is ever ready: everybody is told when to look. */
void
__wrap_poller_wait(struct poller *poller, int64_t until,
    void (*ready)(size_t slot, void *arg), void *arg)
{
	size_t i;

	(void)poller;
	(void)ready;
	(void)arg;
	for (i = 0; i < 2; i++)
		if (fake.interrupt_at[i] > fake.now_ms &&
		    fake.interrupt_at[i] < until)
			until = fake.interrupt_at[i];
	if (until > fake.now_ms)
		fake.now_ms = until;
}

int
__wrap_signals_begin(void)
{
	return -1;
}

void
__wrap_signals_end(void)
{
}

void
__wrap_signals_clear(void)
{
}

int
__wrap_signals_count(void)
{
	int i, count = 0;

	for (i = 0; i < 2; i++)
		count += fake.interrupt_at[i] != 0 &&
		    fake.interrupt_at[i] <= fake.now_ms;
	return count;
}

int
__wrap_exchange_fd(const struct exchange *exchange)
{
	(void)exchange;
	return -1;
}

short
__wrap_exchange_events(const struct exchange *exchange)
{
	(void)exchange;
	return POLLIN;
}

int64_t
__wrap_exchange_due(const struct exchange *exchange)
{
	return exchange->answer->push != NULL && !exchange->pushed ? 0 :
	    exchange->ends;
}

enum exchange_state
__wrap_exchange_step(struct exchange *exchange, struct error *error)
{
	const struct answer *answer = exchange->answer;
	json_t *value;

	if (answer->push != NULL && !exchange->pushed) {
		exchange->pushed = 1;
		value = json_string(answer->push);
		exchange->request->on_push(value, exchange->request->arg);
		json_decref(value);
	}
	if (fake.now_ms < exchange->ends)
		return EXCHANGE_BUSY;
	if (answer->reply != NULL)
		return EXCHANGE_DONE;
	if (answer->transient)
		error_set_transient(error, answer->code, "no luck");
	else
		error_set(error, answer->code, "no luck");
	return EXCHANGE_FAILED;
}

json_t *
__wrap_exchange_take_reply(struct exchange *exchange)
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
__wrap_exchange_sent(const struct exchange *exchange)
{
	return exchange->answer->sent;
}

static void __attribute__((format(printf, 1, 2)))
note_report(const char *fmt, ...)
{
	size_t len = strlen(fake.reports);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake.reports + len, sizeof(fake.reports) - len, fmt, ap);
	va_end(ap);
}

static const char *
string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void
record_instance(const struct output_context *context, const json_t *report)
{
	const char *code = string(json_object_get(report, "error"), "code");

	(void)context;
	note_report("%s %s%s%s;", string(report, "target"),
	    string(report, "outcome"), code != NULL ? " " : "",
	    code != NULL ? code : "");
}

static int
record_end(const struct output_context *context, const struct output_run *run)
{
	const json_t *item;
	size_t i;

	(void)context;
	json_array_foreach(run->skipped, i, item)
		note_report("%s skipped;", string(item, "target"));
	json_array_foreach(run->not_attempted, i, item)
		note_report("%s untouched;", json_string_value(item));
	return 0;
}

/* In place of text, whose wording is no concern of these tests. */
static const struct output recorder = {
	.name = "recorder",
	.wants_tree = 0,
	.instance = record_instance,
	.end = record_end
};

void
fake_parse(struct ran *ran, int argc, char *argv[])
{
	struct error error;

	memset(ran, 0, sizeof(*ran));
	if (options_parse(&ran->options, argc, argv, &error) == -1)
		fail_msg("%s", error.message);
	if ((ran->args = request_args_for_command(&ran->options,
	    &error)) == NULL)
		fail_msg("%s", error.message);
}

void
fake_run(struct ran *ran, const struct answer *list)
{
	struct output_context context = { 0 };
	struct error error;
	size_t out_size, err_size;

	fake.answers = list;
	fake.exchanges = fake.running = fake.most_running = 0;
	fake.log[0] = fake.reports[0] = '\0';
	fake.now_ms = 5000;
	if (command_targets(&ran->options, &ran->targets, &error) == -1)
		fail_msg("%s", error.message);
	context.out = open_memstream(&ran->out, &out_size);
	context.err = open_memstream(&ran->err, &err_size);
	assert_non_null(context.out);
	assert_non_null(context.err);
	context.command = ran->options.command->name;
	context.view = ran->options.command->view;
	context.quiet = ran->options.quiet;
	context.verbose = ran->options.verbose;
	context.targets = ran->targets.count;
	if (ran->options.output == &output_text)
		ran->options.output = &recorder;
	ran->outcome = command_run(&ran->options, &ran->targets, ran->args,
	    &context);
	fclose(context.out);
	fclose(context.err);
}

void
fake_finish(struct ran *ran)
{
	free(ran->out);
	free(ran->err);
	json_decref(ran->args);
	targets_finish(&ran->targets);
	free(ran->targets.list);
	options_finish(&ran->options);
	free(fake.last_line);
	fake.last_line = NULL;
}
