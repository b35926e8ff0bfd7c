/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Parses the replies of src/lua/commands/repl.lua.  They start with a word that
 * says what kind of result follows.
 */

#ifndef CR_RESULT_H
#define CR_RESULT_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "net/framing.h"
#include "util/error.h"

enum result_kind {
	RESULT_DONE,		/* results in the rest */
	RESULT_NIL_ERR,		/* the results are nil and an error */
	RESULT_FAILED,		/* an error in the rest */
	RESULT_INCOMPLETE,	/* incomplete statement, not run */
	RESULT_NAMES,		/* names for a completion in the rest */
	RESULT_COMMAND		/* a backslash command in the rest */
};

struct result {
	enum result_kind	 kind;
	const char	*rest;		/* the document after the word */
	size_t		 rest_len;
};

/*
 * Parses the beginning of a reply.  `rest` points into the document.  An error
 * reply of the console itself becomes RESULT_FAILED.  Returns 0, or -1 with a
 * protocol error.
 */
int	 result_read(struct result *, const struct document *,
	    struct error *);

/* Returns the line of a RESULT_COMMAND, such as "\\help", or NULL. */
const char	*result_command(const struct result *);

/* Prints the results or the error in the format of the console. */
void	 result_print(FILE *, const struct result *, int color);

/*
 * Returns the rest as a tree, a new reference: an array of the results or, for
 * RESULT_FAILED, an object with the field `error`.  Returns NULL with a
 * protocol error if the rest is invalid.
 */
json_t	*result_tree(const struct result *, struct error *);

/* Copies the error in a tree of RESULT_FAILED to the message of `error`. */
void	 result_explain(const json_t *tree, struct error *);

#endif
