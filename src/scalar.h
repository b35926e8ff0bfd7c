/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What a plain scalar of the console is.
 */

#ifndef CR_SCALAR_H
#define CR_SCALAR_H

#include <jansson.h>
#include <stddef.h>

/* The longest texts that are remembered, and how many. */
#define SCALARS_LEN_MAX	32
#define SCALARS_MAX	256

/*
 * The value of a plain scalar of `len` bytes, which a NUL follows.  The console
 * quotes every string that could be taken for something else, so `null`, `~`,
 * `true`, `false` and what is a number in JSON are that; all others are strings,
 * also integers that do not fit 64 signed bits and reals that are infinite.
 * The text must be UTF-8.  Returns a new reference, or NULL if memory is out.
 */
json_t	*scalar_value(const char *text, size_t len);

/*
 * Short scalars that were seen lately: a long reply says the same words and
 * numbers again and again, and one value for all of them saves time and memory.
 * All zero at first.
 */
struct scalars {
	struct scalar {
		json_t		*value;
		unsigned char	 len;
		unsigned char	 is_plain;
		char		 text[SCALARS_LEN_MAX];
	} slots[SCALARS_MAX];
};

/*
 * The value of a scalar, a string if it is not plain; the same reference may
 * have been returned before.  Returns NULL if memory is out.
 */
json_t	*scalars_value(struct scalars *, const char *text, size_t len,
	    int is_plain);

/* Gives the values up; they live on where they were put. */
void	 scalars_finish(struct scalars *);

#endif
