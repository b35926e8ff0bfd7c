/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/cluster.h"
#include "rollout/scheduler.h"

static const char *
string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

struct member *
cluster_gateway(const struct fleet *fleet)
{
	size_t i;

	for (i = 0; i < fleet->count; i++)
		if (fleet->members[i].is_gateway)
			return &fleet->members[i];
	return NULL;
}

/*
 * Asks the gateway, which must be the only member of the fleet, for the
 * topology.  Returns a new reference, or NULL if the run must end.  In that
 * case, the error message is empty if the gateway's failure has already been
 * printed or the run was interrupted.
 */
static json_t *
fetch_topology(struct fleet *fleet, struct error *error)
{
	struct job_spec spec;
	struct batch batch = { .spec = &spec, .jobs = 1,
	    .defer_reports = 1 };
	struct report *report = &fleet->members[0].report;
	json_t *args, *topology = NULL;
	int result;

	error->message[0] = '\0';
	args = json_pack("{s:s}", "command", "topology");
	if (args == NULL) {
		error_out_of_memory(error);
		return NULL;
	}
	result = job_spec_init(&spec, args, fleet->options->timeout, 0,
	    error);
	json_decref(args);
	if (result == -1)
		return NULL;
	spec.expected = OUTCOME_BIT(OUTCOME_OK);
	result = scheduler_run(fleet, &batch, error);
	job_spec_finish(&spec);
	/*
	 * If the run was interrupted before the request was sent, the gateway
	 * has no report.
	 */
	if (result == -1 || fleet->members[0].state != MEMBER_DONE)
		return NULL;
	if (outcome_exit(report->outcome) == 0) {
		topology = json_object_get(report->instance, "topology");
		if (json_is_object(topology))
			return json_incref(topology);
		error_set(error, ERROR_BAD_REPLY,
		    "the reply contains no topology");
		report_fail(report, error);
		error->message[0] = '\0';
	}
	fleet_report(fleet, &fleet->members[0]);
	return NULL;
}

static int
compare_names(const void *a, const void *b)
{
	const struct member *one = a, *other = b;

	return strcmp(one->name, other->name);
}

/*
 * Marks a member as failed because of a fault in the topology, such as a
 * missing address.  The member gets no further request.
 */
static void
fail_member(struct fleet *fleet, struct member *member,
    const struct error *error)
{
	report_from_error(&member->report, member->name, error);
	member->state = MEMBER_DONE;
	fleet->failures++;
}

/*
 * Creates targets for the instances that are reached directly, with the user
 * and password of the gateway.  Skips an instance with an invalid address,
 * because add_instance reports it as failed.  Returns 0, or -1 with an error.
 */
static int
add_targets(struct fleet *fleet, const struct target *gateway,
    const json_t *topology, struct error *error)
{
	const json_t *list = json_object_get(topology, "instances");
	const char *uri;
	size_t i;

	if (!json_is_true(json_object_get(topology, "direct")))
		return 0;
	for (i = 0; i < json_array_size(list); i++) {
		uri = string(json_array_get(list, i), "uri");
		if (uri != NULL && targets_add_peer(&fleet->direct, uri,
		    gateway->user, gateway->secret, error) == -1 &&
		    error->code != ERROR_USAGE)
			return -1;
	}
	return 0;
}

/* Returns the target with the given address, or NULL. */
static const struct target *
find_target(const struct fleet *fleet, const char *uri)
{
	size_t i;

	for (i = 0; i < fleet->direct.count; i++)
		if (strcmp(fleet->direct.list[i].name, uri) == 0)
			return &fleet->direct.list[i];
	return NULL;
}

