/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Prints the JSON Schema of the report, doc/report.schema.json, from the tables
 * of the program.  Fields and codes are only ever added, so unknown ones are
 * valid.
 */

#include <err.h>
#include <jansson.h>

#include "proto/report_schema.h"
#include "util/error.h"
#include "util/outcome.h"

static json_t	*object_of(const struct field *);

/* A type, or null. */
static json_t *
type_of(const char *name, int is_nullable)
{
	return is_nullable ? json_pack("{s:[s, s]}", "type", name, "null") :
	    json_pack("{s:s}", "type", name);
}

static json_t *
array_of(json_t *items)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *
schema_of(const struct field *field)
{
	int is_nullable = field->absent == DEFAULT_NULL;
	json_t *object;

	switch (field->kind) {
	case FIELD_STRING:
		return type_of("string", is_nullable);
	case FIELD_BOOLEAN:
		return type_of("boolean", is_nullable);
	case FIELD_INTEGER:
		return type_of("integer", is_nullable);
	case FIELD_NUMBER:
		return type_of("number", is_nullable);
	case FIELD_STRINGS:
		return array_of(type_of("string", 0));
	case FIELD_OBJECTS:
		return array_of(object_of(field->fields));
	case FIELD_OBJECT:
		break;
	}
	object = object_of(field->fields);
	if (is_nullable)
		json_object_set_new(object, "type",
		    json_pack("[s, s]", "object", "null"));
	return object;
}

static void
add_fields(json_t *object, const struct field *fields)
{
	json_t *properties = json_object_get(object, "properties");
	json_t *required = json_object_get(object, "required");
	const struct field *field;

	for (field = fields; field->name != NULL; field++) {
		json_object_set_new(properties, field->name, schema_of(field));
		if (field->absent != DEFAULT_OMIT)
			json_array_append_new(required,
			    json_string(field->name));
	}
}

static void
add(json_t *object, const char *name, json_t *schema, int is_required)
{
	json_object_set_new(json_object_get(object, "properties"), name,
	    schema);
	if (is_required)
		json_array_append_new(json_object_get(object, "required"),
		    json_string(name));
}

static json_t *
new_object(void)
{
	return json_pack("{s:s, s:{}, s:[]}", "type", "object", "properties",
	    "required");
}

static json_t *
object_of(const struct field *fields)
{
	json_t *object = new_object();

	add_fields(object, fields);
	return object;
}

static json_t *
outcomes(void)
{
	json_t *words = json_array();
	int outcome;

	for (outcome = 0; outcome <= OUTCOME_PROTOCOL; outcome++)
		json_array_append_new(words,
		    json_string(outcome_word(outcome)));
	return json_pack("{s:o}", "enum", words);
}

/* The known codes, each with its explanation, or any other word. */
static json_t *
codes(void)
{
	json_t *list = json_array();
	int code;

	for (code = 0; code < ERROR_COUNT; code++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "const",
		    error_word(code), "description", error_explanation(code)));
	json_array_append_new(list, type_of("string", 1));
	return json_pack("{s:o}", "anyOf", list);
}

static json_t *
instance(void)
{
	json_t *object = new_object(), *error;

	add(object, "target", type_of("string", 0), 1);
	add_fields(object, report_name_fields);
	add(object, "ok", type_of("boolean", 0), 1);
	add(object, "outcome", outcomes(), 1);
	add_fields(object, report_fields);
	error = json_object_get(json_object_get(json_object_get(object,
	    "properties"), "error"), "properties");
	json_object_set_new(error, "code", codes());
	/* What the Lua of eval returned is whatever it is. */
	add(object, "results", json_object(), 0);
	return object;
}

static json_t *
document(void)
{
	json_t *object = new_object(), *skipped = new_object();
	json_t *error = new_object();

	add(object, "ok", type_of("boolean", 0), 1);
	add(object, "exit", json_pack("{s:s, s:i, s:i}", "type", "integer",
	    "minimum", 0, "maximum", EXIT_WOULD_CHANGE), 1);
	add(object, "command", type_of("string", 0), 1);
	add(object, "instances", array_of(instance()), 1);
	add(object, "not_touched", array_of(type_of("string", 0)), 0);
	add(skipped, "target", type_of("string", 0), 1);
	add(skipped, "reason", type_of("string", 0), 1);
	add(object, "skipped", array_of(skipped), 0);
	add(error, "code", type_of("string", 0), 1);
	add(error, "message", type_of("string", 0), 1);
	add(object, "error", error, 0);
	return object;
}

int
main(void)
{
	json_t *schema = json_pack("{s:s, s:s}", "$schema",
	    "https://json-schema.org/draft/2020-12/schema", "title",
	    "The report of cartridge-reload --output json");
	json_t *body = document();

	if (json_object_update(schema, body) == -1 ||
	    json_dumpf(schema, stdout, JSON_INDENT(2)) == -1)
		errx(1, "out of memory");
	putchar('\n');
	json_decref(body);
	json_decref(schema);
	return 0;
}
