/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/scheduler.h"
#include "net/poller.h"
#include "output/term.h"
#include "rollout/health.h"
#include "rollout/job.h"
#include "util/clock.h"
#include "util/fdlimit.h"
#include "util/signals.h"

/* An instance gets at least this long to become healthy, in milliseconds. */
#define HEALTH_MIN_MS	1000

/* The maximum number of instances to name in a message. */
#define NAMES_MAX	4

/* A slot runs one job at a time.  There is one slot for each parallel job. */
struct slot {
	struct member	*member;	/* NULL if the slot is free */
	struct job	 job;
	int		 is_ready;
	int		 checks_health;	/* the job is a health check */
	int64_t		 tried;		/* when the reload started */
	struct report	 report;	/* report of the reload */
};

/* The state of a running batch. */
struct scheduler {
	struct fleet			*fleet;
	const struct batch		*batch;
	struct poller			*poller;
	struct slot			*slots;
	size_t				 jobs;
	size_t				 busy;
	struct member			**queue;	/* in execution order */
	size_t				 next;
	size_t				 total;
	size_t				 done;
	struct error			*error;
	int				 failed;	/* the error is set */
};

/* --- Notifications from jobs -----------------------------------------------*/

static struct fleet *
fleet_of(const struct job *job)
{
	return ((struct scheduler *)job->owner)->fleet;
}

static void
on_phase(const struct job *job)
{
	struct fleet *fleet = fleet_of(job);

	progress_doing(&fleet->progress, job->name, job->phase);
	if (fleet->context->verbose)
		fleet_log(fleet, job->name, job->phase);
}

/*
 * Shows on the progress line that a job is waiting for a retry.  With
 * --verbose, also logs the reason for the first retry of the job.
 */
static void
on_retry(const struct job *job)
{
	struct fleet *fleet = fleet_of(job);
	const json_t *message;

	progress_doing(&fleet->progress, job->name, "waiting");
	message = json_object_get(json_object_get(job->report.instance,
	    "error"), "message");
	if (!fleet->context->verbose || job->tries > 1 ||
	    !json_is_string(message))
		return;
	fleet_log(fleet, job->name, json_string_value(message));
	fleet_log(fleet, job->name, "waiting");
}

static const struct job_hooks hooks = { on_phase, on_retry };

/* --- Slots -----------------------------------------------------------------*/

static void
update_poller(struct scheduler *scheduler, struct slot *slot)
{
	const struct job *job = &slot->job;

	if (poller_set(scheduler->poller, (size_t)(slot - scheduler->slots),
	    slot->member == NULL ? -1 : job_fd(job),
	    (short)(slot->member == NULL ? 0 : job_events(job)),
	    scheduler->error) == -1)
		scheduler->failed = 1;
}

static void
start_job(struct scheduler *scheduler, struct slot *slot, struct member *member)
{
	struct fleet *fleet = scheduler->fleet;
	int64_t now = clock_ms();

	member->state = MEMBER_BUSY;
	memset(slot, 0, sizeof(*slot));
	slot->member = member;
	scheduler->busy++;
	progress_doing(&fleet->progress, member->name, "");
	job_begin(&slot->job, scheduler->batch->spec, &hooks, member->target,
	    member->name, member->uri, scheduler, now +
	    (int64_t)(fleet->options->wait * 1000), 0);
	update_poller(scheduler, slot);
}

/* Frees a slot.  The caller must have set the new state of the member. */
static void
release_slot(struct scheduler *scheduler, struct slot *slot)
{
	job_finish(&slot->job);
	slot->member = NULL;
	scheduler->busy--;
	update_poller(scheduler, slot);
}

