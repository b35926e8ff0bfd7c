/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/poller.h"
#include "output/term.h"
#include "rollout/fleet.h"
#include "rollout/health.h"
#include "util/clock.h"
#include "util/fdlimit.h"
#include "util/signals.h"

/* The least time that an instance has to recover, milliseconds. */
#define HEALTH_MIN_MS	1000

/* How many names a message has at most. */
#define NAMES_MAX	4

/* Who works on a member: one for each that may be busy at a time. */
struct worker {
	struct member	*member;	/* NULL if idle */
	struct job	 job;
	int		 is_ready;
	int		 checks_health;	/* after the job proper */
	int64_t		 tried;		/* the job proper began */
	struct report	 report;	/* of the job proper */
};

/* A batch while it runs. */
struct runner {
	struct fleet			*fleet;
	const struct batch	*batch;
	struct poller			*poller;
	struct worker			*workers;
	size_t				 jobs;
	size_t				 busy;
	struct member			**order;	/* whose turn it is */
	size_t				 next;
	size_t				 total;
	size_t				 done;
	struct error			*error;
	int				 failed;	/* on our side */
};

void
fleet_init(struct fleet *fleet, const struct options *options,
    const struct output_context *context)
{
	memset(fleet, 0, sizeof(*fleet));
	fleet->options = options;
	fleet->context = context;
	fleet->signals_fd = -1;
}

static void
member_finish(struct member *member)
{
	report_finish(&member->report);
	report_finish(&member->asked);
	free(member->skipped);
	free(member->uuid);
	free(member->uri);
	free(member->alias);
	free(member->name);
}

void
fleet_finish(struct fleet *fleet)
{
	size_t i;

	for (i = 0; i < fleet->count; i++)
		member_finish(&fleet->members[i]);
	json_decref(fleet->topology);
	fleet->topology = NULL;
	free(fleet->members);
	fleet->members = NULL;
	fleet->count = 0;
}

struct member *
fleet_add(struct fleet *fleet, const struct target *target, const char *name,
    const char *alias, const char *uri, struct error *error)
{
	struct member *grown, *member;

	/* Doubled at each power of two. */
	if ((fleet->count & (fleet->count - 1)) == 0) {
		grown = reallocarray(fleet->members,
		    fleet->count == 0 ? 1 : 2 * fleet->count, sizeof(*grown));
		if (grown == NULL) {
			error_out_of_memory(error);
			return NULL;
		}
		fleet->members = grown;
	}
	member = &fleet->members[fleet->count];
	memset(member, 0, sizeof(*member));
	member->target = target;
	if ((member->name = strdup(name)) == NULL ||
	    (alias != NULL && (member->alias = strdup(alias)) == NULL) ||
	    (uri != NULL && (member->uri = strdup(uri)) == NULL)) {
		member_finish(member);
		error_out_of_memory(error);
		return NULL;
	}
	fleet->count++;
	return member;
}

static void
say(struct fleet *fleet, const char *target, const char *message)
{
	progress_clear(&fleet->progress);
	output_message(fleet->context->err, target, message);
	fflush(fleet->context->err);
}

int
fleet_skip(struct fleet *fleet, struct member *member, const char *why)
{
	char message[128];

	member->state = MEMBER_SKIPPED;
	snprintf(message, sizeof(message), "skipped: %s", why);
	if (!fleet->context->quiet)
		say(fleet, member->name, message);
	return (member->skipped = strdup(why)) != NULL ? 0 : -1;
}

int
fleet_expect(struct member *member, const char *uuid)
{
	return uuid != NULL && (member->uuid = strdup(uuid)) == NULL ? -1 : 0;
}

/* An address may have become that of another instance. */
static void
check_identity(const struct member *member, struct report *report)
{
	struct error error;
	const char *uuid;

	uuid = json_string_value(json_object_get(report->instance, "uuid"));
	if (member->uuid == NULL || uuid == NULL ||
	    strcasecmp(member->uuid, uuid) == 0)
		return;
	error_set(&error, OUTCOME_PROTOCOL, "wrong_instance",
	    "the answer is that of another instance: its uuid is %.64s, and "
	    "not %.64s as the topology says", uuid, member->uuid);
	report_fail(report, &error);
}

