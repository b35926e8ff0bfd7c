/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rollout/job.h"
#include "cli/request_args.h"
#include "output/term.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/json_util.h"

/* Delays before a retry, in milliseconds: the first one and the maximum. */
#define RETRY_FIRST_MS	100
#define RETRY_MAX_MS	1000

/*
 * Builds the arguments of a relayed request.  A relayed request has a shorter
 * timeout than the request to the gateway, so that the gateway can still report
 * the timeout.
 */
static json_t *
relay_arguments(const json_t *args, double timeout, struct error *error)
{
	json_t *relay = request_args_for_relay(args, error);
	double seconds = request_args_seconds(request_args_seconds(timeout));

	if (relay == NULL)
		return NULL;
	if (json_object_set_new(json_object_get(relay, "request"), "timeout",
	    json_real(seconds)) == 0)
		return relay;
	json_decref(relay);
	error_out_of_memory(error);
	return NULL;
}

int
job_spec_init(struct job_spec *spec, const json_t *args, double timeout,
    int relayed, struct error *error)
{
	json_t *own = json_copy_strict(args), *relay = NULL;
	const char *command;
	int result = -1;

	memset(spec, 0, sizeof(*spec));
	spec->timeout = timeout;
	command = json_string_value(json_object_get(args, "command"));
	strlcpy(spec->command, command != NULL ? command : "",
	    sizeof(spec->command));
	json_object_del(own, "timeout");
	if (own == NULL || request_init(&spec->request, own) == -1) {
		error_out_of_memory(error);
	} else if (!relayed) {
		result = 0;
	} else if ((relay = relay_arguments(own, timeout, error)) != NULL) {
		result = request_init(&spec->relayed, relay);
		if (result == -1)
			error_out_of_memory(error);
	}
	json_decref(relay);
	json_decref(own);
	if (result == -1)
		job_spec_finish(spec);
	return result;
}

void
job_spec_finish(struct job_spec *spec)
{
	request_finish(&spec->request);
	request_finish(&spec->relayed);
}

static void
on_push(const json_t *value, void *arg)
{
	struct job *job = arg;
	const char *phase = json_string_value(value);
	char *escaped;

	if (phase == NULL ||
	    (escaped = escape_text(phase, strlen(phase), 0)) == NULL)
		return;
	strlcpy(job->phase, escaped, sizeof(job->phase));
	free(escaped);
	if (job->hooks != NULL)
		job->hooks->on_phase(job);
}

/* Builds the arguments that differ between instances or attempts. */
static json_t *
own_arguments(const struct job *job, int64_t deadline)
{
	struct timespec now;
	json_t *own = json_object();
	double seconds;

	seconds = request_args_seconds((double)(deadline - job->tried) / 1000);
	if (json_object_set_new(own, "timeout", json_real(seconds)) == -1 ||
	    (job->uri != NULL &&
	    json_object_set_new(own, "uri", json_string(job->uri)) == -1))
		goto fail;
	/*
	 * A busy instance may read the request long after this program has
	 * stopped waiting.  The instance refuses a request that it reads after
	 * the time `not_after`.  That time is sent only over a unix socket,
	 * because both sides must have the same clock.  Even a port on a
	 * loopback address may be forwarded to another machine.
	 */
	clock_gettime(CLOCK_REALTIME, &now);
	if (job->target->kind == TARGET_UNIX &&
	    json_object_set_new(own, "not_after", json_real(
	    (double)now.tv_sec + (double)now.tv_nsec / 1e9 + seconds)) == -1)
		goto fail;
	return own;

fail:
	json_decref(own);
	return NULL;
}