static void
finish_job(struct scheduler *scheduler, struct slot *slot,
    const struct report *report)
{
	struct fleet *fleet = scheduler->fleet;
	struct member *member = slot->member;

	member->report = *report;
	fleet_check_identity(member);
	member->state = MEMBER_DONE;
	if (outcome_exit(member->report.outcome) != 0)
		fleet->failures++;
	release_slot(scheduler, slot);
	scheduler->done++;
	progress_done(&fleet->progress, scheduler->done);
	if (!scheduler->batch->defer_reports)
		fleet_report(fleet, member);
	if (scheduler->batch->stop_on_failure &&
	    outcome_exit(member->report.outcome) != 0)
		fleet->stopped = 1;
	/*
	 * End the run if a report cannot be written.  Ignore EPIPE, because a
	 * reader such as `head` may exit early.
	 */
	if (output_flush(fleet->context->out) == -1 && errno != EPIPE)
		fleet->stopped = 1;
}

/*
 * Starts the health check after a reload.  The check polls the status of the
 * instance until the instance is healthy or the time is up.
 */
static void
start_health_check(struct scheduler *scheduler, struct slot *slot)
{
	struct member *member = slot->member;
	int64_t now = clock_ms(), limit;

	/*
	 * Cartridge's health flag describes the whole cluster.  If another
	 * instance has already failed, ignore the flag: it may be bad because
	 * of that instance.
	 */
	if (scheduler->fleet->failures > 0)
		member->was_unhealthy = 1;
	slot->report = slot->job.report;
	slot->tried = slot->job.tried;
	slot->checks_health = 1;
	job_finish(&slot->job);
	limit = slot->tried +
	    (int64_t)(scheduler->batch->spec->timeout * 1000);
	if (limit < now + HEALTH_MIN_MS)
		limit = now + HEALTH_MIN_MS;
	progress_doing(&scheduler->fleet->progress, member->name, "recovering");
	job_begin(&slot->job, scheduler->batch->health, NULL, member->target,
	    member->name, member->uri, scheduler, limit, limit);
	slot->job.was_unhealthy = member->was_unhealthy;
	update_poller(scheduler, slot);
}

static void
finish_health_check(struct scheduler *scheduler, struct slot *slot)
{
	struct report *status = &slot->job.report;

	if (report_is_short(status))
		health_set_unknown(&slot->report);
	else if (!health_ok(status, slot->member->was_unhealthy))
		health_set_failed(&slot->report, status,
		    clock_seconds(slot->job.began, clock_ms()));
	report_finish(status);
	finish_job(scheduler, slot, &slot->report);
}

static void
step_slot(struct scheduler *scheduler, struct slot *slot)
{
	const struct report *report = &slot->job.report;

	if (job_step(&slot->job) != JOB_DONE) {
		update_poller(scheduler, slot);
	} else if (slot->checks_health) {
		finish_health_check(scheduler, slot);
	} else if (scheduler->batch->health != NULL &&
	    scheduler->fleet->interrupts == 0 &&
	    report->outcome != OUTCOME_UNCHANGED &&
	    outcome_exit(report->outcome) == 0) {
		update_poller(scheduler, slot);
		start_health_check(scheduler, slot);
	} else {
		finish_job(scheduler, slot, report);
	}
}

/* --- Interruptions ---------------------------------------------------------*/

/*
 * Cancels the job of a slot, and marks its member as done.  If the job is a
 * health check, the instance has already been reloaded.  In that case, prints
 * the report of the reload, and drops that of the health check.
 */
static void
cancel_job(struct scheduler *scheduler, struct slot *slot)
{
	struct job *job = &slot->job;

	job_cancel(job);
	if (slot->checks_health) {
		report_finish(&job->report);
		finish_job(scheduler, slot, &slot->report);
	} else {
		finish_job(scheduler, slot, &job->report);
	}
}

/*
 * Cancels a job if its request has not been sent or is read-only.  Lets any
 * other job finish.
 */
