/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A list of strings, and a line as one, the way a shell splits it.
 */

#ifndef CR_STRLIST_H
#define CR_STRLIST_H

#include <stddef.h>

#include "util/error.h"

/* It owns its strings. */
struct strlist {
	char	**list;
	size_t	  count;
};

/* Adds a copy of so many bytes.  Returns 0, or -1 with an error: memory. */
int	strlist_add(struct strlist *, const char *text, size_t len,
	    struct error *);

/*
 * Adds the words of a line: separated by blanks; '...' and "..." keep them, a
 * backslash keeps the character after it, but within '...'.  Nothing is
 * expanded.  Returns 0, or -1 with a usage error: a quote is not closed.
 */
int	strlist_split(struct strlist *, const char *line, struct error *);

/* Frees the words and leaves the list empty. */
void	strlist_finish(struct strlist *);

#endif
