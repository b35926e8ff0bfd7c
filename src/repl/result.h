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

enum typed_kind {
	TYPED_DONE,		/* the rest has the results */
	TYPED_NIL,		/* results are nil and an error */
	TYPED_FAILED,		/* the rest is an error */
	TYPED_MORE,		/* incomplete statement, not run */
	TYPED_NAMES,		/* names for a completion */
	TYPED_COMMAND		/* the rest names a backslash command */
};

struct typed {
	enum typed_kind	 kind;
	const char	*rest;		/* the document without the word */
	size_t		 rest_len;
};

/*
 * Parses the beginning of a reply; `rest` points into the document.  A failure
 * of the console itself is TYPED_FAILED.  Returns 0, or -1 with a protocol
 * error.
 */
int	 typed_read(struct typed *, const struct document *,
	    struct error *);

/* Returns the line for a TYPED_COMMAND, such as "\\help"; or NULL. */
const char	*typed_command(const struct typed *);

/* Prints the results or the error as the console does. */
void	 typed_print(FILE *, const struct typed *, int color);

/*
 * Returns the rest as a tree, a new reference: an array of the results or, for
 * TYPED_FAILED, an object with the field `error`.  NULL with a protocol error.
 */
json_t	*typed_tree(const struct typed *, struct error *);

/* Copies the error in such a tree to a message. */
void	 typed_explain(const json_t *tree, struct error *);

#endif
