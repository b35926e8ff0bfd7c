/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * "Did you mean": finds the name closest to a misspelt word.
 */

#ifndef CR_NEAREST_H
#define CR_NEAREST_H

#include <stddef.h>

struct nearest {
	const char	*word;
	const char	*name;		/* the nearest so far, or NULL */
	size_t		 distance;
};

void	nearest_init(struct nearest *, const char *word);

/*
 * Offers a name, which must outlive the search.  A name is near if it begins
 * with the word or differs from it by few edits; swapping adjacent letters
 * counts as one edit.  If names are equally near, the first one wins.
 */
void	nearest_add(struct nearest *, const char *name);

#endif
