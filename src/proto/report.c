/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/report.h"
#include "proto/report_fields.h"
#include "proto/yaml_tree.h"
#include "util/escape.h"
#include "util/json_util.h"

#define PROTOCOL_VERSION	1

/* The estimated heap size of a JSON value or object entry, without its text. */
#define VALUE_SIZE		((size_t)64)

/* The maximum number of bytes that an error quotes from an invalid reply. */
#define EXCERPT_MAX	160

/* The estimated heap size of all reports together, in bytes. */
static size_t total;

static void	build_error(struct report *, const char *, enum error_code,
		    json_t *);

json_t *
report_text(const char *raw)
{
	json_t *value;
	char *escaped;

	if ((value = json_string(raw)) != NULL)
		return value;
	if ((escaped = escape_text(raw, strlen(raw), 1)) == NULL)
		return NULL;
	value = json_string(escaped);
	free(escaped);
	return value;
}

/*
 * Builds a report from a map in the reply.  If the map is NULL, all fields get
 * their defaults.  Returns 0, or -1 with the reason in `wrong`, see struct
 * schema_error.
 */
static int
build(struct report *report, const char *target, enum outcome outcome,
    const json_t *from, struct schema_error *wrong)
{
	json_t *instance = json_object();

	report->outcome = outcome;
	report->transient = 0;
	report->size = 0;
	report->instance = NULL;
	wrong->text[0] = '\0';
	wrong->items = 0;
	if (json_object_set_new(instance, "target",
	    report_text(target)) == -1 ||
	    report_fields_read(instance, report_name_fields, from, "",
	    wrong) == -1 ||
	    json_object_set_new(instance, "ok",
	    json_boolean(outcome_exit(outcome) == 0)) == -1 ||
	    json_object_set_new(instance, "outcome",
	    json_string(outcome_word(outcome))) == -1 ||
	    report_fields_read(instance, report_fields, from, "",
	    wrong) == -1) {
		json_decref(instance);
		return -1;
	}
	report->instance = instance;
	return 0;
}

/*
 * Estimates the heap size of a value.  The recursion is limited by
 * YAML_TREE_DEPTH_MAX.
 */
static size_t
size_of(const json_t *value)
{
	const char *key;
	json_t *item;
	size_t i, size = VALUE_SIZE;

	switch (json_typeof(value)) {
	case JSON_STRING:
		size += json_string_length(value);
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, item)
			size += size_of(item);
		break;
	case JSON_OBJECT:
		json_object_foreach((json_t *)(uintptr_t)value, key, item)
			size += VALUE_SIZE + strlen(key) + size_of(item);
		break;
	default:
		break;
	}
	return size;
}

/*
 * Adds the heap size of a report to the total.  If the total would exceed
 * REPORT_TOTAL_MAX, replaces the report with an error.
 */
static void
count_size(struct report *report, const char *target)
{
	size_t size;

	if (report->instance == NULL)
		return;
	total -= report->size;
	report->size = 0;
	if ((size = size_of(report->instance)) <= REPORT_TOTAL_MAX - total) {
		report->size = size;
		total += size;
		return;
	}
	json_decref(report->instance);
	build_error(report, target, ERROR_REPLY_TOO_LARGE,
	    json_sprintf("the replies of all instances exceed %zu MiB in "
	    "total", REPORT_TOTAL_MAX / 1024 / 1024));
}

/*
 * Builds a report that contains only an error.  Takes ownership of the message.
 */
static void
build_error(struct report *report, const char *target, enum error_code code,
    json_t *message)
{
	struct schema_error wrong;
	json_t *from;

	from = json_pack("{s:{s:s, s:o}}", "error", "code", error_word(code),
	    "message", message);
	if (from == NULL ||
	    build(report, target, error_outcome(code), from,
	    &wrong) == -1) {
		report->instance = NULL;
		report->size = 0;
		report->outcome = OUTCOME_USAGE;
		report->transient = 0;
	}
	json_decref(from);
}

struct excerpt {
	char	text[EXCERPT_MAX + sizeof("...")];
	size_t	len;
	int	is_cut;
};

