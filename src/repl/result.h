/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Parses the replies of src/lua/commands/repl.lua, which start with a word for
 * the kind of result.
 */

#ifndef CR_RESULT_H
#define CR_RESULT_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "net/framing.h"
#include "util/error.h"

enum result_kind {
	RESULT_DONE,		/* the rest has the results */
	RESULT_NIL_ERR,		/* results are nil and an error */
	RESULT_FAILED,		/* the rest is an error */
	RESULT_INCOMPLETE,		/* incomplete statement, not run */
	RESULT_NAMES,		/* names for a completion */
	RESULT_COMMAND		/* the rest names a backslash command */
};

struct result {
	enum result_kind	 kind;
	const char	*rest;		/* the document without the word */
	size_t		 rest_len;
};

/*
 * Parses the beginning of a reply; `rest` points into the document.  A failure
 * of the console itself is RESULT_FAILED.  Returns 0, or -1 with a protocol
 * error.
 */
int	 result_read(struct result *, const struct document *,
	    struct error *);

/* Returns the line for a RESULT_COMMAND, such as "\\help"; or NULL. */
const char	*result_command(const struct result *);

/* Prints the results or the error as the console does. */
void	 result_print(FILE *, const struct result *, int color);

/*
 * Returns the rest as a tree, a new reference: an array of the results or, for
 * RESULT_FAILED, an object with the field `error`.  NULL with a protocol error.
 */
json_t	*result_tree(const struct result *, struct error *);

/* Copies the error in such a tree to a message. */
void	 result_explain(const json_t *tree, struct error *);

#endif
