/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/request_args.h"
#include "output/term.h"
#include "rollout/job.h"
#include "util/escape.h"
#include "util/json_copy.h"

/* How long to wait before it is tried again, in milliseconds. */
#define RETRY_FIRST_MS	100
#define RETRY_MAX_MS	1000

/*
 * How a command ends well, by the word that the instance knows it by.  The
 * first row that fits counts; a flag is an argument that must be true.
 */
static const struct {
	const char	*command;
	const char	*flag;
	enum outcome	 expected[2];
} expectation_table[] = {
	{ "reload", "if_changed", { OUTCOME_RELOADED, OUTCOME_UNCHANGED } },
	{ "reload", NULL, { OUTCOME_RELOADED, OUTCOME_RELOADED } },
	{ "native", NULL, { OUTCOME_RELOADED, OUTCOME_RELOADED } },
	{ "plan", NULL, { OUTCOME_PLANNED, OUTCOME_UNCHANGED } },
	{ "push", "dry_run", { OUTCOME_PLANNED, OUTCOME_UNCHANGED } },
	{ "push", NULL, { OUTCOME_OK, OUTCOME_UNCHANGED } },
	{ "status", NULL, { OUTCOME_OK, OUTCOME_OK } },
	{ "preflight", NULL, { OUTCOME_OK, OUTCOME_OK } },
	{ "topology", NULL, { OUTCOME_OK, OUTCOME_OK } },
	{ "stale", NULL, { OUTCOME_OK, OUTCOME_OK } },
	{ "eval", NULL, { OUTCOME_OK, OUTCOME_OK } }
};

static void
set_expectation(struct errand_kind *kind, const json_t *args)
{
	const char *command, *flag;
	size_t i;

	command = json_string_value(json_object_get(args, "command"));
	strlcpy(kind->command, command != NULL ? command : "",
	    sizeof(kind->command));
	for (i = 0; i < sizeof(expectation_table) /
	    sizeof(expectation_table[0]); i++) {
		flag = expectation_table[i].flag;
		if (strcmp(expectation_table[i].command, kind->command) != 0 ||
		    (flag != NULL &&
		    !json_is_true(json_object_get(args, flag))))
			continue;
		memcpy(kind->expected, expectation_table[i].expected,
		    sizeof(kind->expected));
		return;
	}
	kind->expects_any = 1;
}

