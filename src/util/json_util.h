/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Strict versions of functions of jansson: they fail if out of memory, where
 * jansson silently omits values.
 */

#ifndef CR_JSON_UTIL_H
#define CR_JSON_UTIL_H

#include <jansson.h>
#include <stddef.h>

/*
 * Makes a shallow copy of an array or object: the values are shared.  Returns a
 * new reference, or NULL if out of memory or if the argument is NULL.
 */
json_t	*json_copy_strict(const json_t *);

/*
 * Serialises a tree, with the flags of json_dumps(3).  Returns a string that
 * the caller frees.  Sets *len to its length unless `len` is NULL.  Returns
 * NULL if out of memory or if the tree is NULL.
 */
char	*json_dump_strict(const json_t *, size_t flags, size_t *len);

#endif
