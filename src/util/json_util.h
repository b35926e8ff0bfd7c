/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Strict versions of jansson functions.  They fail if memory runs out, where
 * jansson silently omits values.
 */

#ifndef CR_JSON_UTIL_H
#define CR_JSON_UTIL_H

#include <jansson.h>
#include <stddef.h>

/*
 * Makes a shallow copy of an array or object: the copy shares the values.
 * Returns a new reference, or NULL if out of memory or if the argument is NULL.
 */
json_t	*json_copy_strict(const json_t *);

/*
 * Serialises a JSON tree.  `flags` are as for json_dumps.  Returns a string
 * that the caller frees, or NULL if out of memory or if the tree is NULL.  Sets
 * *len to the length of the string, unless `len` is NULL.
 */
char	*json_dump_strict(const json_t *, size_t flags, size_t *len);

#endif
