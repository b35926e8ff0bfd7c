/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Prints YAML with syntax highlighting. */

#ifndef CR_HIGHLIGHT_H
#define CR_HIGHLIGHT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Prints a YAML document, valid or not, and escapes it except for newlines and
 * tabs.  If `color` is set, highlights keys, strings and numbers.  If `failed`
 * is set as well, prints strings in the error colour.  Takes linear time.
 */
void	highlight_yaml(FILE *, const char *text, size_t len, int color,
	    int failed);

#endif
