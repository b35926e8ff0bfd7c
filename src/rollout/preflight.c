/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/preflight.h"
#include "rollout/health.h"
#include "rollout/scheduler.h"

/* The number of digest characters to print. */
#define DIGEST_SHOWN	8

/* The maximum number of instances to name in a message. */
#define NAMES_MAX	8

static const json_t *
status_of(const struct member *member)
{
	return json_object_get(member->preflight, "status");
}

/*
 * Stores a member's reply to the preflight.  On success, marks the member as
 * waiting for the command itself, or as skipped if it is a stateboard.
 */
static int
take_answer(struct fleet *fleet, struct member *member)
{
	const json_t *status;
	const char *role;
	int leads;

	if (outcome_exit(member->report.outcome) != 0) {
		member->asked.instance = json_incref(member->report.instance);
		member->preflight = member->asked.instance;
		return 0;
	}
	member->asked = member->report;
	memset(&member->report, 0, sizeof(member->report));
	member->preflight = member->asked.instance;
	status = status_of(member);
	role = json_string_value(json_object_get(status, "role"));
	leads = role == NULL ? member->group >= GROUP_LEADERS :
	    strcmp(role, "leader") == 0;
	if (member->is_gateway)
		member->group = leads ? GROUP_GATEWAY_LEADER :
		    GROUP_GATEWAY_FOLLOWER;
	else
		member->group = leads ? GROUP_LEADERS : GROUP_FOLLOWERS;
	member->was_unhealthy = health_reported_unhealthy(member->preflight);
	member->state = MEMBER_WAITING;
	if (json_is_true(json_object_get(status, "stateboard")))
		return fleet_skip(fleet, member,
		    "a stateboard has nothing to reload");
	return 0;
}

int
preflight_spec_init(struct job_spec *spec, const struct options *options,
    struct error *error)
{
	json_t *args = json_pack("{s:s}", "command", "preflight");
	int result;

	if (args == NULL)
		return error_out_of_memory(error);
	result = job_spec_init(spec, args, options->timeout,
	    options->cluster, error);
	json_decref(args);
	spec->expected = OUTCOME_BIT(OUTCOME_OK);
	return result;
}

static const char *
uuid_of(const struct member *member)
{
	return json_string_value(json_object_get(member->preflight, "uuid"));
}

static json_int_t
pid_of(const struct member *member)
{
	return json_integer_value(json_object_get(status_of(member), "pid"));
}

/* Orders members by UUID and pid.  Equal members keep their order. */
static int
compare_instances(const void *a, const void *b)
{
	const struct member *one = *(struct member *const *)a;
	const struct member *other = *(struct member *const *)b;
	int result;

	if ((result = strcmp(uuid_of(one), uuid_of(other))) != 0)
		return result;
	if (pid_of(one) != pid_of(other))
		return pid_of(one) < pid_of(other) ? -1 : 1;
	return one < other ? -1 : one > other;
}

/*
 * Skips each member whose socket leads to the same process as the socket of an
 * earlier member.  Returns 0, or -1 if out of memory.
 */
static int
skip_duplicates(struct fleet *fleet)
{
	struct member **list, *member, *first;
	char why[128];
	size_t i, count = 0;
	int result = 0;

	list = calloc(fleet->count + 1, sizeof(struct member *));
	if (list == NULL)
		return -1;
	for (i = 0; i < fleet->count; i++) {
		member = &fleet->members[i];
		if (member->state == MEMBER_WAITING &&
		    member->preflight != NULL && uuid_of(member) != NULL &&
		    pid_of(member) > 0)
			list[count++] = member;
	}
	if (count > 0)
		qsort(list, count, sizeof(struct member *), compare_instances);
	first = list[0];
	for (i = 1; i < count && result == 0; i++) {
		if (strcmp(uuid_of(list[i]), uuid_of(first)) != 0 ||
		    pid_of(list[i]) != pid_of(first)) {
			first = list[i];
			continue;
		}
		snprintf(why, sizeof(why), "the same instance as %.90s",
		    first->name);
		result = fleet_skip(fleet, list[i], why);
	}
	free(list);
	return result;
}

int
preflight_run(struct fleet *fleet, size_t jobs, struct error *error)
{
	struct job_spec spec;
	struct batch batch = { .spec = &spec, .jobs = jobs,
	    .defer_reports = 1 };
	struct member *member;
	size_t i;
	int result;

	if (preflight_spec_init(&spec, fleet->options, error) == -1)
		return -1;
	result = scheduler_run(fleet, &batch, error);
	job_spec_finish(&spec);
	for (i = 0; i < fleet->count; i++) {
		member = &fleet->members[i];
		if (member->state == MEMBER_DONE &&
		    take_answer(fleet, member) == -1)
			result = error_out_of_memory(error);
	}
	if (result == 0 && !fleet->options->cluster &&
	    skip_duplicates(fleet) == -1)
		result = error_out_of_memory(error);
	return result;
}

