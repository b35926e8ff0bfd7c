/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Shows long text on a terminal page by page.
 */

#ifndef CR_PAGER_H
#define CR_PAGER_H

#include <stddef.h>
#include <stdio.h>

/*
 * Returns the number of rows that the text takes on a terminal of this width.
 * Counts each character except a tab as one column.  Ignores the escape
 * sequences of term_begin.
 */
size_t	pager_rows(const char *text, size_t len, size_t columns);

/*
 * Prints text to a stream.  Shows it in a pager if standard input and the
 * stream are terminals and the text leaves no row of the terminal for a prompt.
 * Blocks until the user quits the pager.  The pager is $PAGER, or less(1) if
 * PAGER is unset.  If PAGER is empty or "cat", or if the pager cannot be
 * executed, prints the text directly.
 *
 * The pager handles SIGINT itself.  SIGTERM and SIGHUP end the pager.  Without
 * a pager, any of these signals stops the output to a terminal.  The caller
 * must have called signals_begin.
 */
void	pager_print(FILE *, const char *text, size_t len);

#endif
