/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Collects the lines of a Lua statement until the instance accepts it as
 * complete.
 */

#ifndef CR_STATEMENT_H
#define CR_STATEMENT_H

#include <stddef.h>

#include "repl/lua_incomplete.h"
#include "util/error.h"

/* Initialise with zeros: no statement. */
struct statement {
	char		*text;		/* so far, owned; NULL: none */
	size_t		 len;
	size_t		 sent;		/* how much, by the caller */
	unsigned long	 line;		/* line number where it started */
	struct lua_nesting	 lua_nesting;	/* at its end */
};

/*
 * Adds a line with its number; a blank line does not start a statement.
 * Returns 1 if the instance should be asked whether it is complete, 0 if not
 * yet, or -1 with an error: out of memory; or the statement is too long
 * (outcome failed), and discarded.
 */
int	 statement_add(struct statement *, const char *line, size_t len,
	    unsigned long number, struct error *);

/* Discards the statement. */
void	 statement_forget(struct statement *);

#endif
