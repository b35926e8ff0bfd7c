/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Converts the console's YAML to a JSON tree. */

#ifndef CR_YAML_TREE_H
#define CR_YAML_TREE_H

#include <jansson.h>
#include <stddef.h>

#include "util/error.h"

#define YAML_TREE_DEPTH_MAX		64
/* The maximum size of a document, in bytes. */
#define YAML_TREE_TEXT_MAX		((size_t)64 * 1024 * 1024)
/*
 * The maximum heap size of the tree for a document of `len` bytes, with all
 * aliases expanded.
 */
#define YAML_TREE_HEAP_MAX(len)	((size_t)96 * 1024 * 1024 + 3 * (len))

/*
 * Parses one document into a tree.  The input is a YAML stream with one root
 * node, such as "---\n- 1\n...\n".
 *
 * Values map as follows:
 * - Plain `null` and `~` become null.
 * - An empty plain scalar becomes the empty string.
 * - Plain `true` and `false` become booleans.
 * - Plain integers and reals become numbers.  But nan, inf and integers that do
 *   not fit in a signed 64-bit number become strings.
 * - Quoted and block scalars become strings.
 * - !!binary is decoded.  In all strings, bytes that are not UTF-8 become \xNN,
 *   because JSON has no byte strings.
 * - An alias shares the value of its anchor.  If that value contains the alias
 *   itself (a cycle), the alias becomes the string "<cycle>".
 * - Map keys become text.  Numbers and null stay as written; sequences and maps
 *   become compact JSON.  The last of several equal keys wins.
 * - An empty document ("---\n...\n") becomes an empty array.
 *
 * Returns a new reference, or NULL with a protocol error.  The errors are: the
 * input is not YAML, has an alias for an unknown anchor, or has more than one
 * document; it exceeds YAML_TREE_DEPTH_MAX, YAML_TREE_TEXT_MAX or
 * YAML_TREE_HEAP_MAX; memory runs out.
 */
json_t	*yaml_tree_parse(const char *data, size_t len, struct error *);

#endif
