/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/term.h"

/* The longest that one byte of text becomes: \ooo. */
#define ESCAPED_MAX	4

static const char *const style_table[] = {
	[TERM_PLAIN] = "",
	[TERM_BOLD] = "\033[1m",
	[TERM_GOOD] = "\033[32m",
	[TERM_BAD] = "\033[31m",
	[TERM_WARN] = "\033[33m",
	[TERM_DIM] = "\033[2m"
};

int
term_use_progress(enum term_color_mode mode, FILE *stream)
{
	const char *value;

	if (mode != TERM_AUTO)
		return mode == TERM_ALWAYS;
	if ((value = getenv("TERM")) != NULL && strcmp(value, "dumb") == 0)
		return 0;
	return isatty(fileno(stream));
}

int
term_use_color(enum term_color_mode mode, FILE *stream)
{
	const char *value = getenv("NO_COLOR");

	if (mode == TERM_AUTO && value != NULL && value[0] != '\0')
		return 0;
	return term_use_progress(mode, stream);
}

/*
 * The length of the UTF-8 sequence at the start of the text and its code
 * point; 0 if it is not UTF-8.
 */
static size_t
decode(const unsigned char *text, size_t len, unsigned long *code)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t i, need;

	if (text[0] < 0x80) {
		*code = text[0];
		return 1;
	}
	if (text[0] >= 0xc2 && text[0] <= 0xdf) {
		need = 2;
		*code = text[0] & 0x1f;
	} else if (text[0] >= 0xe0 && text[0] <= 0xef) {
		need = 3;
		*code = text[0] & 0x0f;
	} else if (text[0] >= 0xf0 && text[0] <= 0xf4) {
		need = 4;
		*code = text[0] & 0x07;
	} else
		return 0;
	if (len < need)
		return 0;
	for (i = 1; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	/* Overlong forms, surrogates, and what is beyond Unicode. */
	if (*code < least[need] || (*code >= 0xd800 && *code <= 0xdfff) ||
	    *code > 0x10ffff)
		return 0;
	return need;
}

/*
 * What a terminal or an eye could take for something else: controls, marks of
 * direction, separators of lines, and what is not seen at all; but not the two
 * joiners, U+200C and U+200D, which words of some languages need.
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

/* As vis(3) does it in octal, but that one needs memory for each byte. */
static char *
put_octal(char *dst, unsigned char byte)
{
	*dst++ = '\\';
	*dst++ = (char)('0' + (byte >> 6));
	*dst++ = (char)('0' + (byte >> 3 & 7));
	*dst++ = (char)('0' + (byte & 7));
	return dst;
}

/*
 * Escapes the first character of the text into dst, which has room for
 * 4 * ESCAPED_MAX bytes.  Returns how many bytes of the text that were.
 */
static size_t
escape_one(char **dst, const char *text, size_t len, const char *pass)
{
	const unsigned char *bytes = (const unsigned char *)text;
	unsigned long code;
	size_t i, used;
	int safe;

	used = decode(bytes, len, &code);
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
term_escape(const char *text, size_t len, int keep_lines)
{
	const char *end = text + len;
	char *escaped, *dst;

	if (len > (SIZE_MAX - 1) / ESCAPED_MAX ||
	    (escaped = malloc(len * ESCAPED_MAX + 1)) == NULL)
		return NULL;
	dst = escaped;
	while (text < end)
		text += escape_one(&dst, text, (size_t)(end - text),
		    keep_lines ? "\n\t" : "");
	*dst = '\0';
	return escaped;
}

static void
print_escaped(FILE *out, const char *text, size_t len, const char *pass)
{
	const char *end = text + len;
	char buf[4 * ESCAPED_MAX], *dst;
	size_t run;

	while (text < end) {
		/* Most of it is nothing special, and can be much. */
		run = 0;
		while (text + run < end && text[run] >= 0x20 &&
		    text[run] < 0x7f)
			run++;
		fwrite(text, 1, run, out);
		text += run;
		if (text == end)
			break;
		dst = buf;
		text += escape_one(&dst, text, (size_t)(end - text), pass);
		fwrite(buf, 1, (size_t)(dst - buf), out);
	}
}

void
term_print(FILE *out, const char *text)
{
	print_escaped(out, text, strlen(text), "");
}

void
term_print_text(FILE *out, const char *text, size_t len)
{
	print_escaped(out, text, len, "\n\t");
}

void
term_print_lines(FILE *out, const char *text, int indent)
{
	size_t len, left;

	left = strlen(text);
	while (left > 0 && text[left - 1] == '\n')
		left--;
	for (;;) {
		for (len = 0; len < left && text[len] != '\n'; len++)
			;
		print_escaped(out, text, len, "\t");
		if (len == left)
			break;
		text += len + 1;
		left -= len + 1;
		fprintf(out, "\n%*s", indent, "");
	}
}

void
term_begin(FILE *out, int color, enum term_style style)
{
	if (color)
		fputs(style_table[style], out);
}

void
term_end(FILE *out, int color)
{
	if (color)
		fputs("\033[0m", out);
}