void
fleet_report(struct fleet *fleet, struct member *member)
{
	const struct output_context *context = fleet->context;
	struct report *report = &member->report;
	struct error error;

	member->state = MEMBER_DONE;
	if (member->is_entry && fleet->refusal != NULL &&
	    outcome_exit(report->outcome) == 0)
		report_fail(report, fleet->refusal);
	report_name(report, member->alias);
	if (member->is_entry && fleet->topology != NULL &&
	    fleet->options->command->bit == COMMAND_STATUS &&
	    json_object_set(report->instance, "topology",
	    fleet->topology) == -1)
		report_finish(report);
	/* There may be enough for a short one by now. */
	if (report->instance == NULL) {
		error_set(&error, OUTCOME_USAGE, "out_of_memory",
		    "out of memory for the report");
		report_from_error(report, member->name, &error);
	}
	if (report->instance == NULL) {
		say(fleet, member->name, "out of memory");
		return;
	}
	progress_clear(&fleet->progress);
	fleet->options->output->instance(context, report->instance);
	/* Before the diagnostics, and before the next takes its time. */
	output_flush(context->out);
	if (outcome_exit(report->outcome) != 0)
		output_error(context, report->instance);
	fflush(context->err);
}

/* --- What the jobs tell us while they run -------------------------------*/

static struct fleet *
fleet_of(const struct job *job)
{
	return ((struct runner *)job->owner)->fleet;
}

static void
on_phase(struct job *job)
{
	struct fleet *fleet = fleet_of(job);

	progress_doing(&fleet->progress, job->name, job->phase);
	if (fleet->context->verbose)
		say(fleet, job->name, job->phase);
}

/* Says once what --wait waits for. */
static void
on_waiting(struct job *job)
{
	struct fleet *fleet = fleet_of(job);
	const json_t *message;

	progress_doing(&fleet->progress, job->name, "waiting");
	message = json_object_get(json_object_get(job->report.instance,
	    "error"), "message");
	if (!fleet->context->verbose || job->tries > 1 ||
	    !json_is_string(message))
		return;
	say(fleet, job->name, json_string_value(message));
	say(fleet, job->name, "waiting");
}

/* --- A worker --------------------------------------------------------------*/

static void
watch(struct runner *runner, struct worker *worker)
{
	const struct job *job = &worker->job;

	if (poller_set(runner->poller, (size_t)(worker - runner->workers),
	    worker->member == NULL ? -1 : job_fd(job),
	    (short)(worker->member == NULL ? 0 : job_events(job)),
	    runner->error) == -1)
		runner->failed = 1;
}

static void
begin(struct runner *runner, struct worker *worker, struct member *member)
{
	struct fleet *fleet = runner->fleet;
	int64_t now = clock_ms();

	member->state = MEMBER_BUSY;
	memset(worker, 0, sizeof(*worker));
	worker->member = member;
	runner->busy++;
	progress_doing(&fleet->progress, member->name, "");
	job_begin(&worker->job, runner->batch->spec, member->target,
	    member->name, member->uri, runner, now +
	    (int64_t)(fleet->options->wait * 1000), 0);
	watch(runner, worker);
}

/* The member is done with: it has its report, or is as untouched as before. */
static void
end(struct runner *runner, struct worker *worker)
{
	job_finish(&worker->job);
	worker->member = NULL;
	runner->busy--;
	watch(runner, worker);
}

static void
end_with(struct runner *runner, struct worker *worker,
    const struct report *report)
{
	struct fleet *fleet = runner->fleet;
	struct member *member = worker->member;

	member->report = *report;
	check_identity(member, &member->report);
	member->state = MEMBER_DONE;
	if (outcome_exit(member->report.outcome) != 0)
		fleet->casualties++;
	end(runner, worker);
	runner->done++;
	progress_done(&fleet->progress, runner->done);
	if (!runner->batch->defer_reports)
		fleet_report(fleet, member);
	if (runner->batch->stop_on_failure &&
	    outcome_exit(member->report.outcome) != 0)
		fleet->stopped = 1;
	/*
	 * A report that is lost ends the run; a reader that has left, as in
	 * `| head`, had enough of it and does not.
	 */
	if (output_flush(fleet->context->out) == -1 && errno != EPIPE)
		fleet->stopped = 1;
}

/* Asks the one that was just reloaded how it is, until it is well. */
static void
begin_health(struct runner *runner, struct worker *worker)
{
	struct member *member = worker->member;
	int64_t now = clock_ms(), limit;

	/* What Cartridge calls healthy is the whole cluster. */
	if (runner->fleet->casualties > 0)
		member->was_unhealthy = 1;
	worker->report = worker->job.report;
	worker->tried = worker->job.tried;
	worker->checks_health = 1;
	job_finish(&worker->job);
	limit = worker->tried +
	    (int64_t)(runner->batch->spec->timeout * 1000);
	if (limit < now + HEALTH_MIN_MS)
		limit = now + HEALTH_MIN_MS;
	progress_doing(&runner->fleet->progress, member->name, "recovering");
	job_begin(&worker->job, runner->batch->health, member->target,
	    member->name, member->uri, runner, limit, limit);
	worker->job.was_unhealthy = member->was_unhealthy;
	watch(runner, worker);
}

