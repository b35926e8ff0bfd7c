/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/yaml_bytes.h"
#include "util/utf8.h"

/*
 * A placeholder is a code point in the last private-use plane.  It takes four
 * bytes in UTF-8, as many as the text "\xNN".  Its value is
 *
 *	PLACEHOLDER | kind << 8 | byte
 */
#define PLACEHOLDER	0x10f000UL
#define PLACEHOLDER_LEN	4
enum placeholder {
	PLACEHOLDER_RAW,	/* a raw byte */
	PLACEHOLDER_ESCAPE	/* the text "\xNN"; may have the flags below */
};

/*
 * Flags that are added to PLACEHOLDER_ESCAPE if the first or the second digit
 * of \xNN is a capital letter.
 */
#define UPPER_HIGH	1
#define UPPER_LOW	2
#define PLACEHOLDER_END	(PLACEHOLDER_ESCAPE + 4)

/*
 * The fast path handles blocks of BLOCK bytes.  It may read up to BLOCK_AFTER
 * bytes beyond a block.
 */
#define BLOCK		64
#define BLOCK_AFTER	2

/* The state of a scan over the whole input, and its results. */
struct prescan {
	unsigned char	*to;		/* output, or NULL to measure */
	size_t		 len;		/* length of the output */
	size_t		 directives;
	int		 needs_copy;	/* the input must be copied */
};

static const char hex_digits[] = "0123456789abcdef";

/* Whether YAML allows this character unescaped. */
static int
is_yaml_character(unsigned long code)
{
	if (code < 0x20)
		return code == '\t' || code == '\n' || code == '\r';
	if (code >= 0x7f && code < 0xa0)
		return code == 0x85;
	return code != 0xfffe && code != 0xffff;
}

static int
hex_value(unsigned char c)
{
	const char *digit;

	if (c >= 'A' && c <= 'F')
		c += 'a' - 'A';
	digit = c == '\0' ? NULL : strchr(hex_digits, c);
	return digit == NULL ? -1 : (int)(digit - hex_digits);
}

/* Whether the text starts with an escape "\xNN" for a byte above 0x7f. */
static int
is_byte_escape(const unsigned char *text, size_t len)
{
	return len >= 4 && text[0] == '\\' && text[1] == 'x' &&
	    hex_value(text[2]) >= 8 && hex_value(text[3]) >= 0;
}

/*
 * Whether a line starts at `at`.  libyaml recognises several kinds of line
 * breaks.
 */
static int
begins_line(const unsigned char *text, size_t at)
{
	if (at == 0)
		return 1;
	if (text[at - 1] == '\n' || text[at - 1] == '\r')
		return 1;
	if (at >= 2 && memcmp(text + at - 2, "\xc2\x85", 2) == 0)
		return 1;
	return at >= 3 && memcmp(text + at - 3, "\xe2\x80", 2) == 0 &&
	    (text[at - 1] == 0xa8 || text[at - 1] == 0xa9);
}

static void
copy_bytes(struct prescan *prescan, const unsigned char *bytes, size_t len)
{
	if (prescan->to != NULL)
		memcpy(prescan->to + prescan->len, bytes, len);
	prescan->len += len;
}

static void
put_placeholder(struct prescan *prescan, unsigned kind, unsigned byte)
{
	unsigned value = kind << 8 | byte;
	unsigned char *to;

	if (prescan->to != NULL) {
		to = prescan->to + prescan->len;
		to[0] = 0xf4;
		to[1] = 0x8f;
		to[2] = (unsigned char)(0x80 | value >> 6);
		to[3] = (unsigned char)(0x80 | (value & 0x3f));
	}
	prescan->len += PLACEHOLDER_LEN;
}

static void
put_escape_placeholder(struct prescan *prescan, const unsigned char *digits)
{
	unsigned kind = PLACEHOLDER_ESCAPE;

	if (digits[0] >= 'A' && digits[0] <= 'F')
		kind += UPPER_HIGH;
	if (digits[1] >= 'A' && digits[1] <= 'F')
		kind += UPPER_LOW;
	put_placeholder(prescan, kind, (unsigned)hex_value(digits[0]) * 16 +
	    (unsigned)hex_value(digits[1]));
	prescan->needs_copy = 1;
}

/* Whether a byte is a UTF-8 continuation byte. */
static unsigned char
continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Fast path for non-ASCII text.  The block must start at a character boundary.
 * Returns the number of bytes that can be copied unchanged.  This is at least
 * BLOCK, and slightly more if the last character extends beyond the block.
 * Returns 0 if the block may contain a character that is invalid, longer than
 * three bytes or not allowed by YAML.
 */
