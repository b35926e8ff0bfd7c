/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Escapes untrusted text, so that it can neither control a terminal nor mislead
 * a reader: control characters (C0, DEL, C1), direction marks, invisible
 * characters and bytes that are not UTF-8 become octal escapes such as \033.
 * Other UTF-8 is kept.
 */

#ifndef CR_ESCAPE_H
#define CR_ESCAPE_H

#include <stddef.h>

/* The maximum length of an escaped character: four bytes, each as \ooo. */
#define ESCAPE_ROOM	16

/*
 * Escapes the first character of a text of `len` bytes (at least one) into
 * *dst, which must have room for ESCAPE_ROOM bytes, and advances *dst.  ASCII
 * characters in `pass` are kept.  Returns the number of bytes consumed.
 */
size_t	 escape_character(char **dst, const char *text, size_t len,
	    const char *pass);

/*
 * Escapes a text; keeps newlines and tabs if `keep_lines` is set.  Returns a
 * string that the caller frees, or NULL if out of memory.
 */
char	*escape_text(const char *text, size_t len, int keep_lines);

#endif
