/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Prints a console document for people: escaped for a terminal, with colours.
 */

#ifndef CR_HIGHLIGHT_H
#define CR_HIGHLIGHT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Prints YAML as written by the console, escaped.  With `color`, keys, strings
 * and numbers are highlighted; if `failed`, strings use the error colour.  Text
 * that is not YAML is printed as well.  Takes one pass.
 */
void	highlight_yaml(FILE *, const char *text, size_t len, int color,
	    int failed);

#endif
