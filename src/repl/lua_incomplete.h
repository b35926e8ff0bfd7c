/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * How deep in brackets, blocks and long strings the end of some Lua is.  Right
 * for Lua that is right; only the instance knows whether it is.
 */

#ifndef CR_LUA_INCOMPLETE_H
#define CR_LUA_INCOMPLETE_H

#include <stddef.h>

/* All zero at the beginning. */
struct nesting {
	long	 depth;		/* of brackets and blocks */
	size_t	 level;		/* of a long string or comment, plus one */
	char	 quote;		/* of a string, or NUL */
	int	 escaped;	/* by a backslash at the end */
};

/* Takes more text: a line or more, the newline before it included. */
void	nesting_add(struct nesting *, const char *text, size_t len);

/* Whether more must come. */
int	nesting_is_open(const struct nesting *);

#endif
