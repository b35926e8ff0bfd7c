/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Decides whether a Lua statement is incomplete.  Counts open brackets, blocks
 * and long strings.  For valid code the decision is exact; only the instance
 * can tell whether the code is valid.
 */

#ifndef CR_LUA_INCOMPLETE_H
#define CR_LUA_INCOMPLETE_H

#include <stddef.h>

/*
 * The nesting at the end of a text.  At the start of a statement, all fields
 * are zero.
 */
struct lua_nesting {
	long	 depth;		/* number of open brackets and blocks */
	size_t	 level;		/* 1 + level of the open long bracket, or 0 */
	char	 quote;		/* quote character of the open string, or NUL */
	int	 escaped;	/* the text ends with a backslash */
};

/*
 * Processes one or more whole lines of a statement.  Except at the start of the
 * statement, the text begins with the newline that ends the previous line.
 */
void	lua_nesting_add(struct lua_nesting *, const char *text, size_t len);

/* Whether the statement needs more lines to be complete. */
int	lua_is_incomplete(const struct lua_nesting *);

#endif
