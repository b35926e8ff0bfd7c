/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Converts the fields of an untrusted reply to those of a report.  Drops fields
 * that are not in the schema, checks the types of the others, and adds defaults
 * for missing fields.
 */

#ifndef CR_REPORT_FIELDS_H
#define CR_REPORT_FIELDS_H

#include <jansson.h>
#include <stddef.h>

#include "proto/report_schema.h"

/*
 * What is wrong with a reply.  A function that fails sets the text to the
 * schema violation, or leaves it empty if memory has run out.
 */
struct schema_error {
	char	text[160];
	size_t	items;		/* number of maps in the lists read so far */
};

/*
 * Sets the fields of the object `into` from a map in the reply.  If the map is
 * NULL, sets the fields to their defaults.  `outer` is the path of the object
 * in error messages, or "".  Strings and numbers are shared with the reply.
 * Returns 0, or -1 if the map violates the schema or memory runs out (see
 * struct schema_error).  On failure, some fields may already have been set.
 */
int	report_fields_read(json_t *into, const struct field *,
	    const json_t *from, const char *outer, struct schema_error *);

/*
 * Converts a string of a reply to a string of a report.  Escapes a string that
 * contains NUL, which C strings and many JSON parsers cannot handle.  Returns a
 * new reference, or NULL if out of memory.
 */
json_t	*report_fields_text(json_t *from);

#endif
