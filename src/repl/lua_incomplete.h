/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Tracks the nesting of brackets, blocks and long strings in Lua, to decide
 * whether a statement is incomplete.  The result is exact for valid Lua; only
 * the instance knows whether the text is valid.
 */

#ifndef CR_LUA_INCOMPLETE_H
#define CR_LUA_INCOMPLETE_H

#include <stddef.h>

/* Initialise it with zeros. */
struct lua_nesting {
	long	 depth;		/* open brackets and blocks */
	size_t	 level;		/* level of a long bracket, plus one */
	char	 quote;		/* quote of an open string, or NUL */
	int	 escaped;	/* the text ends with a backslash */
};

/* Processes more text: whole lines, with the newline that precedes them. */
void	lua_nesting_add(struct lua_nesting *, const char *text, size_t len);

/* Whether more lines must follow to complete the statement. */
int	lua_is_incomplete(const struct lua_nesting *);

#endif
