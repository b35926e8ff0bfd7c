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
 * Serialises a tree, with the flags of json_dumps(3), which silently omits keys
 * when it runs out of memory; this fails instead.  Returns a string to be freed
 * and its length in *len unless that is NULL; or NULL if out of memory or if
 * the tree is NULL.
 */
char	*dump_json(const json_t *, size_t flags, size_t *len);

#endif
