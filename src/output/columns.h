/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The columns of the table of `status`: fits their widths to the line of the
 * terminal, and prints the rows.  output/text_table.c decides what the cells
 * contain.  No function here blocks, except for writing to the stream.
 */

#ifndef CR_COLUMNS_H
#define CR_COLUMNS_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "output/output.h"
#include "output/term.h"

/*
 * The maximum width of a cell, in characters.  Names and states are untrusted,
 * so they can be of any length.
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
	 * target column is hidden if it does not fit.
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
	const char	*common_digest;		/* of the majority, or NULL */
	int		 failed;		/* ran out of memory */
};

/*
 * Sets the style and the text of a cell.  The text is copied, escaped and cut
 * to CELL_MAX characters; NULL leaves the cell empty.  If out of memory, sets
 * table->failed.  The caller frees the cells.
 */
void	columns_set(struct table *, struct row *, enum column, enum term_style,
	    const char *text);

/*
 * Returns the text that all non-empty cells of a column have in common, or NULL
 * if they differ.  The text belongs to a cell.
 */
const char	*columns_common(const struct table *, enum column);

/*
 * Prints a cell, cut to `most` columns if it is wider.  Returns the width
 * printed.
 */
int	columns_print_cell(FILE *, const char *cell, int most);

/*
 * Prints the heads and the rows of a table that is not empty.  Hides columns
 * that provide no information or do not fit, and narrows others, until a row
 * fits on a line: that of the terminal, or of $COLUMNS columns.
 */
void	columns_print(const struct output_context *, struct table *);

#endif
