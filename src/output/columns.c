/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/ioctl.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/columns.h"
#include "util/environment.h"
#include "util/escape.h"
#include "util/utf8.h"

/* The minimum widths of the columns that can be narrowed to make a row fit. */
#define NAME_MIN	16
#define STATE_MIN	12

/* The line width if neither $COLUMNS nor the terminal provides one. */
#define WIDTH		80

static const char *const heads[COLUMNS] = {
	"NAME", "STATE", "ROLE", "PID", "GEN", "CODE", "TARANTOOL",
	"CARTRIDGE", "TARGET"
};

/* Returns the width of a text, counting each character as one column. */
static int
width(const char *text)
{
	int count = 0;

	for (; *text != '\0'; text++)
		count += utf8_continues(*text) ? 0 : 1;
	return count;
}

/*
 * Returns the length in bytes of the first `characters` characters of a text.
 */
static size_t
bytes_of(const char *text, int characters)
{
	size_t len = 0;

	while (text[len] != '\0') {
		if (!utf8_continues(text[len]) &&
		    characters-- == 0)
			break;
		len++;
	}
	return len;
}

void
columns_set(struct table *table, struct row *row, enum column column,
    enum term_style style, const char *text)
{
	size_t len;
	char *cell;
	int wide;

	row->styles[column] = style;
	if (text == NULL)
		return;
	/* Shorten a path at its beginning, because its end is more specific. */
	len = strlen(text);
	if (strchr(text, '/') != NULL && len > CELL_MAX) {
		text += len - CELL_MAX;
		while (utf8_continues(*text))
			text++;
	}
	cell = escape_text(text, bytes_of(text, CELL_MAX), 0);
	if (cell == NULL) {
		table->failed = 1;
		return;
	}
	row->cells[column] = cell;
	wide = width(cell);
	if (wide > table->widths[column])
		table->widths[column] = wide < CELL_MAX ? wide : CELL_MAX;
}

/* Returns the line width of the output, in columns. */
static int
width_of(FILE *out)
{
	const char *columns = env_get(ENV_COLUMNS);
	struct winsize size;
	long value;
	int fd = fileno(out);

	if (columns != NULL && (value = strtol(columns, NULL, 10)) > 0 &&
	    value < 10000)
		return (int)value;
	if (fd != -1 && isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 &&
	    size.ws_col > 0)
		return size.ws_col;
	return WIDTH;
}

static int
total_width(const struct table *table)
{
	int i, total = -2;

	for (i = 0; i < COLUMNS; i++)
		if (table->widths[i] > 0)
			total += table->widths[i] + 2;
	return total;
}

const char *
columns_common(const struct table *table, enum column column)
{
	const char *cell, *found = NULL;
	size_t i;

	for (i = 0; i < table->count; i++) {
		cell = table->rows[i].cells[column];
		if (cell != NULL && found != NULL && strcmp(cell, found) != 0)
			return NULL;
		if (cell != NULL)
			found = cell;
	}
	return found;
}

static void
narrow(struct table *table, enum column column, int least, int limit)
{
	int too_much = total_width(table) - limit;
	int width = table->widths[column];

	if (too_much <= 0 || width <= least)
		return;
	table->widths[column] = width - too_much > least ? width - too_much :
	    least;
}

/*
 * Makes a row fit into `limit` characters: hides some columns, and narrows
 * others.
 */
static void
fit(struct table *table, int limit)
{
	int column, has_target = table->widths[COLUMN_TARGET];

	for (column = 0; column < COLUMNS; column++)
		if (table->widths[column] > 0 &&
		    table->widths[column] < width(heads[column]))
			table->widths[column] = width(heads[column]);
	for (column = COLUMN_TARANTOOL; column <= COLUMN_CARTRIDGE; column++)
		if (columns_common(table, (enum column)column) != NULL)
			table->widths[column] = 0;
	if (has_target < width(heads[COLUMN_TARGET]))
		has_target = width(heads[COLUMN_TARGET]);
	table->widths[COLUMN_TARGET] = 0;
	if (total_width(table) + 2 + has_target <= limit)
		table->widths[COLUMN_TARGET] = has_target;
	narrow(table, COLUMN_NAME, NAME_MIN, limit);
	narrow(table, COLUMN_STATE, STATE_MIN, limit);
}

int
columns_print_cell(FILE *out, const char *cell, int most)
{
	static const char dots[] = "...";
	int wide = width(cell), is_path = strchr(cell, '/') != NULL;
	int kept = most - (int)(sizeof(dots) - 1);

	if (wide <= most || kept < 1) {
		fputs(cell, out);
		return wide;
	}
	if (is_path)
		fprintf(out, "%s%s", dots, cell + bytes_of(cell, wide - kept));
	else
		fprintf(out, "%.*s%s", (int)bytes_of(cell, kept), cell, dots);
	return most;
}

static void
print_row(const struct output_context *context, const struct table *table,
    const struct row *row)
{
	const char *cell;
	int i, pad = 0;

	for (i = 0; i < COLUMNS; i++) {
		if (table->widths[i] == 0)
			continue;
		if (i > 0)
			fprintf(context->out, "%*s", pad + 2, "");
		cell = row->cells[i] != NULL ? row->cells[i] : "-";
		term_begin(context->out, context->color, row->styles[i]);
		pad = table->widths[i] - columns_print_cell(context->out, cell,
		    table->widths[i]);
		term_end(context->out, context->color);
	}
	putc('\n', context->out);
}

static void
print_heads(const struct output_context *context, const struct table *table)
{
	struct row row = { .report = NULL };
	int i;

	for (i = 0; i < COLUMNS; i++) {
		row.cells[i] = (char *)(uintptr_t)heads[i];
		row.styles[i] = TERM_DIM;
	}
	print_row(context, table, &row);
}

void
columns_print(const struct output_context *context, struct table *table)
{
	size_t i;

	fit(table, width_of(context->out));
	print_heads(context, table);
	for (i = 0; i < table->count; i++)
		print_row(context, table, &table->rows[i]);
}
