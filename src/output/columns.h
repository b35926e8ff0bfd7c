/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Prints the table of instances for the `status` command.  Chooses the column
 * widths so that a row fits on a line.  The cells are filled in by
 * output/text_table.c.  No function here blocks, except on writes to the
 * stream.
 */

#ifndef CR_COLUMNS_H
#define CR_COLUMNS_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "output/output.h"
#include "output/term.h"

/*
 * The maximum width of a cell, in characters.  Cells need a limit, because the
 * names and states that instances send can be of any length.
 */
#define CELL_MAX	64

enum column {
	COLUMN_NAME,
	COLUMN_STATE,
	COLUMN_ROLE,
	COLUMN_PID,
	COLUMN_GENERATION,
	COLUMN_CODE,
	/*
	 * The version columns are hidden unless the versions differ.  The
	 * target column is hidden if it does not fit on the line.
	 */
	COLUMN_TARANTOOL,
	COLUMN_CARTRIDGE,
	COLUMN_TARGET,
	COLUMNS
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
	/*
	 * The code digest that more than half of the instances have, or NULL.
	 */
	const char	*common_digest;
	int		 failed;		/* ran out of memory */
};

/*
 * Sets the style and the text of a cell.  Cuts the text to CELL_MAX characters,
 * and stores an escaped copy.  NULL leaves the cell empty.  If out of memory,
 * sets table->failed.  The caller frees the cells.
 */
void	columns_set(struct table *, struct row *, enum column, enum term_style,
	    const char *text);

/*
 * Returns the text that all non-empty cells of a column share, or NULL if the
 * cells differ or are all empty.  The text belongs to a cell.
 */
const char	*columns_common(const struct table *, enum column);

/*
 * Prints a cell.  If it is longer than `most` characters, prints "..." in place
 * of the beginning of a path or the end of any other text.  Returns the number
 * of characters printed.
 */
int	columns_print_cell(FILE *, const char *cell, int most);

/*
 * Prints the headings and the rows of a table that has at least one row.  The
 * line width is $COLUMNS or that of the terminal.  Hides columns that provide
 * no information or do not fit, and narrows others.
 */
void	columns_print(const struct output_context *, struct table *);

#endif
