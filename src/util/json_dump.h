/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A JSON tree as text, all of it or none.
 */

#ifndef CR_JSON_DUMP_H
#define CR_JSON_DUMP_H

#include <jansson.h>
#include <stddef.h>

/*
 * Writes a tree as text, with the flags of json_dumps(3), which itself leaves
 * out keys if memory is out in the middle and calls it a success.  Returns a
 * string to be freed, its length in *len unless that is NULL; or NULL if memory
 * is out or the tree is NULL.
 */
char	*dump_json(const json_t *, size_t flags, size_t *len);

#endif
