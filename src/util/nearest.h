/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Finds the name closest to a misspelt word, for "did you mean" messages. */

#ifndef CR_NEAREST_H
#define CR_NEAREST_H

#include <stddef.h>

struct nearest {
	const char	*word;
	const char	*name;		/* nearest name found, or NULL */
	size_t		 distance;
};

void	nearest_init(struct nearest *, const char *word);

/*
 * Compares a name with the word.  The name must outlive the search.  A name is
 * near if it begins with the word or differs from it by a few edits.  A swap of
 * adjacent letters is one edit.  If several names are equally near, the first
 * one wins.
 */
void	nearest_add(struct nearest *, const char *name);

#endif
