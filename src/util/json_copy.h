/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Strict copying of JSON trees.
 */

#ifndef CR_JSON_COPY_H
#define CR_JSON_COPY_H

#include <jansson.h>

/*
 * Makes a shallow copy of an array or object: the values are shared.
 * json_copy(3) silently omits values when out of memory; this fails instead.
 * Returns a new reference, or NULL if out of memory or if there is nothing to
 * copy.
 */
json_t	*copy_json(const json_t *);

#endif