static size_t
common_utf8(const unsigned char *text)
{
	unsigned char c, next, special;
	size_t i;

	special = continues(text[0]) || continues(text[1]) != (text[0] >= 0xc0);
	for (i = 0; i < BLOCK; i++) {
		c = text[i];
		next = text[i + 1];
		special |= continues(text[i + 2]) !=
		    ((next >= 0xc0) | (c >= 0xe0));
		/* Reject overlong forms and four-byte characters. */
		special |= (c == 0xc0) | (c == 0xc1) | (c >= 0xf0);
		special |= (c == 0xe0) & (next < 0xa0);
		/* Reject C1 controls, surrogates, U+FFFE and U+FFFF. */
		special |= (c == 0xc2) & (next < 0xa0);
		special |= (c == 0xed) & (next >= 0xa0);
		special |= (c == 0xef) & (next == 0xbf);
		/*
		 * Reject '%' after a non-ASCII byte: libyaml recognises some
		 * non-ASCII line breaks, after which '%' would begin a
		 * directive.
		 */
		special |= (c >= 0x80) & (next == '%');
	}
	if (special)
		return 0;
	if (continues(text[BLOCK]))
		return BLOCK + 1 + continues(text[BLOCK + 1]);
	return BLOCK;
}

/*
 * Fast path for most text.  The block must start at a character boundary, and
 * BLOCK_AFTER bytes must follow it.  Returns the number of bytes that can be
 * copied unchanged.  Returns 0 if the block may contain a control character, an
 * escaped byte or a directive.  The loops are branch-free, so that the compiler
 * can vectorise them.
 */
static size_t
common_block(const unsigned char *text)
{
	unsigned char all = 0, special;
	size_t i;

	/*
	 * A backslash at the end of the block may begin an escape that
	 * continues in the next block.
	 */
	special = text[0] == '%' || text[BLOCK - 1] == '\\';
	for (i = 0; i < BLOCK; i++) {
		all |= text[i];
		special |= (text[i] < 0x20) & (text[i] != '\n');
		special |= text[i] == 0x7f;
		special |= (text[i] == '\\') & (text[i + 1] == 'x');
		special |= (text[i] == '\n') & (text[i + 1] == '%');
	}
	if (special)
		return 0;
	return all < 0x80 ? BLOCK : common_utf8(text);
}

/* Returns how many bytes at the start of the text can be copied unchanged. */
static size_t
common_run(const unsigned char *text, size_t len)
{
	unsigned long code;
	size_t end, i, use;

	for (i = end = 0; i < len; i += use) {
		if (i >= end) {
			use = len - i < BLOCK + BLOCK_AFTER ? 0 :
			    common_block(text + i);
			if (use > 0)
				continue;
			end = i + BLOCK;
		}
		use = utf8_decode(text + i, len - i, &code);
		if (use == 0 || !is_yaml_character(code) ||
		    code >= PLACEHOLDER || code == '\\' || code == '%')
			break;
	}
	return i;
}

/*
 * Scans the input.  If prescan->to is set, copies the input there, with
 * placeholders for what libyaml would reject or misread.
 */
static void
prescan_input(struct prescan *prescan, const unsigned char *text, size_t len)
{
	unsigned long code;
	size_t i, j, use;

	prescan->len = prescan->directives = 0;
	for (i = 0; i < len; i += use) {
		if ((use = common_run(text + i, len - i)) > 0) {
			copy_bytes(prescan, text + i, use);
			continue;
		}
		if (text[i] == '\\') {
			if (is_byte_escape(text + i, len - i)) {
				use = 4;
				put_escape_placeholder(prescan, text + i + 2);
				continue;
			}
			/*
			 * In "\\x41" the first backslash escapes the second,
			 * not the x.
			 */
			use = i + 1 < len && text[i + 1] == '\\' ? 2 : 1;
			copy_bytes(prescan, text + i, use);
			continue;
		}
		if (text[i] == '%') {
			prescan->directives += begins_line(text, i);
			use = 1;
			copy_bytes(prescan, text + i, use);
			continue;
		}
		use = utf8_decode(text + i, len - i, &code);
		/*
		 * The input may contain characters that look like placeholders.
		 * They must be replaced if a copy is made, because
		 * bytes_restore would convert them.  But they alone do not
		 * require a copy, because bytes_restore is called only if there
		 * is one.
		 */
		if (use == 0 || code < PLACEHOLDER)
			prescan->needs_copy = 1;
		if (use == 0)
			use = 1;
		for (j = 0; j < use; j++)
			put_placeholder(prescan, PLACEHOLDER_RAW, text[i + j]);
	}
}

