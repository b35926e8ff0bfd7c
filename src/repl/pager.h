/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Long text on a terminal, a page at a time.
 */

#ifndef CR_PAGER_H
#define CR_PAGER_H

#include <stddef.h>
#include <stdio.h>

/*
 * How many rows of a terminal with so many columns the text takes.  Characters
 * are counted as one column each, and the sequences of term_begin as none.
 */
size_t	pager_rows(const char *text, size_t len, size_t columns);

/*
 * Prints a text: through $PAGER, or else less, if the stream and standard input
 * are a terminal that it does not fit; otherwise, or if there is no such
 * program, as it is.  Waits for the end of the pager.  SIGINT is the pager's
 * meanwhile; after SIGTERM it is ended, see util/signals.h, which must have begun.
 * Without a pager, both end the printing on a terminal.
 */
void	pager_print(FILE *, const char *text, size_t len);

#endif
