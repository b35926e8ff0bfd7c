/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Tracks the nesting of brackets, blocks and long strings in Lua code, to
 * decide whether a statement is incomplete.  For valid code the decision is
 * exact.  Only the instance can tell whether the code is valid.
 */

#ifndef CR_LUA_INCOMPLETE_H
#define CR_LUA_INCOMPLETE_H

#include <stddef.h>

/*
 * The nesting at the end of a text.  At the start of a statement, all fields
 * are zero.
 */
struct lua_nesting {
	long	 depth;		/* open brackets and blocks */
	size_t	 level;		/* level of an open long bracket, plus 1 */
	char	 quote;		/* quote of an open string, or NUL */
	int	 escaped;	/* the text ends with a backslash */
};

/*
 * Processes more text, which must consist of whole lines.  Except at the start
 * of a statement, the text begins with the newline that separates it from the
 * previous line.
 */
void	lua_nesting_add(struct lua_nesting *, const char *text, size_t len);

/* Whether the statement needs more lines to be complete. */
int	lua_is_incomplete(const struct lua_nesting *);

#endif