static int
add_instance(struct fleet *fleet, const struct target *gateway,
    const json_t *topology, const json_t *instance, struct error *error)
{
	int is_direct = json_is_true(json_object_get(topology, "direct"));
	const struct target *target = gateway;
	const char *uuid = string(instance, "uuid");
	const char *uri = string(instance, "uri");
	const char *alias = string(instance, "alias");
	const char *role = string(instance, "role");
	const char *of_gateway = string(topology, "entry"), *why = NULL;
	struct error missing;
	struct member *member;
	char name[512];
	int is_gateway;

	is_gateway = uuid != NULL && of_gateway != NULL &&
	    strcmp(uuid, of_gateway) == 0;
	if (uri != NULL && alias != NULL)
		snprintf(name, sizeof(name), "%s (%s)", alias, uri);
	else
		strlcpy(name, alias != NULL ? alias : uri != NULL ? uri :
		    uuid != NULL ? uuid : "?", sizeof(name));
	if (json_is_true(json_object_get(instance, "expelled")))
		why = "expelled";
	else if (json_is_true(json_object_get(instance, "disabled")))
		why = "disabled";
	if (is_direct && !is_gateway && uri != NULL &&
	    (target = find_target(fleet, uri)) == NULL)
		uri = NULL;
	member = fleet_add(fleet, uri == NULL ? gateway : target, name, alias,
	    is_gateway || is_direct ? NULL : uri, error);
	if (member == NULL)
		return -1;
	member->is_direct = is_direct;
	member->is_gateway = is_gateway;
	member->group = role != NULL && strcmp(role, "leader") == 0 ?
	    (is_gateway ? GROUP_GATEWAY_LEADER : GROUP_LEADERS) :
	    (is_gateway ? GROUP_GATEWAY_FOLLOWER : GROUP_FOLLOWERS);
	if (fleet_expect(member, uuid) == -1 ||
	    (why != NULL && fleet_skip(fleet, member, why) == -1))
		return error_out_of_memory(error);
	if (why == NULL && uri == NULL && !is_gateway) {
		error_set(&missing, ERROR_NO_ADDRESS,
		    "the topology has no address for this instance");
		fail_member(fleet, member, &missing);
	}
	return 0;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Returns a string that occurs more than once in a list, or NULL if there is
 * none.  Sorts the list.
 */
static const char *
find_duplicate(const char **list, size_t count)
{
	size_t i;

	if (count > 0)
		qsort(list, count, sizeof(*list), compare_texts);
	for (i = 1; i < count; i++)
		if (strcmp(list[i - 1], list[i]) == 0)
			return list[i];
	return NULL;
}

/*
 * Finds an instance that the topology lists twice.  The command would reload
 * this instance twice, possibly at the same time.  Sets *twice to the duplicate
 * UUID or URI, or to NULL if there is none.  Returns 0, or -1 with an error.
 */
static int
find_listed_twice(const json_t *topology, const char **twice,
    struct error *error)
{
	static const char *const keys[] = { "uuid", "uri" };
	const json_t *instances = json_object_get(topology, "instances");
	const char **list, *text;
	size_t i, k, count;

	*twice = NULL;
	list = calloc(json_array_size(instances) + 1, sizeof(*list));
	if (list == NULL)
		return error_out_of_memory(error);
	for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		count = 0;
		for (i = 0; i < json_array_size(instances); i++) {
			text = string(json_array_get(instances, i), keys[k]);
			if (text != NULL)
				list[count++] = text;
		}
		if (*twice == NULL)
			*twice = find_duplicate(list, count);
	}
	free(list);
	return 0;
}

static int
add_instances(struct fleet *fleet, const struct target *gateway,
    const json_t *topology, struct error *error)
{
	const json_t *list = json_object_get(topology, "instances");
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (add_instance(fleet, gateway, topology,
		    json_array_get(list, i), error) == -1)
			return -1;
	/*
	 * If the fleet is empty, its array is NULL, which qsort(3) does not
	 * accept.
	 */
	if (fleet->count > 0)
		qsort(fleet->members, fleet->count,
		    sizeof(fleet->members[0]), compare_names);
	return 0;
}

/*
 * Reports the gateway as failed because the topology that it sent is wrong.
 * Stops the run, so that no other instance gets a request.
 */
static int
reject_topology(struct fleet *fleet, const struct target *gateway,
    const char *why, struct error *error)
{
	struct member *member = cluster_gateway(fleet);
	struct error bad;

	if (member == NULL && (member = fleet_add(fleet, gateway, gateway->name,
	    gateway->instance, NULL, error)) == NULL)
		return -1;
	error_set(&bad, ERROR_BAD_REPLY, "%s", why);
	fail_member(fleet, member, &bad);
	fleet_report(fleet, member);
	fleet->stopped = 1;
	return 0;
}

int
cluster_join(struct fleet *fleet, const struct target *gateway,
    struct error *error)
{
	json_t *topology;
	const char *twice;
	char why[128];
	int result;

	if (fleet_add(fleet, gateway, gateway->name, gateway->instance, NULL,
	    error) == NULL)
		return -1;
	if ((topology = fetch_topology(fleet, error)) == NULL) {
		fleet->stopped = 1;
		return error->message[0] != '\0' ? -1 : 0;
	}
	fleet_finish(fleet);
	fleet->topology = topology;
	fleet->failures = 0;
	result = find_listed_twice(topology, &twice, error);
	if (result == 0)
		result = add_targets(fleet, gateway, topology, error);
	if (result == 0)
		result = add_instances(fleet, gateway, topology, error);
	if (result == -1)
		return -1;
	if (twice != NULL) {
		snprintf(why, sizeof(why),
		    "the topology lists an instance twice: %.80s", twice);
		return reject_topology(fleet, gateway, why, error);
	}
	if (cluster_gateway(fleet) == NULL)
		return reject_topology(fleet, gateway,
		    "the topology does not include the instance that sent "
		    "it", error);
	return 0;
}
