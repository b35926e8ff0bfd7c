/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/yaml_scalar.h"

/*
 * Parses a JSON integer that fits in a signed 64-bit number.  Returns 0, or -1
 * if the text is not one.
 */
static int
read_integer(const char *text, size_t len, json_int_t *number)
{
	size_t negative = text[0] == '-';
	char *end;

	if (text[negative] == '0' && len - negative > 1)
		return -1;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return end == text + len && errno == 0 ? 0 : -1;
}

static size_t
count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

/*
 * Parses a finite JSON number with a fraction or an exponent.  Returns 0, or -1
 * if the text is not one.
 */
static int
read_real(const char *text, size_t len, double *number)
{
	const char *p = text;
	size_t digits;
	char *end;

	p += *p == '-';
	digits = count_digits(p);
	if (digits == 0 || (p[0] == '0' && digits > 1) ||
	    p + digits == text + len)
		return -1;
	p += digits;
	if (*p == '.') {
		if ((digits = count_digits(++p)) == 0)
			return -1;
		p += digits;
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		if ((digits = count_digits(p)) == 0)
			return -1;
		p += digits;
	}
	if (p != text + len)
		return -1;
	/* strtod(3) expects a point, as the program never sets LC_NUMERIC. */
	*number = strtod(text, &end);
	return end == p && isfinite(*number) ? 0 : -1;
}

static size_t
slot_of(const char *text, size_t len)
{
	uint64_t first = 0, last = 0;

	if (len < sizeof(first)) {
		memcpy(&first, text, len);
	} else {
		memcpy(&first, text, sizeof(first));
		memcpy(&last, text + len - sizeof(last), sizeof(last));
	}
	first = (first ^ last * 31 ^ len) * 0x9e3779b97f4a7c15ULL;
	return (size_t)(first >> 32) % SCALARS_MAX;
}

json_t *
scalars_string(struct scalars *scalars, const char *text, size_t len)
{
	json_t **slot;

	if (len > SCALARS_LEN_MAX)
		return json_stringn_nocheck(text, len);
	slot = &scalars->strings[slot_of(text, len)];
	if (*slot == NULL || json_string_length(*slot) != len ||
	    memcmp(json_string_value(*slot), text, len) != 0) {
		json_decref(*slot);
		*slot = json_stringn_nocheck(text, len);
	}
	return json_incref(*slot);
}

json_t *
scalars_value(struct scalars *scalars, const char *text, size_t len)
{
	json_int_t integer;
	double real;

	switch (text[0]) {
	case '~':
		if (len == 1)
			return json_null();
		break;
	case 'n':
		if (len == 4 && memcmp(text, "null", 4) == 0)
			return json_null();
		break;
	case 't':
		if (len == 4 && memcmp(text, "true", 4) == 0)
			return json_true();
		break;
	case 'f':
		if (len == 5 && memcmp(text, "false", 5) == 0)
			return json_false();
		break;
	case '-':
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		if (read_integer(text, len, &integer) == 0)
			return json_integer(integer);
		if (read_real(text, len, &real) == 0)
			return json_real(real);
		/* Integers beyond 64 bits, dates and UUIDs are text. */
		break;
	}
	return scalars_string(scalars, text, len);
}

void
scalars_finish(struct scalars *scalars)
{
	size_t i;

	for (i = 0; i < SCALARS_MAX; i++)
		json_decref(scalars->strings[i]);
}