/* Has the request in a relay end before the relay, which then still tells. */
static json_t *
relay_arguments(const json_t *args, double timeout, struct error *error)
{
	json_t *relay = arguments_of_relay(args, error);
	double seconds = arguments_seconds(arguments_seconds(timeout));

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
errand_kind_init(struct errand_kind *kind, const json_t *args, double timeout,
    int relayed, struct error *error)
{
	json_t *own = copy_json(args), *relay = NULL;
	int result = -1;

	memset(kind, 0, sizeof(*kind));
	kind->timeout = timeout;
	set_expectation(kind, args);
	json_object_del(own, "timeout");
	if (own == NULL || request_init(&kind->request, own) == -1) {
		error_out_of_memory(error);
	} else if (!relayed) {
		result = 0;
	} else if ((relay = relay_arguments(own, timeout, error)) != NULL) {
		result = request_init(&kind->relayed, relay);
		if (result == -1)
			error_out_of_memory(error);
	}
	json_decref(relay);
	json_decref(own);
	if (result == -1)
		errand_kind_finish(kind);
	return result;
}

void
errand_kind_finish(struct errand_kind *kind)
{
	request_finish(&kind->request);
	request_finish(&kind->relayed);
}

static void
on_push(const json_t *value, void *arg)
{
	struct errand *errand = arg;
	const char *phase = json_string_value(value);
	char *escaped;

	if (phase == NULL ||
	    (escaped = escape_text(phase, strlen(phase), 0)) == NULL)
		return;
	strlcpy(errand->phase, escaped, sizeof(errand->phase));
	free(escaped);
	if (errand->kind->on_phase != NULL)
		errand->kind->on_phase(errand);
}

/* The arguments that this instance, at this time, has for itself. */
static json_t *
own_arguments(const struct errand *errand, int64_t deadline)
{
	struct timespec now;
	json_t *own = json_object();
	double seconds;

	seconds = arguments_seconds((double)(deadline - errand->tried) / 1000);
	if (json_object_set_new(own, "timeout", json_real(seconds)) == -1 ||
	    (errand->uri != NULL &&
	    json_object_set_new(own, "uri", json_string(errand->uri)) == -1))
		goto fail;
	/*
	 * A request may lie in the socket of a busy instance until nobody
	 * waits for it any more.  Only on the same machine is the time the
	 * same.
	 */
	clock_gettime(CLOCK_REALTIME, &now);
	if (errand->target->kind == TARGET_UNIX &&
	    json_object_set_new(own, "not_after", json_real(
	    (double)now.tv_sec + (double)now.tv_nsec / 1e9 + seconds)) == -1)
		goto fail;
	return own;

fail:
	json_decref(own);
	return NULL;
}

/* Begins a try. */
static void
try(struct errand *errand)
{
	const struct errand_kind *kind = errand->kind;
	const struct request *request;
	int64_t deadline, timeout = (int64_t)(kind->timeout * 1000);
	json_t *own;

	request = errand->uri != NULL ? &kind->relayed : &kind->request;
	errand->tried = clock_ms();
	errand->tries++;
	errand->state = ERRAND_TALKING;
	errand->phase[0] = '\0';
	deadline = errand->limit != 0 ? errand->limit :
	    errand->tried + (timeout > 0 ? timeout : 1);
	own = own_arguments(errand, deadline);
	free(errand->rest);
	errand->rest = own == NULL ? NULL :
	    request_rest(own, &errand->asked.rest_len);
	json_decref(own);
	errand->asked.line = request->head;
	errand->asked.len = request->len;
	errand->asked.rest = errand->rest;
	errand->asked.on_push = on_push;
	errand->asked.arg = errand;
	errand->asked.harmless = kind->effect == EFFECT_NONE;
	/* A missing session is one that failed for lack of memory. */
	errand->session = errand->rest == NULL ? NULL :
	    session_start(errand->target, &errand->asked, deadline);
}

void
errand_begin(struct errand *errand, const struct errand_kind *kind,
    const struct target *target, const char *name, const char *uri,
    void *owner, int64_t until, int64_t limit)
{
	memset(errand, 0, sizeof(*errand));
	errand->kind = kind;
	errand->target = target;
	errand->name = name;
	errand->uri = uri;
	errand->owner = owner;
	errand->began = clock_ms();
	errand->until = until;
	errand->limit = limit;
	errand->delay = RETRY_FIRST_MS;
	try(errand);
}

int
errand_fd(const struct errand *errand)
{
	return errand->state == ERRAND_TALKING ?
	    session_fd(errand->session) : -1;
}

short
errand_events(const struct errand *errand)
{
	return (short)(errand->state == ERRAND_TALKING ?
	    session_events(errand->session) : 0);
}

int64_t
errand_due(const struct errand *errand)
{
	return errand->state == ERRAND_TALKING ?
	    session_due(errand->session) : errand->next;
}

/*
 * Adds to an error what it means that the request had been sent by then, for
 * requests whose work goes on without us.
 */
static void
explain(const struct errand *errand, struct error *error)
{
	const char *means = NULL;
	size_t len = strlen(error->message);

	/* To do it twice is not the same. */
	if (errand->kind->effect != EFFECT_NONE)
		error->transient = 0;
	switch (errand->kind->effect) {
	case EFFECT_NONE:
		return;
	case EFFECT_EVAL:
		means = "the Lua may still be running";
		break;
	case EFFECT_RELOAD:
		means = "the instance rolls back by itself if it has not "
		    "committed, `cartridge-reload status` tells";
		break;
	case EFFECT_PUSH:
		means = "Cartridge's change of the config goes on without a "
		    "limit, `push --dry-run` tells how it ended";
		break;
	case EFFECT_NATIVE:
		means = "Cartridge's own reload goes on without a limit, "
		    "`cartridge-reload status` tells how it ended";
		break;
	}
	if (errand->kind->effect != EFFECT_EVAL &&
	    errand->kind->effect != EFFECT_PUSH &&
	    error->outcome != OUTCOME_TIMEOUT)
		means = "`cartridge-reload status` tells";
	/* What the instance was doing when it was heard of last. */
	if (errand->kind->effect == EFFECT_RELOAD && errand->phase[0] != '\0')
		len += (size_t)snprintf(error->message + len,
		    sizeof(error->message) - len, " (%s)", errand->phase);
	if (len < sizeof(error->message))
		snprintf(error->message + len, sizeof(error->message) - len,
		    "; %s", means);
}

/* It was not the instance itself that could not be talked to. */
static void
blame_relay(const struct errand *errand, struct error *error)
{
	struct error before = *error;

	if (errand->uri == NULL || error->outcome == OUTCOME_USAGE)
		return;
	error_set(error, before.outcome, before.code, "through %s: %s",
	    errand->target->name, before.message);
	error->transient = before.transient;
}

/* One that claims to have done something else has not said how it ended. */
static void
check_outcome(struct errand *errand)
{
	const struct errand_kind *kind = errand->kind;
	enum outcome outcome = errand->report.outcome;
	struct error error;

	if (kind->expects_any || outcome_exit(outcome) != 0 ||
	    outcome == kind->expected[0] || outcome == kind->expected[1])
		return;
	error_set(&error, OUTCOME_PROTOCOL, "bad_reply",
	    "the outcome of %s cannot be `%s`", kind->command,
	    outcome_word(outcome));
	report_fail(&errand->report, &error);
}

static void
close_session(struct errand *errand)
{
	session_free(errand->session);
	errand->session = NULL;
	free(errand->rest);
	errand->rest = NULL;
}

/* Makes the report of a session that is over. */
static void
make_report(struct errand *errand, enum session_state state,
    struct error *error)
{
	json_t *reply;

	if (state == SESSION_DONE) {
		reply = session_take_reply(errand->session);
		/* Its bytes are as many as those of a large reply. */
		close_session(errand);
		report_from_reply(&errand->report, errand->name, reply,
		    errand->uri != NULL);
		json_decref(reply);
		check_outcome(errand);
		if (errand->kind->wants_tree)
			report_parse_results(&errand->report);
	} else {
		blame_relay(errand, error);
		if (session_sent(errand->session))
			explain(errand, error);
		report_from_error(&errand->report, errand->name, error);
	}
	close_session(errand);
}

/* A try is over: that was it, or it is tried again later. */
static void
settle(struct errand *errand)
{
	int64_t now = clock_ms(), left = errand->until - now;
	int again;

	again = errand->kind->again != NULL ? errand->kind->again(errand) :
	    errand->report.transient;
	if (!again || left <= 0) {
		errand->state = ERRAND_DONE;
		return;
	}
	errand->state = ERRAND_WAITING;
	errand->next = now + (errand->delay < left ? errand->delay : left);
	errand->delay = errand->delay * 3 / 2 < RETRY_MAX_MS ?
	    errand->delay * 3 / 2 : RETRY_MAX_MS;
	strlcpy(errand->phase, "waiting", sizeof(errand->phase));
	if (errand->kind->on_waiting != NULL)
		errand->kind->on_waiting(errand);
}

enum errand_state
errand_step(struct errand *errand)
{
	struct error error;
	enum session_state state;

	if (errand->state == ERRAND_WAITING && clock_ms() >= errand->next) {
		/* No time is left for another try: the last one counts. */
		if (errand->limit != 0 && errand->next >= errand->limit) {
			errand->state = ERRAND_DONE;
			return errand->state;
		}
		report_finish(&errand->report);
		try(errand);
	}
	if (errand->state != ERRAND_TALKING)
		return errand->state;
	if ((state = session_step(errand->session, &error)) == SESSION_BUSY)
		return errand->state;
	make_report(errand, state, &error);
	settle(errand);
	return errand->state;
}

int
errand_is_begun(const struct errand *errand)
{
	return errand->state == ERRAND_TALKING &&
	    session_sent(errand->session);
}

void
errand_give_up(struct errand *errand)
{
	struct error error;
	int sent;

	if (errand->state == ERRAND_TALKING) {
		sent = session_sent(errand->session);
		error_set(&error, OUTCOME_TIMEOUT, "interrupted",
		    "given up after %g s%s", clock_seconds(errand->tried,
		    clock_ms()), !sent ? ", before the request was sent" :
		    errand->kind->effect == EFFECT_NONE ? "" :
		    ", it may still be running");
		if (sent)
			explain(errand, &error);
		report_from_error(&errand->report, errand->name, &error);
		close_session(errand);
	}
	errand->state = ERRAND_DONE;
}

void
errand_finish(struct errand *errand)
{
	close_session(errand);
}