int
bytes_prepare(struct prepared *prepared, const char *data, size_t len,
    size_t max)
{
	const unsigned char *text = (const unsigned char *)data;
	struct prescan prescan = { 0 };

	prescan_input(&prescan, text, len);
	prepared->copy = NULL;
	prepared->len = len;
	prepared->directives = prescan.directives;
	if (!prescan.needs_copy)
		return 0;
	prepared->len = prescan.len;
	if (prescan.len > max) {
		errno = EMSGSIZE;
		return -1;
	}
	if ((prepared->copy = malloc(prescan.len)) == NULL)
		return -1;
	prescan.to = (unsigned char *)prepared->copy;
	prescan_input(&prescan, text, len);
	return 0;
}

/* Writes a byte as the four characters \xNN. */
static void
put_byte_text(char *to, unsigned char byte)
{
	to[0] = '\\';
	to[1] = 'x';
	to[2] = hex_digits[byte >> 4];
	to[3] = hex_digits[byte & 0xf];
}

static char
upper(char digit)
{
	return (char)(digit >= 'a' ? digit - 'a' + 'A' : digit);
}

size_t
bytes_restore(char *text, size_t len, int double_quoted)
{
	unsigned kind, value;
	unsigned char byte;
	size_t from, to;

	for (from = to = 0; from < len; ) {
		if (len - from < PLACEHOLDER_LEN ||
		    memcmp(text + from, "\xf4\x8f", 2) != 0) {
			text[to++] = text[from++];
			continue;
		}
		value = ((unsigned)text[from + 2] & 0x3f) << 6 |
		    ((unsigned)text[from + 3] & 0x3f);
		byte = value & 0xff;
		kind = value >> 8;
		if (kind >= PLACEHOLDER_END) {
			text[to++] = text[from++];
			continue;
		}
		from += PLACEHOLDER_LEN;
		if (kind == PLACEHOLDER_RAW && byte < 0x80) {
			text[to++] = (char)byte;
			continue;
		}
		put_byte_text(text + to, byte);
		if (kind >= PLACEHOLDER_ESCAPE && !double_quoted) {
			kind -= PLACEHOLDER_ESCAPE;
			if (kind & UPPER_HIGH)
				text[to + 2] = upper(text[to + 2]);
			if (kind & UPPER_LOW)
				text[to + 3] = upper(text[to + 3]);
		}
		to += PLACEHOLDER_LEN;
	}
	return to;
}

char *
bytes_text(const unsigned char *bytes, size_t len, int escape_nul,
    size_t *text_len)
{
	unsigned long code;
	size_t i, size, use;
	char *text = NULL, *to = NULL;

	/* Measure the text in the first pass, and write it in the second. */
	for (;;) {
		size = 0;
		for (i = 0; i < len; i += use) {
			use = utf8_decode(bytes + i, len - i, &code);
			if (use > 0 && (code != 0 || !escape_nul)) {
				if (to != NULL)
					memcpy(to + size, bytes + i, use);
				size += use;
				continue;
			}
			use = 1;
			if (to != NULL)
				put_byte_text(to + size, bytes[i]);
			size += 4;
		}
		if (to != NULL)
			break;
		if ((text = to = malloc(size + 1)) == NULL)
			return NULL;
	}
	text[size] = '\0';
	*text_len = size;
	return text;
}

/*
 * Returns the value of a base64 digit.  Returns 64 for '=', 65 for white space,
 * and 255 for any other character.
 */
static unsigned
base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26U;
	if (c >= '0' && c <= '9')
		return c - '0' + 52U;
	switch (c) {
	case '+':
		return 62;
	case '/':
		return 63;
	case '=':
		return 64;
	case ' ':
	case '\t':
	case '\n':
	case '\r':
		return 65;
	default:
		return 255;
	}
}

ssize_t
bytes_from_base64(char *text, size_t len)
{
	size_t digits, i, padding, to;
	unsigned long bits;
	unsigned value;

	digits = padding = 0;
	for (i = 0; i < len; i++) {
		value = base64_value((unsigned char)text[i]);
		if (value == 255 || (value < 64 && padding > 0))
			return -1;
		digits += value < 64;
		padding += value == 64;
	}
	if (digits % 4 == 1 || padding > 2 ||
	    (padding > 0 && (digits + padding) % 4 != 0))
		return -1;

	bits = 0;
	digits = to = 0;
	for (i = 0; i < len; i++) {
		value = base64_value((unsigned char)text[i]);
		if (value >= 64)
			continue;
		bits = (bits << 6 | value) & 0xffffff;
		switch (digits++ % 4) {
		case 1:
			text[to++] = (char)(bits >> 4 & 0xff);
			break;
		case 2:
			text[to++] = (char)(bits >> 2 & 0xff);
			break;
		case 3:
			text[to++] = (char)(bits & 0xff);
			break;
		}
	}
	return (ssize_t)to;
}
