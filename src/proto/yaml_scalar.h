/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What a plain scalar of the console is.
 */

#ifndef CR_YAML_SCALAR_H
#define CR_YAML_SCALAR_H

#include <jansson.h>
#include <stddef.h>

/* The longest strings that are remembered, and how many. */
#define SCALARS_LEN_MAX	16
#define SCALARS_MAX	256

/*
 * Short strings that were seen lately: a long reply says the same words again
 * and again, and one value for all of them saves time and memory.  All NULL at
 * first.
 */
struct scalars {
	json_t	*strings[SCALARS_MAX];
};

/*
 * The value of a plain scalar of `len` bytes, which a NUL follows.  The console
 * quotes every string that could be taken for something else, so `null`, `~`,
 * `true`, `false` and what is a number in JSON are that; all else is a string,
 * also integers that do not fit 64 signed bits and reals that are infinite.
 * The text must be UTF-8.  Returns a reference, which may have been returned
 * before if it is a string, or NULL if memory is out.
 */
json_t	*scalars_value(struct scalars *, const char *text, size_t len);

/* The same for a scalar that is a string in any case. */
json_t	*scalars_string(struct scalars *, const char *text, size_t len);

/* Gives the strings up; they live on where they were put. */
void	 scalars_finish(struct scalars *);

#endif