static int
take_excerpt(const char *data, size_t len, void *arg)
{
	struct excerpt *excerpt = arg;
	size_t room = EXCERPT_MAX - excerpt->len;

	/*
	 * jansson may call this function again even after it has returned -1.
	 */
	if (excerpt->is_cut)
		return -1;
	memcpy(excerpt->text + excerpt->len, data, len < room ? len : room);
	excerpt->len += len < room ? len : room;
	if (len <= room)
		return 0;
	memcpy(excerpt->text + excerpt->len, "...", 3);
	excerpt->is_cut = 1;
	/* Stop the dump here, because the rest of the reply may be large. */
	return -1;
}

static void
build_bad_reply(struct report *report, const char *target, const json_t *reply,
    const char *why)
{
	struct excerpt excerpt;
	char message[sizeof(excerpt.text) + 256];

	memset(&excerpt, 0, sizeof(excerpt));
	json_dump_callback(reply, take_excerpt, &excerpt,
	    JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	snprintf(message, sizeof(message), "%s: %s", why, excerpt.text);
	build_error(report, target, ERROR_BAD_REPLY, report_text(message));
}

/*
 * Reads the outcome from a reply.  Returns 0, or -1 if the outcome is missing,
 * unknown or not allowed in a reply.  An instance must not report `usage` or
 * `protocol`.  Only a gateway may report `unreachable`.
 */
static int
read_outcome(const json_t *from, int relayed, enum outcome *outcome)
{
	const char *word;

	word = json_string_value(json_object_get(from, "outcome"));
	if (word == NULL || outcome_parse(word, outcome) == -1)
		return -1;
	if (*outcome == OUTCOME_UNREACHABLE)
		return relayed ? 0 : -1;
	return *outcome == OUTCOME_USAGE || *outcome == OUTCOME_PROTOCOL ?
	    -1 : 0;
}

static void
build_from_ours(struct report *report, const char *target,
    const json_t *reply, const json_t *from, int relayed)
{
	struct schema_error wrong;
	const json_t *version, *transient;
	enum outcome outcome;
	char why[sizeof(wrong.text) + 64];

	version = json_object_get(from, "cartridge_reload");
	if (json_integer_value(version) != PROTOCOL_VERSION) {
		build_bad_reply(report, target, reply,
		    "protocol version mismatch");
		return;
	}
	if (read_outcome(from, relayed, &outcome) == -1) {
		build_bad_reply(report, target, reply,
		    "the outcome field is missing or invalid");
		return;
	}
	transient = json_object_get(json_object_get(from, "error"),
	    "transient");
	if (build(report, target, outcome, from, &wrong) == 0) {
		/*
		 * A retry is safe only if the outcome means that the request
		 * had no effect.
		 */
		report->transient = json_is_true(transient) &&
		    (outcome == OUTCOME_REFUSED || outcome == OUTCOME_FAILED ||
		    outcome == OUTCOME_UNREACHABLE);
		return;
	}
	if (wrong.text[0] == '\0') {
		report->outcome = OUTCOME_USAGE;
		return;
	}
	snprintf(why, sizeof(why), "malformed reply: %s", wrong.text);
	build_bad_reply(report, target, reply, why);
}

/*
 * Builds a report from a Lua error that the console itself reports, for example
 * because boot.lua has failed.
 */
static void
build_from_lua_error(struct report *report, const char *target, json_t *raised)
{
	json_t *message;
	char *dumped;

	if (json_is_null(raised) ||
	    (json_is_string(raised) && json_string_length(raised) == 0))
		message = json_string("the instance reported an error without "
		    "a message");
	else if (json_is_string(raised))
		message = report_fields_text(raised);
	else {
		dumped = json_dump_strict(raised,
		    JSON_COMPACT | JSON_ENCODE_ANY, NULL);
		message = dumped == NULL ? NULL : json_string(dumped);
		free(dumped);
	}
	build_error(report, target, ERROR_LUA, message);
}

void
report_from_reply(struct report *report, const char *target,
    const json_t *reply, int relayed)
{
	json_t *from;

	from = json_array_size(reply) == 1 ? json_array_get(reply, 0) : NULL;
	if (json_object_get(from, "cartridge_reload") != NULL)
		build_from_ours(report, target, reply, from, relayed);
	else if (json_object_size(from) == 1 &&
	    json_object_get(from, "error") != NULL)
		build_from_lua_error(report, target,
		    json_object_get(from, "error"));
	else
		build_bad_reply(report, target, reply,
		    "unexpected reply");
	count_size(report, target);
}

void
report_from_error(struct report *report, const char *target,
    const struct error *error)
{
	build_error(report, target, error->code, report_text(error->message));
	report->transient = report->instance != NULL && error->transient;
}

void
report_parse_results(struct report *report)
{
	struct error error;
	json_t *results, *tree;
	char *target;

	results = json_object_get(report->instance, "results");
	if (!json_is_string(results))
		return;
	tree = yaml_tree_parse(json_string_value(results),
	    json_string_length(results), &error);
	target = strdup(json_string_value(json_object_get(report->instance,
	    "target")));
	if (target != NULL && tree != NULL &&
	    json_object_set_new(report->instance, "results", tree) == 0) {
		count_size(report, target);
		free(target);
		return;
	}
	if (tree != NULL)
		error_out_of_memory(&error);
	report_finish(report);
	if (target != NULL)
		report_from_error(report, target, &error);
	else
		report->outcome = OUTCOME_USAGE;
	free(target);
}

void
report_fail(struct report *report, const struct error *failure)
{
	json_t *error;

	report->transient = 0;
	report->outcome = failure->outcome;
	if (report->instance == NULL)
		return;
	error = json_object();
	if (report_fields_read(error, report_error_fields, NULL, "",
	    &(struct schema_error){ "", 0 }) == 0 &&
	    json_object_set_new(error, "code",
	    json_string(error_word(failure->code))) == 0 &&
	    json_object_set_new(error, "message",
	    report_text(failure->message)) == 0 &&
	    json_object_set(report->instance, "error", error) == 0 &&
	    json_object_set_new(report->instance, "ok", json_boolean(
	    outcome_exit(failure->outcome) == 0)) == 0 &&
	    json_object_set_new(report->instance, "outcome", json_string(
	    outcome_word(failure->outcome))) == 0) {
		json_decref(error);
		return;
	}
	json_decref(error);
	report_finish(report);
	report->outcome = OUTCOME_USAGE;
}

void
report_name(struct report *report, const char *alias)
{
	if (alias == NULL || report->instance == NULL ||
	    !json_is_null(json_object_get(report->instance, "alias")))
		return;
	if (json_object_set_new(report->instance, "alias",
	    report_text(alias)) == 0)
		return;
	report_finish(report);
	report->outcome = OUTCOME_USAGE;
}

int
report_ended(const json_t *object, enum outcome outcome)
{
	const char *word = json_string_value(json_object_get(object,
	    "outcome"));

	return word != NULL && strcmp(word, outcome_word(outcome)) == 0;
}

int
report_has_error(const json_t *instance, enum error_code code)
{
	const char *word = json_string_value(json_object_get(json_object_get(
	    instance, "error"), "code"));

	return word != NULL && strcmp(word, error_word(code)) == 0;
}

int
report_is_short(const struct report *report)
{
	return report->instance == NULL ||
	    report_has_error(report->instance, ERROR_OUT_OF_MEMORY);
}

void
report_finish(struct report *report)
{
	json_decref(report->instance);
	total -= report->size;
	report->size = 0;
	report->instance = NULL;
}

json_t *
report_document(const char *command, int exit_status,
    const json_t *instances, const json_t *not_attempted,
    const json_t *skipped)
{
	json_t *list, *document;

	/* Only the list is copied: the instances are shared. */
	if ((list = json_copy_strict(instances)) == NULL)
		return NULL;
	document = json_pack("{s:b, s:i, s:s, s:o}",
	    "ok", exit_status == 0, "exit", exit_status,
	    "command", command, "instances", list);
	if ((json_array_size(not_attempted) > 0 &&
	    json_object_set_new(document, "not_touched",
	    json_copy_strict(not_attempted)) == -1) ||
	    (json_array_size(skipped) > 0 &&
	    json_object_set_new(document, "skipped",
	    json_copy_strict(skipped)) == -1)) {
		json_decref(document);
		return NULL;
	}
	return document;
}