static void
start_attempt(struct job *job)
{
	const struct job_spec *spec = job->spec;
	const struct request *request;
	int64_t deadline, timeout = (int64_t)(spec->timeout * 1000);
	json_t *own;

	request = job->uri != NULL ? &spec->relayed : &spec->request;
	job->tried = clock_ms();
	job->tries++;
	job->state = JOB_RUNNING;
	job->phase[0] = '\0';
	deadline = job->limit != 0 ? job->limit :
	    job->tried + (timeout > 0 ? timeout : 1);
	own = own_arguments(job, deadline);
	free(job->rest);
	job->rest = own == NULL ? NULL :
	    request_rest(own, &job->asked.line.rest_len);
	json_decref(own);
	job->asked.line.data = request->head;
	job->asked.line.len = request->len;
	job->asked.line.rest = job->rest;
	job->asked.on_push = on_push;
	job->asked.arg = job;
	job->asked.read_only = spec->side_effect == EFFECT_NONE;
	/*
	 * If the exchange is NULL, exchange_step reports that memory ran out.
	 */
	job->exchange = job->rest == NULL ? NULL :
	    exchange_start(job->target, &job->asked, deadline);
}

void
job_begin(struct job *job, const struct job_spec *spec,
    const struct job_hooks *hooks, const struct target *target,
    const char *name, const char *uri, void *owner, int64_t until,
    int64_t limit)
{
	memset(job, 0, sizeof(*job));
	job->spec = spec;
	job->hooks = hooks;
	job->target = target;
	job->name = name;
	job->uri = uri;
	job->owner = owner;
	job->began = clock_ms();
	job->until = until;
	job->limit = limit;
	job->delay = RETRY_FIRST_MS;
	start_attempt(job);
}

int
job_fd(const struct job *job)
{
	return job->state == JOB_RUNNING ?
	    exchange_fd(job->exchange) : -1;
}

short
job_events(const struct job *job)
{
	return (short)(job->state == JOB_RUNNING ?
	    exchange_events(job->exchange) : 0);
}

int64_t
job_deadline(const struct job *job)
{
	return job->state == JOB_RUNNING ?
	    exchange_due(job->exchange) : job->next;
}

/* Adds to the error message what the unanswered request may have done. */
static void
add_consequence(const struct job *job, struct error *error)
{
	const char *means = NULL;
	size_t len = strlen(error->message);

	/* Do not retry a request with side effects: it could run twice. */
	if (job->spec->side_effect != EFFECT_NONE)
		error->transient = 0;
	switch (job->spec->side_effect) {
	case EFFECT_NONE:
		return;
	case EFFECT_EVAL:
		means = "the Lua code may still be running";
		break;
	case EFFECT_RELOAD:
		means = "the instance rolls back on its own unless it has "
		    "committed; run `cartridge-reload status` to see the "
		    "outcome";
		break;
	case EFFECT_PUSH:
		means = "Cartridge's config change has no time limit and "
		    "is still running; run `push --dry-run` to see whether it "
		    "was applied";
		break;
	case EFFECT_NATIVE:
		means = "Cartridge's own reload has no time limit and "
		    "continues; run `cartridge-reload status` to see the "
		    "outcome";
		break;
	}
	if (job->spec->side_effect != EFFECT_EVAL &&
	    job->spec->side_effect != EFFECT_PUSH &&
	    error->outcome != OUTCOME_TIMEOUT)
		means = "run `cartridge-reload status` to see the outcome";
	/* Append to the message the last phase that the instance reported. */
	if (job->spec->side_effect == EFFECT_RELOAD && job->phase[0] != '\0')
		len += (size_t)snprintf(error->message + len,
		    sizeof(error->message) - len, " (%s)", job->phase);
	if (len < sizeof(error->message))
		snprintf(error->message + len, sizeof(error->message) - len,
		    "; %s", means);
}

/*
 * Adds the name of the gateway to the error of a relayed request, because it
 * was the exchange with the gateway that failed.
 */
static void
prefix_relay_name(const struct job *job, struct error *error)
{
	struct error before = *error;

	if (job->uri == NULL || error->outcome == OUTCOME_USAGE)
		return;
	error_set(error, before.code, "through %s: %s",
	    job->target->name, before.message);
	error->transient = before.transient;
}

