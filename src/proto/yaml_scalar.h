/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Converts scalars of the console's YAML to JSON values. */

#ifndef CR_YAML_SCALAR_H
#define CR_YAML_SCALAR_H

#include <jansson.h>
#include <stddef.h>

/* Limits of the cache: length of a string, and number of entries. */
#define SCALARS_LEN_MAX	16
#define SCALARS_MAX	256

/*
 * A cache of recent short strings: long replies repeat the same words, and
 * sharing their values saves time and memory.  Initialise with NULLs.
 */
struct scalars {
	json_t	*strings[SCALARS_MAX];
};

/*
 * Returns the value of a plain scalar of `len` bytes, followed by a NUL.  The
 * console quotes every string that could be mistaken for something else, so
 * `null`, `~`, `true`, `false` and JSON numbers have their usual meaning.
 * Anything else is a string, even integers beyond 64 bits and infinite reals.
 * The text must be UTF-8.  Returns a reference, which may be shared if it is a
 * string, or NULL if out of memory.
 */
json_t	*scalars_value(struct scalars *, const char *text, size_t len);

/* Returns the value of a scalar that is always a string, quoted for example. */
json_t	*scalars_string(struct scalars *, const char *text, size_t len);

/* Releases the cached strings.  Trees keep their own references. */
void	 scalars_finish(struct scalars *);

#endif
