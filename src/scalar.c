/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scalar.h"

/* Reads a JSON integer of 64 signed bits.  Returns -1 if it is none. */
static int
read_integer(const char *text, size_t len, json_int_t *number)
{
	unsigned long long limit, value;
	size_t i, negative;

	negative = text[0] == '-';
	i = negative;
	if (i == len || (text[i] == '0' && len - i > 1))
		return -1;
	limit = (unsigned long long)LLONG_MAX + negative;
	for (value = 0; i < len; i++) {
		unsigned digit = (unsigned char)text[i] - (unsigned)'0';

		if (digit > 9 || value > (limit - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (!negative)
		*number = (json_int_t)value;
	else
		*number = value == 0 ? 0 : -(json_int_t)(value - 1) - 1;
	return 0;
}

static size_t
count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* Whether the text is a number of JSON with a fraction or an exponent. */
static int
is_real(const char *text, size_t len)
{
	const char *p = text;
	size_t digits;

	p += *p == '-';
	digits = count_digits(p);
	if (digits == 0 || (p[0] == '0' && digits > 1) ||
	    p + digits == text + len)
		return 0;
	p += digits;
	if (*p == '.') {
		if ((digits = count_digits(++p)) == 0)
			return 0;
		p += digits;
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		if ((digits = count_digits(p)) == 0)
			return 0;
		p += digits;
	}
	return p == text + len;
}

static json_t *
real_node(const char *text, size_t len)
{
	json_t *node;
	char *end;
	double real;

	real = strtod(text, &end);
	if (end == text + len && isfinite(real))
		return json_real(real);
	/* Too large, or the locale has no point; jansson knows which. */
	node = json_loadb(text, len, JSON_DECODE_ANY, NULL);
	return node != NULL ? node : json_stringn_nocheck(text, len);
}

json_t *
scalar_value(const char *text, size_t len)
{
	json_int_t integer;

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
		if (is_real(text, len))
			return real_node(text, len);
		/* Integers that are too long, dates, UUIDs are text. */
		break;
	}
	return json_stringn_nocheck(text, len);
}