static void
cancel_if_safe(struct scheduler *scheduler, struct slot *slot)
{
	struct job *job = &slot->job;

	/*
	 * A health check may be cancelled too: it changes nothing, and no
	 * further reload is started after an interrupt.
	 */
	if (slot->checks_health || job->state == JOB_BACKOFF ||
	    (job_in_flight(job) && job->spec->side_effect == EFFECT_NONE)) {
		cancel_job(scheduler, slot);
	} else if (!job_in_flight(job)) {
		slot->member->state = MEMBER_WAITING;
		release_slot(scheduler, slot);
	}
}

static void
report_interrupt(struct scheduler *scheduler)
{
	char message[512];
	size_t i, named = 0, len;

	if (scheduler->busy == 0) {
		fleet_log(scheduler->fleet, NULL, "interrupted");
		return;
	}
	strlcpy(message, "interrupted; waiting for ", sizeof(message));
	for (i = 0; i < scheduler->jobs && named < NAMES_MAX; i++) {
		if (scheduler->slots[i].member == NULL)
			continue;
		if (named++ > 0)
			strlcat(message, ", ", sizeof(message));
		strlcat(message, scheduler->slots[i].member->name,
		    sizeof(message) / 2);
	}
	len = strlen(message);
	if (scheduler->busy > named)
		snprintf(message + len, sizeof(message) - len,
		    " and %zu more", scheduler->busy - named);
	strlcat(message, " (interrupt again to stop waiting)", sizeof(message));
	fleet_log(scheduler->fleet, NULL, message);
}

static void
handle_interrupt(struct scheduler *scheduler)
{
	struct fleet *fleet = scheduler->fleet;
	int first = fleet->interrupts == 0;
	size_t i;

	signals_clear();
	if (signals_count() == fleet->interrupts)
		return;
	fleet->interrupts = signals_count();
	fleet->stopped = 1;
	for (i = 0; i < scheduler->jobs; i++)
		if (scheduler->slots[i].member != NULL)
			cancel_if_safe(scheduler, &scheduler->slots[i]);
	if (first)
		report_interrupt(scheduler);
	if (fleet->interrupts < 2)
		return;
	for (i = 0; i < scheduler->jobs; i++)
		if (scheduler->slots[i].member != NULL)
			cancel_job(scheduler, &scheduler->slots[i]);
}

/* --- Batches ---------------------------------------------------------------*/

/*
 * Fills the queue with the waiting members.  If `by_group` is set, sorts them
 * by group, and keeps their order within a group.  Returns their number.
 */
static size_t
build_queue(const struct fleet *fleet, int by_group, struct member **queue)
{
	struct member *member;
	size_t i, count = 0;
	int group, last = by_group ? GROUP_GATEWAY_LEADER : 0;

	for (group = 0; group <= last; group++) {
		for (i = 0; i < fleet->count; i++) {
			member = &fleet->members[i];
			if (member->state == MEMBER_WAITING &&
			    (!by_group || (int)member->group == group))
				queue[count++] = member;
		}
	}
	return count;
}

static void
start_jobs(struct scheduler *scheduler)
{
	struct member **next;
	size_t i;

	for (i = 0; i < scheduler->jobs; i++) {
		if (scheduler->fleet->stopped || scheduler->failed ||
		    scheduler->next == scheduler->total ||
		    scheduler->busy == scheduler->jobs)
			return;
		if (scheduler->slots[i].member != NULL)
			continue;
		/* Wait until all jobs of the previous group are finished. */
		next = &scheduler->queue[scheduler->next];
		if (scheduler->batch->by_group && scheduler->busy > 0 &&
		    next[0]->group != next[-1]->group)
			return;
		scheduler->next++;
		start_job(scheduler, &scheduler->slots[i], *next);
	}
}

static void
mark_ready(size_t number, void *arg)
{
	struct scheduler *scheduler = arg;

	if (number < scheduler->jobs)
		scheduler->slots[number].is_ready = 1;
}

