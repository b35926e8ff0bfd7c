/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A line as words, the way a shell splits it.
 */

#ifndef CR_STRLIST_H
#define CR_STRLIST_H

#include <stddef.h>

#include "util/error.h"

/* A list of texts that it owns. */
struct words {
	char	**list;
	size_t	  count;
};

/* Adds a copy of so many bytes.  Returns 0, or -1 with an error: memory. */
int	words_add(struct words *, const char *text, size_t len,
	    struct error *);

/*
 * Adds the words of a line: separated by blanks; '...' and "..." keep them, a
 * backslash keeps the character after it, but within '...'.  Nothing is
 * expanded.  Returns 0, or -1 with a usage error: a quote is not closed.
 */
int	words_split(struct words *, const char *line, struct error *);

/* Frees the words and leaves the list empty. */
void	words_finish(struct words *);

#endif
