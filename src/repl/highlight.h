/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Prints YAML for people: escaped for a terminal, and highlighted. */

#ifndef CR_HIGHLIGHT_H
#define CR_HIGHLIGHT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Prints a YAML document of the console, escaped.  With `color`, keys, strings
 * and numbers are highlighted; if `failed`, strings use the error colour.
 * Prints text that is not YAML as well.  Takes one pass.
 */
void	highlight_yaml(FILE *, const char *text, size_t len, int color,
	    int failed);

#endif
