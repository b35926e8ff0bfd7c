/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/command.h"
#include "cli/request_args.h"
#include "cli/selection.h"
#include "output/term.h"
#include "rollout/cluster.h"
#include "rollout/fleet.h"
#include "rollout/health.h"
#include "rollout/job.h"
#include "rollout/preflight.h"
#include "rollout/scheduler.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/json_util.h"
#include "util/signals.h"

/* The delay between two searches for targets, in milliseconds. */
#define LOOK_AGAIN_MS	100

/*
 * The default maximum number of instances on which a read-only command runs in
 * parallel.
 */
#define JOBS_MANY	64
/*
 * The default maximum number of parallel read-only jobs with --cluster.  It is
 * lower than JOBS_MANY, because one gateway may have to relay all requests.
 */
#define JOBS_RELAYED	16

/* Changes the error to say that the search for targets was interrupted. */
static void
set_interrupted(struct error *error)
{
	struct error before = *error;

	error_set(error, before.code, "interrupted: %s",
	    before.message);
}

int
command_targets(const struct options *options, struct targets *targets,
    struct error *error)
{
	int64_t until = clock_ms() + (int64_t)(options->wait * 1000);
	struct pollfd pfd = { .fd = signals_begin(), .events = POLLIN };
	int result;

	/* With --wait, search again: instances may still be starting. */
	while ((result = selection_find(options, targets, error)) == -1 &&
	    error->transient && clock_ms() < until &&
	    signals_count() == 0) {
		targets_finish(targets);
		poll(&pfd, 1, LOOK_AGAIN_MS);
	}
	if (result == -1 && signals_count() > 0)
		set_interrupted(error);
	signals_end();
	return result;
}

static int
is_mutating(const struct options *options)
{
	return (options->command->flags & CMD_MUTATES) != 0;
}

static size_t
read_only_parallelism(const struct fleet *fleet)
{
	size_t jobs = fleet->options->jobs;

	if (jobs != 0 && !is_mutating(fleet->options))
		return jobs;
	if (fleet->options->cluster)
		return jobs > JOBS_RELAYED ? jobs : JOBS_RELAYED;
	return jobs > JOBS_MANY ? jobs : JOBS_MANY;
}

static int
is_reload(const struct options *options)
{
	return (options->command->flags & CMD_RELOADS) != 0;
}

static int
is_plan(const struct options *options)
{
	return (options->command->flags & CMD_PLANS) != 0;
}

static enum side_effect
side_effect_of(const struct options *options)
{
	if (options->dry_run)
		return EFFECT_NONE;
	return is_reload(options) && options->method == METHOD_NATIVE ?
	    EFFECT_NATIVE : options->command->effect;
}

/* Returns the set of outcomes that count as a success. */
static unsigned
expected_of(const struct options *options)
{
	if (options->dry_run)
		return OUTCOME_BIT(OUTCOME_PLANNED) |
		    OUTCOME_BIT(OUTCOME_UNCHANGED);
	return options->command->expected |
	    (options->if_changed ? OUTCOME_BIT(OUTCOME_UNCHANGED) : 0);
}

static int
retry_until_healthy(const struct job *job)
{
	return !report_is_short(&job->report) &&
	    !health_ok(&job->report, job->was_unhealthy);
}

static int
run_command(struct fleet *fleet, const json_t *args, struct error *error)
{
	const struct options *options = fleet->options;
	struct job_spec spec, health;
	struct batch batch = { .spec = &spec };
	int result;

	if (job_spec_init(&spec, args, options->timeout, options->cluster,
	    error) == -1)
		return -1;
	memset(&health, 0, sizeof(health));
	spec.expected = expected_of(options);
	spec.side_effect = side_effect_of(options);
	spec.parse_results = options->output->wants_tree;
	batch.jobs = !is_mutating(options) ? read_only_parallelism(fleet) :
	    options->jobs > 0 ? options->jobs : 1;
	batch.by_group = is_reload(options);
	batch.stop_on_failure = is_mutating(options) && !options->keep_going;
	if (is_reload(options) && fleet->count > 1) {
		if (preflight_spec_init(&health, options, error) == -1) {
			job_spec_finish(&spec);
			return -1;
		}
		health.should_retry = retry_until_healthy;
		batch.health = &health;
	}
	result = scheduler_run(fleet, &batch, error);
	job_spec_finish(&health);
	job_spec_finish(&spec);
	return result;
}

/*
 * Discards the preflight replies of a command that was interrupted or refused,
 * so that the members count as not attempted.
 */
static void
discard_answers(struct fleet *fleet)
{
	struct member *member;
	size_t i;

	for (i = 0; i < fleet->count; i++) {
		member = &fleet->members[i];
		if (member->state != MEMBER_DONE)
			continue;
		report_finish(&member->report);
		member->state = MEMBER_WAITING;
	}
}