static void
end_health(struct runner *runner, struct worker *worker)
{
	struct report *status = &worker->job.report;

	if (report_is_short(status))
		health_set_unknown(&worker->report);
	else if (!health_ok(status, worker->member->was_unhealthy))
		health_set_failed(&worker->report, status,
		    clock_seconds(worker->job.began, clock_ms()));
	report_finish(status);
	end_with(runner, worker, &worker->report);
}

static void
step(struct runner *runner, struct worker *worker)
{
	const struct report *report = &worker->job.report;

	if (job_step(&worker->job) != JOB_DONE) {
		watch(runner, worker);
	} else if (worker->checks_health) {
		end_health(runner, worker);
	} else if (runner->batch->health != NULL &&
	    runner->fleet->interrupts == 0 &&
	    report->outcome != OUTCOME_UNCHANGED &&
	    outcome_exit(report->outcome) == 0) {
		watch(runner, worker);
		begin_health(runner, worker);
	} else {
		end_with(runner, worker, report);
	}
}

/* --- Interruptions ---------------------------------------------------------*/

/* Leaves what nothing has begun of, and waits for the rest. */
static void
leave(struct runner *runner, struct worker *worker)
{
	struct job *job = &worker->job;

	if (worker->checks_health) {
		/* The reload is done; there is no next that it matters to. */
		job_cancel(job);
		report_finish(&job->report);
		end_with(runner, worker, &worker->report);
	} else if (job->state == JOB_BACKOFF || (job_in_flight(job) &&
	    job->spec->side_effect == EFFECT_NONE)) {
		job_cancel(job);
		end_with(runner, worker, &job->report);
	} else if (!job_in_flight(job)) {
		worker->member->state = MEMBER_WAITING;
		end(runner, worker);
	}
}

static void
say_interrupted(struct runner *runner)
{
	char message[512];
	size_t i, named = 0, len;

	if (runner->busy == 0) {
		say(runner->fleet, NULL, "interrupted");
		return;
	}
	strlcpy(message, "interrupted: waiting for ", sizeof(message));
	for (i = 0; i < runner->jobs && named < NAMES_MAX; i++) {
		if (runner->workers[i].member == NULL)
			continue;
		if (named++ > 0)
			strlcat(message, ", ", sizeof(message));
		strlcat(message, runner->workers[i].member->name,
		    sizeof(message) / 2);
	}
	len = strlen(message);
	if (runner->busy > named)
		snprintf(message + len, sizeof(message) - len,
		    " and %zu more", runner->busy - named);
	strlcat(message, "; once more gives up", sizeof(message));
	say(runner->fleet, NULL, message);
}

static void
interrupted(struct runner *runner)
{
	struct fleet *fleet = runner->fleet;
	struct worker *worker;
	int first = fleet->interrupts == 0;
	size_t i;

	signals_clear();
	if (signals_count() == fleet->interrupts)
		return;
	fleet->interrupts = signals_count();
	fleet->stopped = 1;
	for (i = 0; i < runner->jobs; i++)
		if (runner->workers[i].member != NULL)
			leave(runner, &runner->workers[i]);
	if (first)
		say_interrupted(runner);
	if (fleet->interrupts < 2)
		return;
	for (i = 0; i < runner->jobs; i++) {
		worker = &runner->workers[i];
		if (worker->member == NULL)
			continue;
		job_cancel(&worker->job);
		end_with(runner, worker, &worker->job.report);
	}
}

/* --- A batch ---------------------------------------------------------------*/

/* Members in the order of their turns; within a group as they were given. */
static size_t
line_up(const struct fleet *fleet, int by_group, struct member **order)
{
	struct member *member;
	size_t i, count = 0;
	int group, last = by_group ? GROUP_ENTRY_LEADER : 0;

	for (group = 0; group <= last; group++) {
		for (i = 0; i < fleet->count; i++) {
			member = &fleet->members[i];
			if (member->state == MEMBER_WAITING &&
			    (!by_group || (int)member->group == group))
				order[count++] = member;
		}
	}
	return count;
}

