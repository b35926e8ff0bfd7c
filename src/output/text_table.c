/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/ioctl.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/text.h"
#include "util/environment.h"
#include "util/escape.h"
#include "util/utf8.h"

/*
 * The maximum width of a cell, in characters.  Names and states are untrusted,
 * so they can be of any length.
 */
#define CELL_MAX	64

/* The minimum widths of the columns that may be narrowed to make a line fit. */
#define NAME_MIN	16
#define STATE_MIN	12

/* The line width if neither COLUMNS nor the terminal determines it. */
#define WIDTH		80

/* The maximum number of instances listed below the table. */
#define LISTED_MAX	8

enum column {
	COLUMN_NAME,
	COLUMN_STATE,
	COLUMN_ROLE,
	COLUMN_PID,
	COLUMN_GENERATION,
	COLUMN_CODE,
	/*
	 * The version columns are hidden unless the versions differ.  The
	 * target column is hidden if it does not fit.
	 */
	COLUMN_TARANTOOL,
	COLUMN_CARTRIDGE,
	COLUMN_TARGET,
	COLUMNS
};

static const char *const heads[COLUMNS] = {
	"NAME", "STATE", "ROLE", "PID", "GEN", "CODE", "TARANTOOL",
	"CARTRIDGE", "TARGET"
};

struct row {
	const json_t	*report;
	char		*cells[COLUMNS];	/* escaped; NULL if empty */
	enum term_style	 styles[COLUMNS];
};

struct table {
	struct row	*rows;
	size_t		 count;
	int		 widths[COLUMNS];	/* 0: hidden */
	const char	*common_digest;		/* of the majority, or NULL */
	int		 failed;		/* ran out of memory */
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

/* Returns how many bytes the first `characters` characters of a text take. */
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

static void
set(struct table *table, struct row *row, enum column column,
    enum term_style style, const char *text)
{
	size_t len;
	char *cell;
	int wide;

