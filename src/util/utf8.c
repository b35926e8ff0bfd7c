/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include "util/utf8.h"

size_t
utf8_length(unsigned char lead)
{
	if (lead < 0xc0 || lead >= 0xf8)
		return 1;
	return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

size_t
utf8_decode(const void *text, size_t len, unsigned long *code)
{
	/* The smallest code point for each encoded length, in bytes. */
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *bytes = text;
	size_t i, need;

	if (bytes[0] < 0x80) {
		*code = bytes[0];
		return 1;
	}
	need = utf8_length(bytes[0]);
	if (need == 1 || need > len)
		return 0;
	*code = bytes[0] & (0x7fU >> need);
	for (i = 1; i < need; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (bytes[i] & 0x3f);
	}
	if (*code < least[need] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return need;
}
