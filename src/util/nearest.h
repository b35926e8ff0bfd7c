/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * "Did you mean": the name that a misspelt word most probably stands for.
 */

#ifndef CR_NEAREST_H
#define CR_NEAREST_H

#include <stddef.h>

struct nearest {
	const char	*word;
	const char	*name;		/* the best so far, or NULL */
	size_t		 distance;
};

void	nearest_init(struct nearest *, const char *word);

/*
 * Considers a name, which must outlive the search.  A name is near if it
 * begins with the word, or if few letters differ, counting two that changed
 * places as one.  Of equally near names the first is kept.
 */
void	nearest_add(struct nearest *, const char *name);

#endif
