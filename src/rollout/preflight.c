/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rollout/health.h"
#include "rollout/preflight.h"

/* How much of a digest is enough to tell it from another, in characters. */
#define DIGEST_SHOWN	8

/* How many instances a message names at most. */
#define NAMES_MAX	8

static const json_t *
status_of(const struct member *member)
{
	return json_object_get(member->survey, "status");
}

/* Takes the answer of a member, which waits again if it was a good one. */
static int
take_answer(struct fleet *fleet, struct member *member)
{
	const json_t *status;
	const char *role;
	int leads;

	member->survey = json_incref(member->report.instance);
	if (outcome_exit(member->report.outcome) != 0)
		return 0;
	status = status_of(member);
	role = json_string_value(json_object_get(status, "role"));
	leads = role == NULL ? member->group >= GROUP_LEADERS :
	    strcmp(role, "leader") == 0;
	if (member->is_entry)
		member->group = leads ? GROUP_ENTRY_LEADER :
		    GROUP_ENTRY_FOLLOWER;
	else
		member->group = leads ? GROUP_LEADERS : GROUP_FOLLOWERS;
	member->was_sick = health_is_sick(member->survey);
	member->state = MEMBER_WAITING;
	report_finish(&member->report);
	if (json_is_true(json_object_get(status, "stateboard")))
		return fleet_skip(fleet, member,
		    "a stateboard, which has nothing to reload");
	return 0;
}

int
survey_kind_init(struct errand_kind *kind, const struct options *options,
    struct error *error)
{
	json_t *args = json_pack("{s:s}", "command", SURVEY_COMMAND);
	int result;

	if (args == NULL)
		return error_out_of_memory(error);
	result = errand_kind_init(kind, args, options->timeout,
	    options->cluster, error);
	json_decref(args);
	return result;
}

int
survey_run(struct fleet *fleet, size_t jobs, struct error *error)
{
	struct errand_kind kind;
	struct fleet_round round = { .kind = &kind, .jobs = jobs,
	    .is_silent = 1 };
	struct member *member;
	size_t i;
	int result;

	if (survey_kind_init(&kind, fleet->options, error) == -1)
		return -1;
	result = fleet_run(fleet, &round, error);
	errand_kind_finish(&kind);
	for (i = 0; i < fleet->count; i++) {
		member = &fleet->members[i];
		if (member->state == MEMBER_DONE &&
		    take_answer(fleet, member) == -1)
			result = error_out_of_memory(error);
	}
	return result;
}

size_t
survey_failures(const struct fleet *fleet)
{
	size_t i, count = 0;

	for (i = 0; i < fleet->count; i++)
		count += fleet->members[i].state == MEMBER_DONE ? 1 : 0;
	return count;
}

int
survey_is_lost(const struct member *member)
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

static size_t
count_digest(const struct fleet *fleet, const char *digest)
{
	const char *other;
	size_t i, count = 0;

	for (i = 0; i < fleet->count; i++) {
		other = digest_of(&fleet->members[i]);
		if (other != NULL && strcmp(other, digest) == 0)
			count++;
	}
	return count;
}

/* The digest of most; of the entry, if there are two such. */
static const char *
common_digest(const struct fleet *fleet)
{
	const char *digest, *common = NULL;
	size_t i, count, most = 0;

	for (i = 0; i < fleet->count; i++) {
		if ((digest = digest_of(&fleet->members[i])) == NULL ||
		    (common != NULL && strcmp(digest, common) == 0))
			continue;
		count = count_digest(fleet, digest);
		if (count > most ||
		    (count == most && fleet->members[i].is_entry)) {
			common = digest;
			most = count;
		}
	}
	return common;
}

/* Adds to the message, as far as there is room. */
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
survey_check_digests(const struct fleet *fleet, struct error *error)
{
	const char *digest, *common = common_digest(fleet);
	size_t i, others = 0;

	if (common == NULL)
		return 0;
	error_set(error, OUTCOME_REFUSED, "mixed_code",
	    "the code differs between the instances: ");
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
		add(error, ", and %zu more have others", others - NAMES_MAX);
	add(error, ", not %.*s as the rest; --allow-mixed goes on all the same",
	    DIGEST_SHOWN, common);
	return -1;
}

int
survey_check_lost(const struct fleet *fleet, struct error *error)
{
	size_t i, lost = 0;

	error_set(error, OUTCOME_REFUSED, "unreachable_instances",
	    "not all instances can be reached: ");
	for (i = 0; i < fleet->count; i++) {
		if (!survey_is_lost(&fleet->members[i]))
			continue;
		if (lost++ < NAMES_MAX)
			add(error, "%s%s", lost > 1 ? ", " : "",
			    fleet->members[i].name);
	}
	if (lost == 0)
		return 0;
	if (lost > NAMES_MAX)
		add(error, " and %zu more", lost - NAMES_MAX);
	add(error, "; --keep-going leaves them out");
	return -1;
}
