/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/columns.h"
#include "output/text.h"

/* The maximum number of outdated instances to list below the table. */
#define LISTED_MAX	8

/*
 * Sets a cell to a shortened version number: "2.6.0-0-g47aa4e01e" becomes
 * "2.6.0".
 */
static void
set_version(struct table *table, struct row *row, enum column column,
    const char *version)
{
	char shown[32];

	if (version == NULL)
		return;
	strlcpy(shown, version, sizeof(shown));
	shown[strcspn(shown, "-")] = '\0';
	columns_set(table, row, column, TERM_PLAIN, shown);
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
	columns_set(table, row, COLUMN_STATE,
	    !is_true(row->report, "ok") ? TERM_BAD :
	    json_is_false(json_object_get(status, "healthy")) ? TERM_WARN :
	    TERM_GOOD, state);
}

/*
 * Fills in the role cell, for example with "leader/rw".  The cell contains no
 * spaces, so that awk(1) treats it as one field.
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
		columns_set(table, row, COLUMN_ROLE, TERM_PLAIN, shown);
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
	columns_set(table, row, column, TERM_PLAIN, shown);
}

static const char *
digest_of(const json_t *report)
{
	return string(json_object_get(report, "status"), "digest");
}

/*
 * Returns the digest that more than half of the instances have, or NULL.  Uses
 * the Boyer-Moore majority vote algorithm.  The first loop finds the only
 * digest that can have a majority.  The second loop checks that this digest
 * really has one.
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
 * Sets the code cell to the digest of the loaded code.  If the code on disk
 * differs, adds that code's digest.
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
	 * Highlight a digest that differs from that of the majority, because
	 * most instances presumably have the intended code.
	 */
	columns_set(table, row, COLUMN_CODE, is_outdated ||
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
	columns_set(table, row, COLUMN_NAME, TERM_BOLD,
	    alias != NULL ? alias : target);
	set_state(table, row);
	set_role(table, row);
	set_number(table, row, COLUMN_PID, json_object_get(status, "pid"));
	set_number(table, row, COLUMN_GENERATION,
	    json_object_get(report, "generation"));
	set_code(table, row);
	set_version(table, row, COLUMN_TARANTOOL, string(status, "tarantool"));
	set_version(table, row, COLUMN_CARTRIDGE, string(status, "cartridge"));
	columns_set(table, row, COLUMN_TARGET, TERM_PLAIN, target);
}

/*
 * Prints the versions of Tarantool and Cartridge that are the same on all
 * instances with a known version: the table has no columns for them.
 */
static void
print_versions(const struct output_context *context,
    const struct table *table)
{
	const char *tarantool = columns_common(table, COLUMN_TARANTOOL);
	const char *cartridge = columns_common(table, COLUMN_CARTRIDGE);

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
		columns_print_cell(context->out,
		    table->rows[i].cells[COLUMN_NAME], CELL_MAX);
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
	if (table.count > 0)
		columns_print(context, &table);
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
