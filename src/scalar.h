/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What a plain scalar of the console is.
 */

#ifndef CR_SCALAR_H
#define CR_SCALAR_H

#include <jansson.h>
#include <stddef.h>

/*
 * The value of a plain scalar of `len` bytes, which a NUL follows.  The console
 * quotes every string that could be taken for something else, so `null`, `~`,
 * `true`, `false` and what is a number in JSON are that; all others are strings,
 * also integers that do not fit 64 signed bits and reals that are infinite.
 * The text must be UTF-8.  Returns a new reference, or NULL if memory is out.
 */
json_t	*scalar_value(const char *text, size_t len);

#endif
