/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/fleet.h"
#include "util/array.h"

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
	targets_finish(&fleet->direct);
	free(fleet->members);
	fleet->members = NULL;
	fleet->count = 0;
}

struct member *
fleet_add(struct fleet *fleet, const struct target *target, const char *name,
    const char *alias, const char *uri, struct error *error)
{
	struct member *grown, *member;

	grown = array_grow(fleet->members, fleet->count, sizeof(*grown));
	if (grown == NULL) {
		error_out_of_memory(error);
		return NULL;
	}
	fleet->members = grown;
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

void
fleet_log(struct fleet *fleet, const char *target, const char *message)
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
		fleet_log(fleet, member->name, message);
	return (member->skipped = strdup(why)) != NULL ? 0 : -1;
}

int
fleet_expect(struct member *member, const char *uuid)
{
	return uuid != NULL && (member->uuid = strdup(uuid)) == NULL ? -1 : 0;
}

void
fleet_check_identity(struct member *member)
{
	struct report *report = &member->report;
	struct error error;
	const char *uuid, *alias;

	uuid = json_string_value(json_object_get(report->instance, "uuid"));
	alias = json_string_value(json_object_get(report->instance, "alias"));
	if (member->is_direct && member->alias != NULL && alias != NULL &&
	    strcmp(member->alias, alias) != 0) {
		error_set(&error, ERROR_WRONG_INSTANCE,
		    "the wrong instance answered: its name is %.64s, but the "
		    "topology says %.64s", alias, member->alias);
		report_fail(report, &error);
		return;
	}
	if (member->uuid == NULL || uuid == NULL ||
	    strcasecmp(member->uuid, uuid) == 0)
		return;
	error_set(&error, ERROR_WRONG_INSTANCE,
	    "the wrong instance answered: its UUID is %.64s, but the topology "
	    "says %.64s", uuid, member->uuid);
	report_fail(report, &error);
}

void
fleet_report(struct fleet *fleet, struct member *member)
{
	const struct output_context *context = fleet->context;
	struct report *report = &member->report;
	struct error error;

	member->state = MEMBER_DONE;
	if (member->is_gateway && fleet->refusal != NULL &&
	    outcome_exit(report->outcome) == 0)
		report_fail(report, fleet->refusal);
	report_name(report, member->alias);
	if (member->is_gateway && fleet->topology != NULL &&
	    (fleet->options->command->flags & CMD_TOPOLOGY) != 0 &&
	    json_object_set(report->instance, "topology",
	    fleet->topology) == -1)
		report_finish(report);
	/*
	 * If the report could not be built, try a shorter report, which may fit
	 * into the remaining memory.
	 */
	if (report->instance == NULL) {
		error_set(&error, ERROR_OUT_OF_MEMORY,
		    "out of memory while building the report");
		report_from_error(report, member->name, &error);
	}
	if (report->instance == NULL) {
		fleet_log(fleet, member->name, "out of memory");
		return;
	}
	progress_clear(&fleet->progress);
	fleet->options->output->instance(context, report->instance);
	/*
	 * Flush, so that diagnostics and later reports appear in the right
	 * order.
	 */
	output_flush(context->out);
	if (outcome_exit(report->outcome) != 0)
		output_error(context, report->instance);
	fflush(context->err);
}
