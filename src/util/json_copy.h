/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Strict copying of JSON trees.
 */

#ifndef CR_JSON_COPY_H
#define CR_JSON_COPY_H

#include <jansson.h>

/*
 * Makes a shallow copy of an array or object: the values are shared.  Unlike
 * json_copy(3), which silently omits values when out of memory, this fails.
 * Returns a new reference, or NULL if out of memory or if the argument is NULL.
 */
json_t	*copy_json(const json_t *);

#endif