size_t
preflight_failures(const struct fleet *fleet)
{
	size_t i, count = 0;

	for (i = 0; i < fleet->count; i++)
		count += fleet->members[i].state == MEMBER_DONE ? 1 : 0;
	return count;
}

int
preflight_is_lost(const struct member *member)
{
	return member->state == MEMBER_DONE &&
	    !report_is_short(&member->report) &&
	    (member->report.outcome == OUTCOME_UNREACHABLE ||
	    member->report.outcome == OUTCOME_TIMEOUT ||
	    member->report.outcome == OUTCOME_PROTOCOL);
}

static const char *
digest_of(const struct member *member)
{
	return json_string_value(json_object_get(status_of(member), "digest"));
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Returns the most frequent digest.  If several are equally frequent, prefers
 * the digest of the gateway.
 */
static const char *
find_common(const char **digests, size_t count, const char *of_gateway)
{
	const char *common = NULL;
	size_t i, run = 0, most = 0;

	if (count > 0)
		qsort(digests, count, sizeof(*digests), compare_texts);
	for (i = 0; i < count; i++) {
		run = i > 0 && strcmp(digests[i], digests[i - 1]) == 0 ?
		    run + 1 : 1;
		if (run > most || (run == most && of_gateway != NULL &&
		    strcmp(digests[i], of_gateway) == 0)) {
			common = digests[i];
			most = run;
		}
	}
	return common;
}

/*
 * Sets *common to the most frequent digest of the code on disk, or to NULL if
 * none is known.  Returns 0, or -1 if out of memory.
 */
static int
common_digest(const struct fleet *fleet, const char **common)
{
	const char **digests, *digest, *of_gateway = NULL;
	size_t i, count = 0;

	if ((digests = calloc(fleet->count + 1, sizeof(*digests))) == NULL)
		return -1;
	for (i = 0; i < fleet->count; i++) {
		if ((digest = digest_of(&fleet->members[i])) == NULL)
			continue;
		digests[count++] = digest;
		if (fleet->members[i].is_gateway)
			of_gateway = digest;
	}
	*common = find_common(digests, count, of_gateway);
	free(digests);
	return 0;
}

/* Appends text to the message of an error, and drops what does not fit. */
static void __attribute__((format(printf, 2, 3)))
add(struct error *error, const char *fmt, ...)
{
	size_t len = strlen(error->message);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error->message + len, sizeof(error->message) - len, fmt, ap);
	va_end(ap);
}

int
preflight_check_digests(const struct fleet *fleet, struct error *error)
{
	const char *digest, *common;
	size_t i, others = 0;

	if (common_digest(fleet, &common) == -1)
		return error_out_of_memory(error);
	if (common == NULL)
		return 0;
	error_set(error, ERROR_MIXED_CODE,
	    "the code on disk differs between instances: ");
	for (i = 0; i < fleet->count; i++) {
		digest = digest_of(&fleet->members[i]);
		if (digest == NULL || strcmp(digest, common) == 0)
			continue;
		if (others++ >= NAMES_MAX)
			continue;
		add(error, "%s%s has %.*s", others > 1 ? ", " : "",
		    fleet->members[i].name, DIGEST_SHOWN, digest);
	}
	if (others == 0)
		return 0;
	if (others > NAMES_MAX)
		add(error, ", and %zu more differ", others - NAMES_MAX);
	add(error, ", expected %.*s; use --allow-mixed to proceed anyway",
	    DIGEST_SHOWN, common);
	return -1;
}

int
preflight_check_reachable(const struct fleet *fleet, struct error *error)
{
	size_t i, lost = 0;

	error_set(error, ERROR_UNREACHABLE_INSTANCES,
	    "some instances cannot be reached: ");
	for (i = 0; i < fleet->count; i++) {
		if (!preflight_is_lost(&fleet->members[i]))
			continue;
		if (lost++ < NAMES_MAX)
			add(error, "%s%s", lost > 1 ? ", " : "",
			    fleet->members[i].name);
	}
	if (lost == 0)
		return 0;
	if (lost > NAMES_MAX)
		add(error, " and %zu more", lost - NAMES_MAX);
	add(error, "; use --keep-going to skip them");
	return -1;
}
