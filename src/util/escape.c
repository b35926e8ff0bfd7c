/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/escape.h"
#include "util/utf8.h"

/* The length of an escape sequence such as \033, which stands for one byte. */
#define ESCAPED_MAX	4

/*
 * Characters that a terminal or a reader could misinterpret: control
 * characters, direction marks, line separators, and invisible characters.  The
 * joiners U+200C and U+200D are allowed, because some languages need them.
 */
static const struct { unsigned long first, last; } harmful_table[] = {
	{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c },
	{ 0x180e, 0x180e }, { 0x200b, 0x200b }, { 0x200e, 0x200f },
	{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff }
};

static int
harmful(unsigned long code)
{
	size_t i;

	if (code >= 0x20 && code < 0x7f)
		return 0;
	for (i = 0; i < sizeof(harmful_table) / sizeof(harmful_table[0]); i++)
		if (code >= harmful_table[i].first &&
		    code <= harmful_table[i].last)
			return 1;
	return 0;
}

/*
 * Writes a byte as an octal escape.  vis(3) would allocate memory for each
 * byte.
 */
static char *
put_octal(char *dst, unsigned char byte)
{
	*dst++ = '\\';
	*dst++ = (char)('0' + (byte >> 6));
	*dst++ = (char)('0' + (byte >> 3 & 7));
	*dst++ = (char)('0' + (byte & 7));
	return dst;
}

size_t
escape_character(char **dst, const char *text, size_t len, const char *pass)
{
	const unsigned char *bytes = (const unsigned char *)text;
	unsigned long code;
	size_t i, used;
	int safe;

	used = utf8_decode(bytes, len, &code);
	safe = used > 0 && (!harmful(code) ||
	    (used == 1 && code != 0 && strchr(pass, (int)code) != NULL));
	if (used == 0)
		used = 1;
	for (i = 0; i < used; i++) {
		if (safe)
			*(*dst)++ = text[i];
		else
			*dst = put_octal(*dst, bytes[i]);
	}
	return used;
}

char *
escape_text(const char *text, size_t len, int keep_lines)
{
	const char *end = text + len;
	char *escaped, *dst;

	if (len > (SIZE_MAX - 1) / ESCAPED_MAX ||
	    (escaped = malloc(len * ESCAPED_MAX + 1)) == NULL)
		return NULL;
	dst = escaped;
	while (text < end)
		text += escape_character(&dst, text, (size_t)(end - text),
		    keep_lines ? "\n\t" : "");
	*dst = '\0';
	return escaped;
}