/*
 * Before the command runs, prints the reports of the members that have already
 * failed.
 */
static void
report_failures(struct fleet *fleet)
{
	size_t i;

	for (i = 0; i < fleet->count; i++)
		if (fleet->members[i].state == MEMBER_DONE)
			fleet_report(fleet, &fleet->members[i]);
}

/*
 * Refuses the command for the whole cluster.  Reports the error as a failure of
 * the gateway.  All other members count as not attempted.  Also prints the
 * errors of the members that failed in the preflight.
 */
static void
refuse_all(struct fleet *fleet, const struct error *error)
{
	struct member *gateway = cluster_gateway(fleet);
	size_t i;

	for (i = 0; i < fleet->count; i++)
		if (fleet->members[i].state == MEMBER_DONE &&
		    fleet->members[i].report.instance != NULL)
			output_error(fleet->context,
			    fleet->members[i].report.instance);
	discard_answers(fleet);
	fleet->stopped = 1;
	report_from_error(&gateway->report, gateway->name, error);
	fleet_report(fleet, gateway);
}

/*
 * Runs the preflight.  Returns 0 if the command may run, 1 if it must not run,
 * or -1 with an error.
 */
static int
run_preflight(struct fleet *fleet, struct error *refusal, struct error *error)
{
	const struct options *options = fleet->options;
	int must_pass = is_reload(options), result;

	result = preflight_run(fleet, read_only_parallelism(fleet), error);
	if (result == -1)
		return -1;
	if (fleet->interrupts > 0) {
		discard_answers(fleet);
		return 1;
	}
	if (options->cluster && must_pass && !options->keep_going &&
	    preflight_check_reachable(fleet, refusal) == -1) {
		refuse_all(fleet, refusal);
		return 1;
	}
	if (options->cluster && !options->allow_mixed &&
	    preflight_check_digests(fleet, refusal) == -1) {
		if (must_pass) {
			refuse_all(fleet, refusal);
			return 1;
		}
		fleet->refusal = refusal;
	}
	report_failures(fleet);
	if (must_pass && !options->keep_going && preflight_failures(fleet) > 0)
		return 1;
	return 0;
}

/*
 * Returns a copy of the given arguments, with "verbose" added if phases are to
 * be shown.  Returns NULL if out of memory.
 */
static json_t *
args_for_run(const struct fleet *fleet, const json_t *given)
{
	const struct options *options = fleet->options;
	json_t *args = json_copy_strict(given);

	/*
	 * The progress line shows phases.  Make the request verbose, because
	 * instances report all phases only if asked to be verbose.
	 */
	if (!options->quiet &&
	    term_use_progress(options->progress, fleet->context->err) &&
	    json_object_set_new(args, "verbose", json_true()) == -1) {
		json_decref(args);
		return NULL;
	}
	return args;
}

static int
build_fleet(struct fleet *fleet, const struct targets *targets,
    struct error *error)
{
	const struct target *target;
	size_t i;

	if (fleet->options->cluster)
		return cluster_join(fleet, &targets->list[0], error);
	for (i = 0; i < targets->count; i++) {
		target = &targets->list[i];
		if (fleet_add(fleet, target, target->name, target->instance,
		    NULL, error) == NULL)
			return -1;
	}
	return 0;
}

/* Runs the preflight if the command requires it, and then the command. */
static int
run_phases(struct fleet *fleet, const json_t *given, struct error *error)
{
	const struct options *options = fleet->options;
	struct error refusal;
	json_t *args;
	int result = 0;

	if ((is_reload(options) && fleet->count > 1) ||
	    (is_plan(options) && options->cluster))
		result = run_preflight(fleet, &refusal, error);
	else
		/*
		 * Print the reports of the members that failed because they
		 * have no address.
		 */
		report_failures(fleet);
	if (result != 0)
		return result == 1 ? 0 : -1;
	if ((args = args_for_run(fleet, given)) == NULL)
		return error_out_of_memory(error);
	result = run_command(fleet, args, error);
	json_decref(args);
	fleet->refusal = NULL;
	return result;
}

/*
 * Adds a member without a report to `skipped` or `not_attempted`.  Returns 0,
 * or -1 if out of memory.
 */
static int
add_member(const struct member *member, json_t *not_attempted, json_t *skipped)
{
	json_t *name;
	char *escaped;
	int result;

	/* The name may contain a path, which is not necessarily UTF-8. */
	if ((escaped = escape_text(member->name, strlen(member->name),
	    1)) == NULL)
		return -1;
	if ((name = json_string(member->name)) == NULL)
		name = json_string(escaped);
	free(escaped);
	if (member->state != MEMBER_SKIPPED)
		return json_array_append_new(not_attempted, name);
	result = json_array_append_new(skipped, json_pack("{s:o, s:s}",
	    "target", name, "reason", member->skipped));
	return result;
}

