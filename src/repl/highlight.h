/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Prints YAML for people to read: escaped for a terminal, and highlighted. */

#ifndef CR_HIGHLIGHT_H
#define CR_HIGHLIGHT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Prints a YAML document of the console, escaped.  If `color` is set,
 * highlights keys, strings and numbers.  If `failed` is set as well, strings
 * get the colour of errors.  Accepts invalid YAML, too.  Takes linear time.
 */
void	highlight_yaml(FILE *, const char *text, size_t len, int color,
	    int failed);

#endif
