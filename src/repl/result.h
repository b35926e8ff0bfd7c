/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The replies of src/lua/typed.lua, which begin with a word that tells what the
 * rest is.
 */

#ifndef CR_RESULT_H
#define CR_RESULT_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "net/framing.h"
#include "util/error.h"

enum typed_kind {
	TYPED_DONE,		/* the rest is the results */
	TYPED_NIL,		/* the same, but they are nil and an error */
	TYPED_FAILED,		/* it is an error */
	TYPED_MORE,		/* the text is not complete, and did not run */
	TYPED_NAMES,		/* of a completion */
	TYPED_COMMAND		/* the rest names a command of ours */
};

struct typed {
	enum typed_kind	 kind;
	const char	*rest;		/* of the document, without the word */
	size_t		 rest_len;
};

/*
 * Reads the beginning of a reply; `rest` points into the document.  That the
 * console itself failed is TYPED_FAILED.  Returns 0, or -1 with a protocol
 * error if it is no such reply.
 */
int	 typed_read(struct typed *, const struct document *,
	    struct error *);

/* The line that a TYPED_COMMAND stands for, such as "\\help"; or NULL. */
const char	*typed_command(const struct typed *);

/* Prints the results or the error as the console does. */
void	 typed_print(FILE *, const struct typed *, int color);

/*
 * The rest as a tree, a new reference: an array of the results or, if it is
 * TYPED_FAILED, an object with the field `error`.  NULL with a protocol error.
 */
json_t	*typed_tree(const struct typed *, struct error *);

/* Puts what the error in such a tree says into a message. */
void	 typed_explain(const json_t *tree, struct error *);

#endif
