/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Converts scalars in the console's YAML to JSON values. */

#ifndef CR_YAML_SCALAR_H
#define CR_YAML_SCALAR_H

#include <jansson.h>
#include <stddef.h>

/*
 * Returns the value of a plain scalar of `len` bytes.  The text must be UTF-8
 * and end with a NUL.  The console quotes every string that could be mistaken
 * for another value, so `null`, `~`, `true`, `false` and JSON numbers have
 * their usual meaning.  Anything else is a string, even integers beyond 64 bits
 * and infinite reals.  Returns a new reference, or NULL if out of memory.
 */
json_t	*yaml_scalar_value(const char *text, size_t len);

#endif
