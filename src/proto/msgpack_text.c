/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* for open_memstream(3) */

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpuck.h>

#include "proto/msgpack_text.h"

/* Words that YAML parsers read as strings only if they are quoted. */
static const char *const words[] = {
	"true", "false", "null", "nan", "inf", "infinity", "yes", "no", "on",
	"off", "y", "n"
};

static int
skip(const char **at, const char *end, int depth)
{
	uint32_t count, i;

	if (*at >= end || depth > MSGPACK_DEPTH_MAX ||
	    (unsigned char)**at == 0xc1)
		return -1;
	switch (mp_typeof(**at)) {
	case MP_ARRAY:
		if (mp_check_array(*at, end) > 0)
			return -1;
		count = mp_decode_array(at);
		break;
	case MP_MAP:
		if (mp_check_map(*at, end) > 0)
			return -1;
		count = mp_decode_map(at);
		/*
		 * A map that claims more entries than there are bytes left must
		 * be incomplete.  Reject it here, before the count is doubled,
		 * because doubling a huge count could overflow.
		 */
		if (count > (size_t)(end - *at))
			return -1;
		count *= 2;
		break;
	default:
		return mp_check(at, end) == 0 ? 0 : -1;
	}
	if (count > (size_t)(end - *at))
		return -1;
	for (i = 0; i < count; i++)
		if (skip(at, end, depth + 1) == -1)
			return -1;
	return 0;
}

int
msgpack_skip(const char **at, const char *end)
{
	return skip(at, end, 0);
}

/* Whether a string needs no quotes in YAML. */
static int
is_plain(const char *data, size_t len)
{
	size_t i;

	if (len == 0 || len > 64 || !isalpha((unsigned char)data[0]) ||
	    data[len - 1] == ' ')
		return 0;
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)data[i]) &&
		    (data[i] == '\0' || strchr(" _-./", data[i]) == NULL))
			return 0;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len &&
		    strncasecmp(words[i], data, len) == 0)
			return 0;
	return 1;
}

static void
print_string(FILE *out, const char *data, size_t len)
{
	size_t i;
	unsigned char byte;

	if (is_plain(data, len)) {
		fwrite(data, 1, len, out);
		return;
	}
	putc('"', out);
	for (i = 0; i < len; i++) {
		byte = (unsigned char)data[i];
		if (byte == '\n')
			fputs("\\n", out);
		else if (byte < 0x20 || byte == 0x7f)
			fprintf(out, "\\x%02x", byte);
		else if (byte == '"' || byte == '\\')
			fprintf(out, "\\%c", byte);
		else
			putc(byte, out);
	}
	putc('"', out);
}

static void
print_number(FILE *out, double number)
{
	if (isnan(number))
		fputs("nan", out);
	else if (isinf(number))
		fputs(number > 0 ? "inf" : "-inf", out);
	else
		fprintf(out, "%.14g", number);
}

static void	print(FILE *, const char **);

static void
print_pairs(FILE *out, const char **at)
{
	uint32_t i, count = mp_decode_map(at);

	putc('{', out);
	for (i = 0; i < count; i++) {
		if (i > 0)
			fputs(", ", out);
		print(out, at);
		fputs(": ", out);
		print(out, at);
	}
	putc('}', out);
}

static void
print_list(FILE *out, const char **at)
{
	uint32_t i, count = mp_decode_array(at);

	putc('[', out);
	for (i = 0; i < count; i++) {
		if (i > 0)
			fputs(", ", out);
		print(out, at);
	}
	putc(']', out);
}

/* Prints the type number of an extension value, but not its contents. */
static void
print_extension(FILE *out, const char **at)
{
	size_t type = 1;

	switch ((unsigned char)**at) {
	case 0xc7:
		type += 1;
		break;
	case 0xc8:
		type += 2;
		break;
	case 0xc9:
		type += 4;
		break;
	}
	fprintf(out, "\"(extension type %d)\"", (signed char)(*at)[type]);
	mp_next(at);
}

static void
print(FILE *out, const char **at)
{
	const char *data;
	uint32_t len;

	switch (mp_typeof(**at)) {
	case MP_NIL:
		mp_decode_nil(at);
		fputs("null", out);
		break;
	case MP_BOOL:
		fputs(mp_decode_bool(at) ? "true" : "false", out);
		break;
	case MP_UINT:
		fprintf(out, "%" PRIu64, mp_decode_uint(at));
		break;
	case MP_INT:
		fprintf(out, "%" PRId64, mp_decode_int(at));
		break;
	case MP_FLOAT:
		print_number(out, (double)mp_decode_float(at));
		break;
	case MP_DOUBLE:
		print_number(out, mp_decode_double(at));
		break;
	case MP_STR:
		data = mp_decode_str(at, &len);
		print_string(out, data, len);
		break;
	case MP_BIN:
		data = mp_decode_bin(at, &len);
		print_string(out, data, len);
		break;
	case MP_ARRAY:
		print_list(out, at);
		break;
	case MP_MAP:
		print_pairs(out, at);
		break;
	case MP_EXT:
		print_extension(out, at);
		break;
	}
}

char *
msgpack_text(const char *value, size_t *len)
{
	char *text = NULL;
	FILE *out;
	int failed;

	if ((out = open_memstream(&text, len)) == NULL)
		return NULL;
	print(out, &value);
	failed = ferror(out);
	if (fclose(out) == EOF || failed) {
		free(text);
		return NULL;
	}
	return text;
}
