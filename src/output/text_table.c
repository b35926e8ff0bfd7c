/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/text.h"
#include "util/escape.h"

enum column {
	COLUMN_NAME,
	COLUMN_STATE,
	COLUMN_GENERATION,
	COLUMN_TARANTOOL,
	COLUMN_CARTRIDGE,
	COLUMN_ROLE,
	COLUMN_CODE,
	COLUMN_TARGET,
	COLUMNS
};

static const char *const heads[COLUMNS] = {
	"NAME", "STATE", "GENERATION", "TARANTOOL", "CARTRIDGE", "ROLE",
	"CODE", "TARGET"
};

struct row {
	char		*cells[COLUMNS];	/* escaped; NULL for nothing */
	enum term_style	 styles[COLUMNS];
};

struct table {
	struct row	*rows;
	size_t		 count;
	int		 widths[COLUMNS];
	int		 failed;		/* memory was out */
};

/* How wide a text is, as far as that is told by its characters. */
static int
width(const char *text)
{
	int count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
	return count;
}

static void
set(struct table *table, struct row *row, enum column column,
    enum term_style style, const char *text)
{
	char *cell;
	int wide;

	row->styles[column] = style;
	if (text == NULL)
		return;
	if ((cell = escape_text(text, strlen(text), 0)) == NULL) {
		table->failed = 1;
		return;
	}
	row->cells[column] = cell;
	if ((wide = width(cell)) > table->widths[column])
		table->widths[column] = wide;
}

/* "2.6.0" of "2.6.0-0-g47aa4e01e". */
static void
set_version(struct table *table, struct row *row, enum column column,
    const char *version)
{
	char shown[32];

	if (version == NULL)
		return;
	strlcpy(shown, version, sizeof(shown));
	shown[strcspn(shown, "-")] = '\0';
	set(table, row, column, TERM_PLAIN, shown);
}

static void
set_state(struct table *table, struct row *row, const json_t *report)
{
	const json_t *status = json_object_get(report, "status");
	const char *state = string(status, "state");
	const char *code = string(json_object_get(report, "error"), "code");
	char shown[128];
	int sick;

	if (state == NULL || (string(status, "box") != NULL &&
	    strcmp(string(status, "box"), "running") != 0))
		state = string(status, "box");
	sick = json_is_false(json_object_get(status, "healthy"));
	if (state == NULL)
		snprintf(shown, sizeof(shown), "%s%s%s",
		    string(report, "outcome"), code != NULL ? ": " : "",
		    code != NULL ? code : "");
	else
		snprintf(shown, sizeof(shown), "%s%s", state,
		    sick ? ", not healthy" : "");
	set(table, row, COLUMN_STATE, !is_true(report, "ok") ? TERM_BAD :
	    sick ? TERM_WARN : TERM_GOOD, shown);
}

/* How many reports have that digest. */
static size_t
count_digest(const json_t *reports, const char *digest)
{
	const char *other;
	size_t i, count = 0;

	for (i = 0; i < json_array_size(reports); i++) {
		other = string(json_object_get(json_array_get(reports, i),
		    "status"), "digest");
		count += other != NULL && strcmp(other, digest) == 0 ? 1 : 0;
	}
	return count;
}

static void
set_code(struct table *table, struct row *row, const json_t *reports,
    const char *digest)
{
	char shown[TEXT_DIGEST + 1];

	if (digest == NULL)
		return;
	strlcpy(shown, digest, sizeof(shown));
	/* What most have is what is meant to be there. */
	set(table, row, COLUMN_CODE,
	    2 * count_digest(reports, digest) > json_array_size(reports) ?
	    TERM_PLAIN : TERM_WARN, shown);
}

static void
add_row(struct table *table, const json_t *reports, const json_t *report)
{
	const json_t *status = json_object_get(report, "status");
	const char *alias = string(report, "alias");
	const char *target = string(report, "target");
	struct row *row = &table->rows[table->count++];
	char generation[32];

	set(table, row, COLUMN_NAME, TERM_BOLD,
	    alias != NULL ? alias : target);
	set_state(table, row, report);
	if (json_is_integer(json_object_get(report, "generation"))) {
		snprintf(generation, sizeof(generation),
		    "%" JSON_INTEGER_FORMAT, integer(report, "generation"));
		set(table, row, COLUMN_GENERATION, TERM_PLAIN, generation);
	}
	set_version(table, row, COLUMN_TARANTOOL, string(status, "tarantool"));
	set_version(table, row, COLUMN_CARTRIDGE, string(status, "cartridge"));
	set(table, row, COLUMN_ROLE, TERM_PLAIN, string(status, "role"));
	set_code(table, row, reports, string(status, "digest"));
	set(table, row, COLUMN_TARGET, TERM_PLAIN, target);
}

static void
print_row(const struct output_context *context, const struct table *table,
    const struct row *row)
{
	const char *cell;
	int i, pad = 0;

	for (i = 0; i < COLUMNS; i++) {
		/* A column without anything is not there. */
		if (table->widths[i] == 0)
			continue;
		if (i > 0)
			fprintf(context->out, "%*s", pad + 2, "");
		cell = row->cells[i] != NULL ? row->cells[i] : "-";
		term_begin(context->out, context->color, row->styles[i]);
		fputs(cell, context->out);
		term_end(context->out, context->color);
		pad = table->widths[i] - width(cell);
	}
	putc('\n', context->out);
}

/* The heads count as content of the columns that have any. */
static void
print_heads(const struct output_context *context, struct table *table)
{
	struct row row;
	int i;

	memset(&row, 0, sizeof(row));
	for (i = 0; i < COLUMNS; i++)
		if (table->widths[i] > 0)
			set(table, &row, (enum column)i, TERM_DIM, heads[i]);
	print_row(context, table, &row);
	for (i = 0; i < COLUMNS; i++)
		free(row.cells[i]);
}

int
text_print_table(const struct output_context *context, const json_t *reports)
{
	struct table table = { .failed = 0 };
	const json_t *report;
	size_t i, j;
	int last;

	table.rows = calloc(json_array_size(reports) + 1,
	    sizeof(table.rows[0]));
	if (table.rows == NULL)
		return -1;
	for (last = 0; last <= 1; last++) {
		for (i = 0; i < json_array_size(reports); i++) {
			report = json_array_get(reports, i);
			if (is_true(report, "ok") != last)
				add_row(&table, reports, report);
		}
	}
	if (table.count > 0)
		print_heads(context, &table);
	for (i = 0; i < table.count; i++) {
		print_row(context, &table, &table.rows[i]);
		for (j = 0; j < COLUMNS; j++)
			free(table.rows[i].cells[j]);
	}
	free(table.rows);
	return table.failed ? -1 : 0;
}
