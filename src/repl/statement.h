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

/*
 * A statement that is being collected.  All fields are zero if there is none.
 */
struct statement {
	char		*text;		/* owned; NULL if no statement */
	size_t		 len;
	size_t		 sent;		/* length of `text` when last sent */
	unsigned long	 line;		/* number of the first line */
	struct lua_nesting	 lua_nesting;	/* at the end of `text` */
};

/*
 * Adds a line with the given line number.  Ignores blank lines before a
 * statement.  Returns 1 if the caller should ask the instance whether the
 * statement is complete, or 0 if more lines should be added first.  Returns -1
 * with an error if out of memory or if the statement is too long.  If it is too
 * long, the statement is discarded, and the outcome of the error is "failed".
 */
int	 statement_add(struct statement *, const char *line, size_t len,
	    unsigned long number, struct error *);

/* Discards the statement. */
void	 statement_forget(struct statement *);

#endif
