/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A copy of a JSON array or object, all of it or none.
 */

#ifndef CR_JSON_COPY_H
#define CR_JSON_COPY_H

#include <jansson.h>

/*
 * Copies an array or an object, whose values the copy shares.  json_copy(3)
 * leaves out what there is no memory for, and calls it a success.  Returns a
 * new reference; or NULL if memory is out or there is nothing to copy.
 */
json_t	*copy_json(const json_t *);

#endif
