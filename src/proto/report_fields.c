/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/report_fields.h"
#include "util/escape.h"

/* Lua numbers are doubles, so integers above this limit are not exact. */
#define INTEGER_MAX		9007199254740992.0

/*
 * The maximum number of maps in the lists of a report.  Even an empty map in a
 * reply takes memory, because the report adds all fields of the schema to it.
 */
#define ITEMS_MAX	50000

static void __attribute__((format(printf, 2, 3)))
set_schema_error(struct schema_error *wrong, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(wrong->text, sizeof(wrong->text), fmt, ap);
	va_end(ap);
}

json_t *
report_fields_text(json_t *from)
{
	const char *raw = json_string_value(from);
	json_t *value;
	char *escaped;

	if (strlen(raw) == json_string_length(from))
		return json_incref(from);
	escaped = escape_text(raw, json_string_length(from), 1);
	value = escaped == NULL ? NULL : json_string(escaped);
	free(escaped);
	return value;
}

static json_t *
default_value(const struct field *field)
{
	struct schema_error ignored = { "", 0 };
	json_t *value;

	if (field->absent == DEFAULT_NULL)
		return json_null();
	switch (field->kind) {
	case FIELD_STRING:
		return json_string("");
	case FIELD_BOOLEAN:
		return json_false();
	case FIELD_INTEGER:
	case FIELD_NUMBER:
		return json_integer(0);
	case FIELD_STRINGS:
	case FIELD_OBJECTS:
		return json_array();
	case FIELD_OBJECT:
		break;
	}
	value = json_object();
	if (report_fields_read(value, field->fields, NULL, "",
	    &ignored) == -1) {
		json_decref(value);
		return NULL;
	}
	return value;
}

/*
 * Whether a value is an integer.  Lua has only doubles, so 3 may arrive as 3.0.
 */
static int
is_integer(const json_t *from)
{
	double real = json_real_value(from);

	return json_is_integer(from) || (json_is_real(from) &&
	    real >= -INTEGER_MAX && real <= INTEGER_MAX &&
	    (double)(json_int_t)real == real);
}

/*
 * Whether a value is an empty Lua table.  The console prints an empty table as
 * a list even where the schema has a map.
 */
static int
is_empty_table(const json_t *from)
{
	return json_is_array(from) ? json_array_size(from) == 0 :
	    json_is_object(from) && json_object_size(from) == 0;
}

static json_t *
read_object(const struct field *fields, const json_t *from, const char *name,
    struct schema_error *wrong)
{
	json_t *value;

	if (!json_is_object(from) && !is_empty_table(from)) {
		set_schema_error(wrong, "%s is not a map", name);
		return NULL;
	}
	value = json_object();
	if (report_fields_read(value, fields, from, name, wrong) == -1) {
		json_decref(value);
		return NULL;
	}
	return value;
}

static json_t *
read_array(const struct field *field, const json_t *from, const char *name,
    struct schema_error *wrong)
{
	json_t *value, *item;
	size_t i;

	if (!json_is_array(from) && !is_empty_table(from)) {
		set_schema_error(wrong, "%s is not a list", name);
		return NULL;
	}
	if (field->kind == FIELD_OBJECTS)
		wrong->items += json_array_size(from);
	if (wrong->items > ITEMS_MAX) {
		set_schema_error(wrong, "%s: the report's lists exceed "
		    "%d items in total", name, ITEMS_MAX);
		return NULL;
	}
	value = json_array();
	for (i = 0; i < json_array_size(from); i++) {
		item = json_array_get(from, i);
		if (field->kind == FIELD_OBJECTS)
			item = read_object(field->fields, item, name,
			    wrong);
		else if (json_is_string(item))
			item = report_fields_text(item);
		else {
			set_schema_error(wrong,
			    "%s contains an item that is not a string",
			    name);
			item = NULL;
		}
		if (json_array_append_new(value, item) == -1) {
			json_decref(value);
			return NULL;
		}
	}
	return value;
}

/*
 * Converts a value to the type that the schema requires.  Returns a new
 * reference, or NULL if the value violates the schema or memory runs out.
 */
static json_t *
read_value(const struct field *field, json_t *from, const char *name,
    struct schema_error *wrong)
{
	switch (field->kind) {
	case FIELD_STRING:
		if (json_is_string(from))
			return report_fields_text(from);
		set_schema_error(wrong, "%s is not a string", name);
		break;
	case FIELD_BOOLEAN:
		if (json_is_boolean(from))
			return json_incref(from);
		set_schema_error(wrong, "%s is not a boolean", name);
		break;
	case FIELD_INTEGER:
		if (json_is_integer(from))
			return json_incref(from);
		if (is_integer(from))
			return json_integer((json_int_t)json_real_value(from));
		set_schema_error(wrong, "%s is not an integer", name);
		break;
	case FIELD_NUMBER:
		if (json_is_number(from))
			return json_incref(from);
		set_schema_error(wrong, "%s is not a number", name);
		break;
	case FIELD_STRINGS:
	case FIELD_OBJECTS:
		return read_array(field, from, name, wrong);
	case FIELD_OBJECT:
		return read_object(field->fields, from, name, wrong);
	}
	return NULL;
}

int
report_fields_read(json_t *into, const struct field *fields, const json_t *from,
    const char *outer, struct schema_error *wrong)
{
	const struct field *field;
	json_t *given, *value;
	char name[80];

	wrong->text[0] = '\0';
	for (field = fields; field->name != NULL; field++) {
		given = json_object_get(from, field->name);
		if (given == NULL || json_is_null(given)) {
			if (field->absent == DEFAULT_OMIT)
				continue;
			value = default_value(field);
		} else {
			snprintf(name, sizeof(name), "%s%s%s", outer,
			    outer[0] != '\0' ? "." : "", field->name);
			value = read_value(field, given, name, wrong);
		}
		if (json_object_set_new(into, field->name, value) == -1)
			return -1;
	}
	return 0;
}
