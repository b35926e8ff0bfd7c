/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Strict serialisation of JSON trees.
 */

#ifndef CR_JSON_DUMP_H
#define CR_JSON_DUMP_H

#include <jansson.h>
#include <stddef.h>

/*
 * Serialises a tree, with the flags of json_dumps(3).  Unlike json_dumps(3),
 * which silently omits keys when out of memory, this fails.  Returns a string
 * that the caller frees, and sets *len to its length unless `len` is NULL; or
 * returns NULL if out of memory or if the tree is NULL.
 */
char	*dump_json(const json_t *, size_t flags, size_t *len);

#endif