	row->styles[column] = style;
	if (text == NULL)
		return;
	/* Cut the beginning of a path, because the end is more specific. */
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

/* Sets a cell to a short version: "2.6.0-0-g47aa4e01e" becomes "2.6.0". */
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
set_state(struct table *table, struct row *row)
{
	const json_t *status = json_object_get(row->report, "status");
	const char *state = string(status, "state");
	const char *code = string(json_object_get(row->report, "error"),
	    "code");
	char shown[128];

	if (state == NULL || (string(status, "box") != NULL &&
	    strcmp(string(status, "box"), "running") != 0))
		state = string(status, "box");
	if (state == NULL) {
		snprintf(shown, sizeof(shown), "%s%s%s",
		    string(row->report, "outcome"), code != NULL ? ": " : "",
		    code != NULL ? code : "");
		state = shown;
	}
	set(table, row, COLUMN_STATE, !is_true(row->report, "ok") ? TERM_BAD :
	    json_is_false(json_object_get(status, "healthy")) ? TERM_WARN :
	    TERM_GOOD, state);
}

/*
 * Sets the role, such as "leader/rw".  The cell contains no spaces, so that
 * awk(1) treats it as one field.
 */
static void
set_role(struct table *table, struct row *row)
{
	const json_t *status = json_object_get(row->report, "status");
	const json_t *read_only = json_object_get(status, "read_only");
	const char *role = string(status, "role"), *mode = "";
	char shown[CELL_MAX];

	if (json_is_boolean(read_only))
		mode = json_is_true(read_only) ? "ro" : "rw";
	snprintf(shown, sizeof(shown), "%s%s%s", role != NULL ? role : "",
	    role != NULL && mode[0] != '\0' ? "/" : "", mode);
	if (shown[0] != '\0')
		set(table, row, COLUMN_ROLE, TERM_PLAIN, shown);
}

static void
set_number(struct table *table, struct row *row, enum column column,
    const json_t *number)
{
	char shown[32];

	if (!json_is_integer(number))
		return;
	snprintf(shown, sizeof(shown), "%" JSON_INTEGER_FORMAT,
	    json_integer_value(number));
	set(table, row, column, TERM_PLAIN, shown);
}

static const char *
digest_of(const json_t *report)
{
	return string(json_object_get(report, "status"), "digest");
}

/*
 * Returns the digest that more than half of the instances have, or NULL.  Uses
 * the Boyer-Moore majority vote.  In the first loop, each different digest
 * cancels one vote: if there is a majority, it survives.  The second loop
 * checks that the survivor has a majority.
 */
static const char *
find_common_digest(const json_t *reports)
{
	const char *digest, *found = NULL;
	size_t i, votes = 0, count = 0;

	for (i = 0; i < json_array_size(reports); i++) {
		digest = digest_of(json_array_get(reports, i));
		if (digest == NULL)
			continue;
		if (votes == 0)
			found = digest;
		if (strcmp(digest, found) == 0)
			votes++;
		else
			votes--;
	}
	for (i = 0; i < json_array_size(reports); i++) {
		digest = digest_of(json_array_get(reports, i));
		count += digest != NULL && found != NULL &&
		    strcmp(digest, found) == 0 ? 1 : 0;
	}
	return 2 * count > json_array_size(reports) ? found : NULL;
}

/*
 * Shows the digest of the loaded code, and that of the code on disk if it
 * differs.
 */
static void
set_code(struct table *table, struct row *row)
{
	const json_t *status = json_object_get(row->report, "status");
	const char *loaded = string(status, "loaded_digest");
	const char *digest = string(status, "digest");
	int is_outdated = is_true(status, "outdated");
	char shown[CELL_MAX];

	if (digest == NULL && loaded == NULL)
		return;
	/*
	 * If the digest of the loaded code is unknown, show the digest of the
	 * code on disk.
	 */
	if (is_outdated)
		snprintf(shown, sizeof(shown), "%.*s, disk %.*s", TEXT_DIGEST,
		    loaded != NULL ? loaded : "?", TEXT_DIGEST,
		    digest != NULL ? digest : "?");
	else
		snprintf(shown, sizeof(shown), "%.*s", TEXT_DIGEST,
		    loaded != NULL ? loaded : digest);
	/*
	 * Mark a digest that the majority does not have: most instances
	 * presumably have the intended code.
	 */
	set(table, row, COLUMN_CODE, is_outdated ||
	    table->common_digest == NULL || digest == NULL ||
	    strcmp(digest, table->common_digest) != 0 ? TERM_WARN : TERM_PLAIN,
	    shown);
}

static void
add_row(struct table *table, const json_t *report)
{
	const json_t *status = json_object_get(report, "status");
	const char *alias = string(report, "alias");
	const char *target = string(report, "target");
	struct row *row = &table->rows[table->count++];

	row->report = report;
	set(table, row, COLUMN_NAME, TERM_BOLD,
	    alias != NULL ? alias : target);
	set_state(table, row);
	set_role(table, row);
	set_number(table, row, COLUMN_PID, json_object_get(status, "pid"));
	set_number(table, row, COLUMN_GENERATION,
	    json_object_get(report, "generation"));
	set_code(table, row);
	set_version(table, row, COLUMN_TARANTOOL, string(status, "tarantool"));
	set_version(table, row, COLUMN_CARTRIDGE, string(status, "cartridge"));
	set(table, row, COLUMN_TARGET, TERM_PLAIN, target);
}

/* --- Fitting the columns ---------------------------------------------------*/

/* Returns the width of a line of the terminal, in columns. */
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

/*
 * Returns the text that all non-empty cells of a column have in common, or NULL
 * if they differ.
 */
static const char *
common_cell(const struct table *table, enum column column)
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
 * Hides columns that provide no information or do not fit, and narrows others.
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
		if (common_cell(table, (enum column)column) != NULL)
			table->widths[column] = 0;
	if (has_target < width(heads[COLUMN_TARGET]))
		has_target = width(heads[COLUMN_TARGET]);
	table->widths[COLUMN_TARGET] = 0;
	if (total_width(table) + 2 + has_target <= limit)
		table->widths[COLUMN_TARGET] = has_target;
	narrow(table, COLUMN_NAME, NAME_MIN, limit);
	narrow(table, COLUMN_STATE, STATE_MIN, limit);
}

/* --- Printing --------------------------------------------------------------*/

/*
 * Prints a cell, cut to `most` columns if it is wider.  Returns the width
 * printed.
 */
static int
print_cell(FILE *out, const char *cell, int most)
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
		pad = table->widths[i] - print_cell(context->out, cell,
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

/*
 * Prints the versions that all instances share, because no column shows these.
 */
static void
print_versions(const struct output_context *context,
    const struct table *table)
{
	const char *tarantool = common_cell(table, COLUMN_TARANTOOL);
	const char *cartridge = common_cell(table, COLUMN_CARTRIDGE);

	if (tarantool != NULL)
		fprintf(context->out, "Tarantool %s", tarantool);
	if (cartridge != NULL)
		fprintf(context->out, "%sCartridge %s",
		    tarantool != NULL ? ", " : "", cartridge);
	if (tarantool != NULL || cartridge != NULL)
		putc('\n', context->out);
}

static void
print_outdated(const struct output_context *context,
    const struct table *table)
{
	size_t i, count = 0;

	for (i = 0; i < table->count; i++) {
		if (!is_true(json_object_get(table->rows[i].report, "status"),
		    "outdated"))
			continue;
		if (count++ == 0)
			text_print_styled(context, TERM_WARN, "outdated");
		if (count > LISTED_MAX)
			continue;
		fputs(count == 1 ? ": " : ", ", context->out);
		print_cell(context->out, table->rows[i].cells[COLUMN_NAME],
		    CELL_MAX);
	}
	if (count > LISTED_MAX)
		fprintf(context->out, " and %zu more", count - LISTED_MAX);
	if (count > 0)
		fputs(": the code on disk is not loaded\n", context->out);
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
	table.common_digest = find_common_digest(reports);
	for (last = 0; last <= 1; last++) {
		for (i = 0; i < json_array_size(reports); i++) {
			report = json_array_get(reports, i);
			if (is_true(report, "ok") != last)
				add_row(&table, report);
		}
	}
	if (table.count > 0) {
		fit(&table, width_of(context->out));
		print_heads(context, &table);
	}
	for (i = 0; i < table.count; i++)
		print_row(context, &table, &table.rows[i]);
	print_versions(context, &table);
	print_outdated(context, &table);
	if (text_print_unhealthy(context, "", reports) == -1)
		table.failed = 1;
	for (i = 0; i < table.count; i++)
		for (j = 0; j < COLUMNS; j++)
			free(table.rows[i].cells[j]);
	free(table.rows);
	return table.failed ? -1 : 0;
}
