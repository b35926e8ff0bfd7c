/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Escapes untrusted text, so that it cannot control a terminal or mislead a
 * reader.  Control characters (C0, DEL, C1), direction marks, line separators,
 * invisible characters and bytes that are not UTF-8 become octal escapes such
 * as \033.  Other UTF-8 is kept.
 */

#ifndef CR_ESCAPE_H
#define CR_ESCAPE_H

#include <stddef.h>

/*
 * The maximum length of an escaped character: four bytes, each written as an
 * escape of four characters.
 */
#define ESCAPE_ROOM	16

/*
 * Escapes the first character of a string of `len` bytes, which must not be
 * empty.  Writes up to ESCAPE_ROOM bytes to *dst and advances *dst.  Keeps
 * ASCII characters that are in `pass`.  Returns the number of bytes consumed.
 */
size_t	 escape_character(char **dst, const char *text, size_t len,
	    const char *pass);

/*
 * Escapes a string.  Keeps newlines and tabs if `keep_lines` is set.  Returns a
 * string that the caller frees, or NULL if out of memory.
 */
char	*escape_text(const char *text, size_t len, int keep_lines);

#endif