static void
wait_for_events(struct scheduler *scheduler)
{
	const struct progress *progress = &scheduler->fleet->progress;
	const struct slot *slot;
	int64_t now = clock_ms(), until = INT64_MAX, due;
	size_t i;

	progress_tick(&scheduler->fleet->progress, now);
	if (progress->on)
		until = progress->due;
	for (i = 0; i < scheduler->jobs; i++) {
		slot = &scheduler->slots[i];
		if (slot->member != NULL &&
		    (due = job_deadline(&slot->job)) < until)
			until = due;
	}
	poller_wait(scheduler->poller, until, mark_ready, scheduler);
}

static void
step_jobs(struct scheduler *scheduler)
{
	struct slot *slot;
	int64_t now = clock_ms();
	size_t i;

	for (i = 0; i < scheduler->jobs; i++) {
		slot = &scheduler->slots[i];
		if (slot->member == NULL || (!slot->is_ready &&
		    job_deadline(&slot->job) > now))
			continue;
		slot->is_ready = 0;
		step_slot(scheduler, slot);
	}
}

static void
run_batch(struct scheduler *scheduler)
{
	struct fleet *fleet = scheduler->fleet;
	size_t i;

	for (;;) {
		if (signals_count() > fleet->interrupts)
			handle_interrupt(scheduler);
		start_jobs(scheduler);
		if (scheduler->busy == 0 || scheduler->failed)
			break;
		wait_for_events(scheduler);
		step_jobs(scheduler);
	}
	/*
	 * The loop ends early if this program itself fails.  Cancel the jobs
	 * that are still running.
	 */
	for (i = 0; i < scheduler->jobs; i++)
		if (scheduler->slots[i].member != NULL)
			cancel_job(scheduler, &scheduler->slots[i]);
}

/*
 * Returns the number of jobs to run in parallel.  The open-file limit may
 * reduce this number.
 */
static size_t
choose_jobs(struct fleet *fleet, const struct batch *batch, size_t total)
{
	size_t wanted = batch->jobs < total ? batch->jobs : total, jobs;
	char message[128];

	jobs = fdlimit_ensure(wanted);
	if (jobs < wanted && !fleet->context->quiet) {
		snprintf(message, sizeof(message), "using %zu connections "
		    "instead of %zu: the open-file limit is too low", jobs,
		    wanted);
		fleet_log(fleet, NULL, message);
	}
	return jobs;
}

int
scheduler_run(struct fleet *fleet, const struct batch *batch,
    struct error *error)
{
	struct scheduler scheduler = { .fleet = fleet, .batch = batch,
	    .error = error };
	int on;

	scheduler.queue = calloc(fleet->count + 1, sizeof(struct member *));
	if (scheduler.queue == NULL)
		return error_out_of_memory(error);
	scheduler.total = build_queue(fleet, batch->by_group, scheduler.queue);
	scheduler.jobs = choose_jobs(fleet, batch, scheduler.total);
	on = !fleet->context->quiet &&
	    term_use_progress(fleet->options->progress, fleet->context->err);
	progress_start(&fleet->progress, fleet->context->err, on,
	    fleet->count == 1 ? 1 : scheduler.total, clock_ms());
	scheduler.slots = calloc(scheduler.jobs + 1, sizeof(*scheduler.slots));
	if (scheduler.slots == NULL) {
		error_out_of_memory(error);
		scheduler.failed = 1;
	} else if ((scheduler.poller = poller_new(scheduler.jobs + 1,
	    error)) == NULL ||
	    poller_set(scheduler.poller, scheduler.jobs, fleet->signals_fd,
	    POLLIN, error) == -1) {
		scheduler.failed = 1;
	} else {
		run_batch(&scheduler);
	}
	progress_clear(&fleet->progress);
	fleet->progress.on = 0;
	poller_free(scheduler.poller);
	free(scheduler.slots);
	free(scheduler.queue);
	return scheduler.failed ? -1 : 0;
}