/*
 * Turns a successful report into a failure if its outcome is not in the set
 * `expected` of the spec.
 */
static void
check_outcome(struct job *job)
{
	const struct job_spec *spec = job->spec;
	enum outcome outcome = job->report.outcome;
	struct error error;

	if (outcome_exit(outcome) != 0 ||
	    (spec->expected & OUTCOME_BIT(outcome)) != 0)
		return;
	error_set(&error, ERROR_BAD_REPLY,
	    "the reply to %s has the unexpected outcome `%s`", spec->command,
	    outcome_word(outcome));
	report_fail(&job->report, &error);
}

static void
close_exchange(struct job *job)
{
	exchange_free(job->exchange);
	job->exchange = NULL;
	free(job->rest);
	job->rest = NULL;
}

static void
make_report(struct job *job, enum exchange_state state,
    struct error *error)
{
	json_t *reply;

	if (state == EXCHANGE_DONE) {
		reply = exchange_take_reply(job->exchange);
		/*
		 * Free the exchange first: its buffer may be as large as the
		 * reply.
		 */
		close_exchange(job);
		report_from_reply(&job->report, job->name, reply,
		    job->uri != NULL);
		json_decref(reply);
		check_outcome(job);
		if (job->spec->parse_results)
			report_parse_results(&job->report);
	} else {
		prefix_relay_name(job, error);
		if (exchange_sent(job->exchange))
			add_consequence(job, error);
		report_from_error(&job->report, job->name, error);
	}
	close_exchange(job);
}

/* Ends an attempt: marks the job as done, or schedules a retry. */
static void
finish_attempt(struct job *job)
{
	int64_t now = clock_ms(), left = job->until - now;
	int retries;

	retries = job->spec->should_retry != NULL ?
	    job->spec->should_retry(job) : job->report.transient;
	if (!retries || left <= 0) {
		job->state = JOB_DONE;
		return;
	}
	job->state = JOB_BACKOFF;
	job->next = now + (job->delay < left ? job->delay : left);
	job->delay = job->delay * 3 / 2 < RETRY_MAX_MS ?
	    job->delay * 3 / 2 : RETRY_MAX_MS;
	strlcpy(job->phase, "waiting", sizeof(job->phase));
	if (job->hooks != NULL)
		job->hooks->on_retry(job);
}

enum job_state
job_step(struct job *job)
{
	struct error error;
	enum exchange_state state;

	if (job->state == JOB_BACKOFF && clock_ms() >= job->next) {
		/*
		 * If no time is left for another attempt, keep the last report.
		 */
		if (job->limit != 0 && job->next >= job->limit) {
			job->state = JOB_DONE;
			return job->state;
		}
		report_finish(&job->report);
		start_attempt(job);
	}
	if (job->state != JOB_RUNNING)
		return job->state;
	if ((state = exchange_step(job->exchange, &error)) == EXCHANGE_BUSY)
		return job->state;
	make_report(job, state, &error);
	finish_attempt(job);
	return job->state;
}

int
job_in_flight(const struct job *job)
{
	return job->state == JOB_RUNNING &&
	    exchange_sent(job->exchange);
}

void
job_cancel(struct job *job)
{
	struct error error;
	int sent;

	if (job->state == JOB_RUNNING) {
		sent = exchange_sent(job->exchange);
		error_set(&error, ERROR_INTERRUPTED,
		    "cancelled after %g s%s", clock_seconds(job->tried,
		    clock_ms()), sent ? "" : ", before the request was sent");
		if (sent)
			add_consequence(job, &error);
		report_from_error(&job->report, job->name, &error);
		close_exchange(job);
	}
	job->state = JOB_DONE;
}

void
job_finish(struct job *job)
{
	close_exchange(job);
}
