/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Parses the YAML of the console into a JSON tree.
 */

#ifndef CR_YAML_TREE_H
#define CR_YAML_TREE_H

#include <jansson.h>
#include <stddef.h>

#include "util/error.h"

#define YAML_TREE_DEPTH_MAX		64
/* The maximum size of a document, in bytes. */
#define YAML_TREE_TEXT_MAX		((size_t)64 * 1024 * 1024)
/*
 * The maximum heap size of the tree of a document of `len` bytes, with all
 * aliases expanded.
 */
#define YAML_TREE_HEAP_MAX(len)	((size_t)96 * 1024 * 1024 + 3 * (len))

/*
 * Parses one document (a YAML stream with one root node, such as
 * "---\n- 1\n...\n") into a tree.
 *
 * Values map as follows:
 * - plain `null` and `~` are null; an empty plain scalar is the empty string;
 *   plain true and false are booleans; plain integers and reals are numbers;
 *   nan, inf and integers that do not fit in a signed 64-bit number are
 *   strings; quoted and block scalars are strings;
 * - !!binary is decoded; bytes that are not UTF-8 become \xNN in all strings,
 *   because JSON has no byte strings;
 * - an alias shares the value of its anchor; an alias within that value (a
 *   cycle) is the string "<cycle>";
 * - map keys are text: numbers and null as written, sequences and maps as
 *   compact JSON; the last of several equal keys wins.
 *
 * An empty document ("---\n...\n") is an empty array.
 *
 * Returns a new reference, or NULL with a protocol error: not YAML, deeper than
 * YAML_TREE_DEPTH_MAX, larger than YAML_TREE_TEXT_MAX or YAML_TREE_HEAP_MAX,
 * unknown alias, more than one document, out of memory.
 */
json_t	*yaml_tree_parse(const char *data, size_t len, struct error *);

#endif
