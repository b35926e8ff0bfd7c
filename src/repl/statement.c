/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "repl/statement.h"

#define STATEMENT_MAX	((size_t)1024 * 1024)

/*
 * Up to this size in bytes, an unfinished statement is sent again whenever a
 * line is added to it.
 */
#define STATEMENT_SHORT	((size_t)4 * 1024)

void
statement_forget(struct statement *statement)
{
	free(statement->text);
	statement->text = NULL;
	statement->len = statement->sent = 0;
	memset(&statement->lua_nesting, 0, sizeof(statement->lua_nesting));
}

/*
 * Whether to send the statement to the instance, to find out whether it is
 * complete.  A short statement is sent after each line, so that the instance
 * reports errors early.  A long one is sent only if it may be complete, or if
 * it is at least twice as long as when it was last sent.  The total traffic
 * thus stays linear.
 */
static int
may_be_complete(const struct statement *statement)
{
	return statement->len <= STATEMENT_SHORT ||
	    !lua_is_incomplete(&statement->lua_nesting) ||
	    statement->len >= 2 * statement->sent;
}

int
statement_add(struct statement *statement, const char *line, size_t len,
    unsigned long number, struct error *error)
{
	size_t before = statement->len;
	char *grown;

	if (statement->text == NULL) {
		if (memchr(line, '\0', len) == NULL &&
		    strspn(line, " \t\n") == len)
			return 0;
		statement->line = number;
	} else if (before + len > STATEMENT_MAX) {
		statement_forget(statement);
		return error_set(error, ERROR_LUA,
		    "the statement exceeds %zu MiB; use eval --file for a "
		    "whole file", STATEMENT_MAX / 1024 / 1024);
	}
	if ((grown = realloc(statement->text, before + len + 2)) == NULL)
		return error_out_of_memory(error);
	if (statement->text != NULL)
		grown[before++] = '\n';
	memcpy(grown + before, line, len);
	grown[before + len] = '\0';
	lua_nesting_add(&statement->lua_nesting, grown + statement->len,
	    before + len - statement->len);
	statement->text = grown;
	statement->len = before + len;
	return may_be_complete(statement);
}
