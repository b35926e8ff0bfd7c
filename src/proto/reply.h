/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The YAML of the console, read into a JSON tree.
 */

#ifndef CR_REPLY_H
#define CR_REPLY_H

#include <jansson.h>
#include <stddef.h>

#include "util/error.h"

#define REPLY_DEPTH_MAX		64
/* The most bytes that a document may have. */
#define REPLY_SIZE_MAX		((size_t)64 * 1024 * 1024)
/*
 * What the tree of a document of so many bytes may take of the heap, with all
 * aliases written out.
 */
#define REPLY_TREE_MAX(len)	((size_t)96 * 1024 * 1024 + 3 * (len))

/*
 * Reads one document (a YAML stream with one root node, such as
 * "---\n- 1\n...\n") into a tree.  How values map:
 *
 * - plain `null` and `~` are null; an empty plain scalar is the empty string;
 *   plain true/false are booleans; plain integers and reals are numbers;
 *   nan, inf and integers that do not fit 64 signed bits are strings as they
 *   stand; every quoted or block scalar is a string;
 * - !!binary is decoded; bytes that are not UTF-8 become the text \xNN, also
 *   in plain strings, as JSON knows text only;
 * - an alias is the value it points to, shared; an alias inside of what it
 *   points to (a cycle) is the string "<cycle>"; equal short strings may be
 *   shared, too;
 * - keys of maps are text: a number or null as it stands, a sequence or map
 *   as its compact JSON; of two equal keys the last counts.
 *
 * An empty document ("---\n...\n") is an empty array.  Returns a new
 * reference, or NULL with a protocol error: not YAML, deeper than
 * REPLY_DEPTH_MAX, larger than REPLY_SIZE_MAX or REPLY_TREE_MAX, unknown
 * alias, more than one document, out of memory.
 */
json_t	*reply_parse(const char *data, size_t len, struct error *);

#endif
