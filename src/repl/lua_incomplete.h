/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Tracks the nesting of brackets, blocks and long strings in Lua, to tell
 * whether a statement is incomplete.  Exact for valid Lua; only the instance
 * knows whether the text is valid.
 */

#ifndef CR_LUA_INCOMPLETE_H
#define CR_LUA_INCOMPLETE_H

#include <stddef.h>

/* Initialise with zeros. */
struct lua_nesting {
	long	 depth;		/* of brackets and blocks */
	size_t	 level;		/* of a long string or comment, plus one */
	char	 quote;		/* of an open string, or NUL */
	int	 escaped;	/* ends with a backslash */
};

/* Processes more text: whole lines, with the newline before them. */
void	lua_nesting_add(struct lua_nesting *, const char *text, size_t len);

/* Whether the statement needs more lines. */
int	lua_is_incomplete(const struct lua_nesting *);

#endif
