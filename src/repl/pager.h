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
 * Returns how many rows the text takes on a terminal.  Counts each character as
 * one column, and the escape sequences of term_begin as none.
 */
size_t	pager_rows(const char *text, size_t len, size_t columns);

/*
 * Prints a text: through $PAGER, or else less, if standard input and the stream
 * are a terminal that is too small for it; otherwise, or if there is no such
 * program, directly.  Waits for the pager to end.  Meanwhile SIGINT is left to
 * the pager, and SIGTERM ends it; signals_begin must have been called.  Without
 * a pager, both stop the output.
 */
void	pager_print(FILE *, const char *text, size_t len);

#endif
