/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What may be printed on a terminal, by rules independent of the program: the C
 * library's decoding of UTF-8, and a list of characters that must never be
 * printed.
 */

#include <locale.h>
#include <wchar.h>

#include "fuzz.h"

/*
 * Control characters except for tabs and newlines, marks of direction, line
 * separators, and invisible characters.
 */
static const struct { wchar_t first, last; } harmful[] = {
	{ 0x00, 0x08 }, { 0x0b, 0x1f }, { 0x7f, 0x9f }, { 0x61c, 0x61c },
	{ 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 },
	{ 0xfeff, 0xfeff }, { 0xad, 0xad }, { 0x180e, 0x180e },
	{ 0x200b, 0x200b }, { 0x2060, 0x206f }, { 0xfff9, 0xfffb },
	{ 0xe0000, 0xe0fff }
};

void
must_be_harmless(const char *text, size_t len)
{
	static int is_set;
	mbstate_t state;
	wchar_t wide;
	size_t used, i;

	if (!is_set) {
		MUST(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
		is_set = 1;
	}
	memset(&state, 0, sizeof(state));
	for (; len > 0; text += used, len -= used) {
		used = mbrtowc(&wide, text, len, &state);
		MUST(used != 0 && used <= len);
		for (i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++)
			MUST(wide < harmful[i].first ||
			    wide > harmful[i].last);
	}
}
