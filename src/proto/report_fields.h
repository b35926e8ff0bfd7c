/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Converts the fields of a reply, which is untrusted, to those of a report: it
 * drops fields that the schema does not have, checks the types of the others,
 * and adds the defaults of those that are missing.
 */

#ifndef CR_REPORT_FIELDS_H
#define CR_REPORT_FIELDS_H

#include <jansson.h>
#include <stddef.h>

#include "proto/report_schema.h"

/*
 * A schema violation.  If a function has failed and the text is empty, memory
 * has run out.
 */
struct schema_error {
	char	text[160];
	size_t	items;		/* maps counted so far, which are limited */
};

/*
 * Sets the fields of an object in the report from a map of the reply, or to
 * their defaults if the map is NULL.  `outer` is the path of the object, for
 * errors, or "".  Strings and numbers are shared with the reply.  Returns 0, or
 * -1 with a schema violation; the object may then have some of the fields.
 */
int	report_fields_read(json_t *into, const struct field *,
	    const json_t *from, const char *outer, struct schema_error *);

/*
 * Converts a string from the instance.  Escapes a text that contains NUL, which
 * C strings and many JSON parsers cannot handle.  Returns a new reference, or
 * NULL if out of memory.
 */
json_t	*report_fields_text(json_t *from);

#endif
