/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* UTF-8 (RFC 3629). */

#ifndef CR_UTF8_H
#define CR_UTF8_H

#include <stddef.h>

/*
 * Decodes the first character of a string of `len` bytes, which must not be
 * empty.  Stores the code point in *code.  Returns the length of the character
 * in bytes, or 0 if the string does not start with a valid character.  Overlong
 * forms, surrogates and code points above U+10FFFF are invalid.
 */
size_t	utf8_decode(const void *text, size_t len, unsigned long *code);

/* Whether a byte is a continuation byte of a multibyte character. */
static inline int
utf8_continues(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/*
 * Returns the length of a character that starts with the byte `lead`, or 1 if
 * no character starts with it.
 */
size_t	utf8_length(unsigned char lead);

#endif
