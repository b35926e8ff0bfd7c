/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Tracks the nesting of brackets, blocks and long strings in Lua, to decide
 * whether a statement is incomplete.  The decision is exact if the Lua is
 * valid.  Only the instance knows whether it is.
 */

#ifndef CR_LUA_INCOMPLETE_H
#define CR_LUA_INCOMPLETE_H

#include <stddef.h>

/* The nesting at the end of a text.  Zeros mean the start of a statement. */
struct lua_nesting {
	long	 depth;		/* open brackets and blocks */
	size_t	 level;		/* level of an open long bracket, plus 1 */
	char	 quote;		/* quote of an open string, or NUL */
	int	 escaped;	/* the text ends with a backslash */
};

/*
 * Processes more text, which must consist of whole lines.  The newline between
 * two lines belongs to the text of the second one.
 */
void	lua_nesting_add(struct lua_nesting *, const char *text, size_t len);

/* Whether more lines must follow to complete the statement. */
int	lua_is_incomplete(const struct lua_nesting *);

#endif
