/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Escaping of text that came from outside, so that a terminal takes nothing in
 * it for a command and a reader nothing for something else: control characters
 * (C0, DEL, C1), marks of direction, invisible characters and bytes that are
 * not UTF-8 become octal escapes such as \033.  Other UTF-8 passes.
 */

#ifndef CR_ESCAPE_H
#define CR_ESCAPE_H

#include <stddef.h>

/* Room for one escaped character: each of up to four bytes becomes \ooo. */
#define ESCAPE_ROOM	16

/*
 * Escapes the first character of a text of `len` bytes, at least one, into
 * *dst, which has room for ESCAPE_ROOM bytes, and moves *dst behind it.  ASCII
 * characters in `pass` are kept.  Returns how many bytes of the text it took.
 */
size_t	 escape_character(char **dst, const char *text, size_t len,
	    const char *pass);

/*
 * Escapes a text; newlines and tabs are kept if `keep_lines` is set.  Returns a
 * string that the caller frees, or NULL if memory is out.
 */
char	*escape_text(const char *text, size_t len, int keep_lines);

#endif
