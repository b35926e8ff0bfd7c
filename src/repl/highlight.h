/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A document of the console for people: harmless to a terminal, in colours.
 */

#ifndef CR_HIGHLIGHT_H
#define CR_HIGHLIGHT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Prints YAML as the console writes it, escaped.  With `color`, keys, strings,
 * numbers and the rest have one each, and the strings of a `failed` one are
 * those of an error.  What is no YAML is printed just as well.  One pass.
 */
void	paint_yaml(FILE *, const char *text, size_t len, int color,
	    int failed);

#endif
