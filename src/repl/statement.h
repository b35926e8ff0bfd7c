/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A statement of Lua as it is typed, line after line, until the instance finds
 * it complete.
 */

#ifndef CR_STATEMENT_H
#define CR_STATEMENT_H

#include <stddef.h>

#include "repl/lua_incomplete.h"
#include "util/error.h"

/* All zero at the beginning: there is none. */
struct statement {
	char		*text;		/* so far, owned; NULL: there is none */
	size_t		 len;
	size_t		 sent;		/* of it, by the caller; or 0 */
	unsigned long	 line;		/* of the last one, where it began */
	struct nesting	 nesting;	/* at its end */
};

/*
 * Adds a line with this number; a blank one begins none.  Returns 1 if the
 * instance is to be asked whether it is complete, 0 if not so far, or -1 with
 * an error: memory is out; or it is too long (outcome failed), and forgotten.
 */
int	 statement_add(struct statement *, const char *line, size_t len,
	    unsigned long number, struct error *);

/* There is none any more. */
void	 statement_forget(struct statement *);

#endif
