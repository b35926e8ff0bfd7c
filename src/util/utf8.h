/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* UTF-8 (RFC 3629). */

#ifndef CR_UTF8_H
#define CR_UTF8_H

#include <stddef.h>

/*
 * Decodes the first character of a text of `len` bytes, at least one.  Stores
 * its code point and returns how many bytes it takes, or returns 0 if the text
 * does not begin with a whole, valid character: overlong forms, surrogates and
 * code points above U+10FFFF are none.
 */
size_t	utf8_decode(const void *text, size_t len, unsigned long *code);

/* How long the character is that begins with this byte; 1 for any other. */
size_t	utf8_length(unsigned char lead);

#endif
