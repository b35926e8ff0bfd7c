/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Lists of strings, and a function that splits a line into words as a shell
 * does.
 */

#ifndef CR_STRLIST_H
#define CR_STRLIST_H

#include <stddef.h>

#include "util/error.h"

/* The list owns its strings. */
struct strlist {
	char	**list;
	size_t	  count;
};

/* Adds a copy of `len` bytes.  Returns 0, or -1 if out of memory. */
int	strlist_add(struct strlist *, const char *text, size_t len,
	    struct error *);

/*
 * Splits a line at blanks and adds the words to the list.  Blanks within '...'
 * or "..." do not split the line.  A backslash quotes the next character,
 * except within '...'.  Variables and globs are not expanded.  Returns 0, or -1
 * with a usage error if a quote is not terminated.
 */
int	strlist_split(struct strlist *, const char *line, struct error *);

/* Frees the words and leaves the list empty. */
void	strlist_finish(struct strlist *);

#endif
