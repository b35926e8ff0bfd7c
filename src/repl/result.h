/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Parses the replies of src/lua/commands/repl.lua.  A reply starts with a word
 * that names the kind of result.
 */

#ifndef CR_RESULT_H
#define CR_RESULT_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "net/framing.h"
#include "util/error.h"

enum result_kind {
	RESULT_DONE,		/* `rest` holds the results */
	RESULT_NIL_ERR,		/* `rest` holds nil and an error */
	RESULT_FAILED,		/* `rest` holds the error */
	RESULT_INCOMPLETE,	/* not run: more lines are needed */
	RESULT_NAMES,		/* `rest` lists candidates for completion */
	RESULT_COMMAND		/* `rest` names a backslash command */
};

struct result {
	enum result_kind	 kind;
	const char	*rest;		/* the text after the first word */
	size_t		 rest_len;
};

/*
 * Parses the first word of a reply.  `rest` points into the document.  An error
 * from Tarantool's console itself becomes RESULT_FAILED.  Returns 0, or -1 with
 * a protocol error.
 */
int	 result_read(struct result *, const struct document *,
	    struct error *);

/*
 * Returns the backslash command in a RESULT_COMMAND, such as "\\help", or NULL
 * if the command is unknown.
 */
const char	*result_command(const struct result *);

/* Prints the results or the error as the instance has formatted them. */
void	 result_print(FILE *, const struct result *, int color);

/*
 * Parses `rest`.  Returns a new reference to an array of the results or, for
 * RESULT_FAILED, to an object with an `error` field.  Returns NULL with a
 * protocol error if `rest` is invalid.
 */
json_t	*result_tree(const struct result *, struct error *);

/*
 * Sets `error` to the error in the tree of a RESULT_FAILED or RESULT_NIL_ERR.
 */
void	 result_explain(const json_t *tree, struct error *);

#endif