/*
 * Whether all instances were skipped.  If so, sets an error that lists the
 * reasons, because a run in which nothing was done is not a success.
 */
static int
are_all_skipped(const struct fleet *fleet, struct error *error)
{
	const char *reason, *said = NULL;
	char reasons[256] = "";
	size_t i;

	if (fleet->count == 0)
		return 0;
	for (i = 0; i < fleet->count; i++) {
		if (fleet->members[i].state != MEMBER_SKIPPED)
			return 0;
		reason = fleet->members[i].skipped;
		if (reason == NULL || (said != NULL &&
		    strcmp(reason, said) == 0) || strstr(reasons, reason))
			continue;
		if (said != NULL)
			strlcat(reasons, ", ", sizeof(reasons));
		strlcat(reasons, reason, sizeof(reasons));
		said = reason;
	}
	error_set(error, ERROR_ALL_SKIPPED,
	    "all %zu instances were skipped (%s); nothing was done",
	    fleet->count, reasons);
	return 1;
}

/*
 * Collects the reports and the names of the members without a report, and calls
 * output->end with them.  Returns 0, or -1 if out of memory.
 */
static int
write_document(const struct fleet *fleet, struct output_run *run)
{
	const struct member *member;
	json_t *instances = json_array(), *not_attempted = json_array();
	json_t *skipped = json_array(), *preflights = json_array();
	size_t i;
	int result = 0;

	/*
	 * Each member appears exactly once in the output, even without a
	 * report.
	 */
	for (i = 0; i < fleet->count; i++) {
		member = &fleet->members[i];
		if (member->preflight != NULL)
			result |= json_array_append(preflights,
			    member->asked.instance);
		if (member->state != MEMBER_DONE)
			result |= add_member(member, not_attempted, skipped);
		else
			result |= json_array_append(instances,
			    member->report.instance);
	}
	run->instances = instances;
	run->not_attempted = not_attempted;
	run->skipped = skipped;
	if (is_plan(fleet->options) && json_array_size(preflights) > 0)
		run->preflights = preflights;
	if (result == 0)
		result = fleet->options->output->end(fleet->context, run);
	json_decref(preflights);
	json_decref(skipped);
	json_decref(not_attempted);
	json_decref(instances);
	return result;
}

/* Prints the members that were not attempted.  Returns their number. */
static size_t
log_not_attempted(const struct fleet *fleet)
{
	size_t i, count = 0;

	for (i = 0; i < fleet->count; i++) {
		if (fleet->members[i].state != MEMBER_WAITING)
			continue;
		output_message(fleet->context->err, fleet->members[i].name,
		    "not attempted");
		count++;
	}
	return count;
}

static enum outcome
worst_outcome(const struct fleet *fleet)
{
	const struct member *member;
	enum outcome worst = OUTCOME_OK;
	size_t i, done = 0;

	for (i = 0; i < fleet->count; i++) {
		member = &fleet->members[i];
		if (member->state == MEMBER_DONE)
			worst = done++ == 0 ? member->report.outcome :
			    outcome_graver(worst, member->report.outcome);
	}
	return worst;
}

enum outcome
command_run(const struct options *options, const struct targets *targets,
    const json_t *args, const struct output_context *given)
{
	struct output_context context = *given;
	struct output_run run = { .preflights = NULL };
	struct fleet fleet;
	struct error error, skipped;
	int result;

	fleet_init(&fleet, options, &context);
	fleet.signals_fd = signals_begin();
	context.targets = targets->count;
	result = build_fleet(&fleet, targets, &error);
	context.targets = fleet.count;
	if (result == 0 && !fleet.stopped)
		result = run_phases(&fleet, args, &error);
	run.outcome = worst_outcome(&fleet);
	/* The command has failed if any member was not attempted. */
	if (log_not_attempted(&fleet) > 0 && outcome_exit(run.outcome) == 0)
		run.outcome = OUTCOME_USAGE;
	if (result == 0 && are_all_skipped(&fleet, &skipped)) {
		output_message(context.err, NULL, skipped.message);
		run.outcome = skipped.outcome;
		run.error = &skipped;
	}
	if (result == -1) {
		output_message(context.err, NULL, error.message);
		run.outcome = OUTCOME_USAGE;
		run.error = &error;
	}
	if (write_document(&fleet, &run) != 0) {
		output_message(context.err, NULL, "out of memory");
		run.outcome = OUTCOME_USAGE;
	}
	/*
	 * Flush before signals_end, because afterwards a signal may end the
	 * process.
	 */
	output_flush(context.out);
	fflush(context.err);
	signals_end();
	fleet_finish(&fleet);
	return run.outcome;
}