static void
begin_some(struct runner *runner)
{
	struct member **next;
	size_t i;

	for (i = 0; i < runner->jobs; i++) {
		if (runner->fleet->stopped || runner->failed ||
		    runner->next == runner->total ||
		    runner->busy == runner->jobs)
			return;
		if (runner->workers[i].member != NULL)
			continue;
		/* A group begins when the one before it is done. */
		next = &runner->order[runner->next];
		if (runner->batch->by_group && runner->busy > 0 &&
		    next[0]->group != next[-1]->group)
			return;
		runner->next++;
		begin(runner, &runner->workers[i], *next);
	}
}

static void
note_ready(size_t slot, void *arg)
{
	struct runner *runner = arg;

	if (slot < runner->jobs)
		runner->workers[slot].is_ready = 1;
}

static void
wait_for_some(struct runner *runner)
{
	const struct progress *progress = &runner->fleet->progress;
	const struct worker *worker;
	int64_t now = clock_ms(), until = INT64_MAX, due;
	size_t i;

	progress_tick(&runner->fleet->progress, now);
	if (progress->on)
		until = progress->due;
	for (i = 0; i < runner->jobs; i++) {
		worker = &runner->workers[i];
		if (worker->member != NULL &&
		    (due = job_deadline(&worker->job)) < until)
			until = due;
	}
	poller_wait(runner->poller, until, note_ready, runner);
}

static void
step_some(struct runner *runner)
{
	struct worker *worker;
	int64_t now = clock_ms();
	size_t i;

	for (i = 0; i < runner->jobs; i++) {
		worker = &runner->workers[i];
		if (worker->member == NULL || (!worker->is_ready &&
		    job_deadline(&worker->job) > now))
			continue;
		worker->is_ready = 0;
		step(runner, worker);
	}
}

static void
run(struct runner *runner)
{
	struct fleet *fleet = runner->fleet;
	size_t i;

	for (;;) {
		if (signals_count() > fleet->interrupts)
			interrupted(runner);
		begin_some(runner);
		if (runner->busy == 0 || runner->failed)
			break;
		wait_for_some(runner);
		step_some(runner);
	}
	/* Only if something broke on our side are there any left. */
	for (i = 0; i < runner->jobs; i++) {
		if (runner->workers[i].member == NULL)
			continue;
		job_cancel(&runner->workers[i].job);
		end_with(runner, &runner->workers[i],
		    &runner->workers[i].job.report);
	}
}

/* As many at a time as were asked for and can be. */
static size_t
choose_jobs(struct fleet *fleet, const struct batch *batch, size_t total)
{
	size_t wanted = batch->jobs < total ? batch->jobs : total, jobs;
	char message[128];

	jobs = fdlimit_ensure(wanted);
	if (jobs < wanted && !fleet->context->quiet) {
		snprintf(message, sizeof(message), "only %zu at a time, not "
		    "%zu: the limit of open files is too low", jobs, wanted);
		say(fleet, NULL, message);
	}
	return jobs;
}

int
fleet_run(struct fleet *fleet, const struct batch *batch,
    struct error *error)
{
	struct runner runner = { .fleet = fleet, .batch = batch,
	    .error = error };
	int on;

	batch->spec->on_phase = on_phase;
	batch->spec->on_waiting = on_waiting;
	runner.order = calloc(fleet->count + 1, sizeof(struct member *));
	if (runner.order == NULL)
		return error_out_of_memory(error);
	runner.total = line_up(fleet, batch->by_group, runner.order);
	runner.jobs = choose_jobs(fleet, batch, runner.total);
	on = !fleet->context->quiet &&
	    term_use_progress(fleet->options->progress, fleet->context->err);
	progress_start(&fleet->progress, fleet->context->err, on,
	    fleet->count == 1 ? 1 : runner.total, clock_ms());
	runner.workers = calloc(runner.jobs + 1, sizeof(*runner.workers));
	if (runner.workers == NULL) {
		error_out_of_memory(error);
		runner.failed = 1;
	} else if ((runner.poller = poller_new(runner.jobs + 1,
	    error)) == NULL ||
	    poller_set(runner.poller, runner.jobs, fleet->signals_fd, POLLIN,
	    error) == -1) {
		runner.failed = 1;
	} else {
		run(&runner);
	}
	progress_clear(&fleet->progress);
	fleet->progress.on = 0;
	poller_free(runner.poller);
	free(runner.workers);
	free(runner.order);
	return runner.failed ? -1 : 0;
}
