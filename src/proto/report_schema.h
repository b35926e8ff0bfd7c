/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The schema of a report.  Replies of instances are validated against this
 * schema, and doc/report.schema.json is generated from it.
 */

#ifndef CR_REPORT_SCHEMA_H
#define CR_REPORT_SCHEMA_H

enum field_kind {
	FIELD_STRING,
	FIELD_BOOLEAN,
	FIELD_INTEGER,
	FIELD_NUMBER,
	FIELD_STRINGS,		/* an array of strings */
	FIELD_OBJECT,
	FIELD_OBJECTS		/* an array of objects */
};

/* What a report contains in place of a field that is missing from the reply. */
enum field_default {
	DEFAULT_NULL,
	DEFAULT_ZERO,		/* 0, false, "", [], or an object of defaults */
	DEFAULT_OMIT		/* nothing */
};

struct field {
	const char		*name;
	enum field_kind		 kind;
	enum field_default	 absent;
	const struct field	*fields;	/* for objects */
};

/*
 * The lists of the fields of a report and of its `error`.  A report has
 * `target`, the name fields, `ok`, `outcome` and the other fields, in this
 * order.  Each list ends with a row whose name is NULL.
 */
extern const struct field report_name_fields[];
extern const struct field report_fields[];
extern const struct field report_error_fields[];

#endif
