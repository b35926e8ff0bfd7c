/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
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

/*
 * Reads a number with few digits and a small exponent, which is the quotient or
 * the product of two numbers that are exact, so that the result is the nearest
 * one.  Returns -1 if it has more than that.
 */
static int
read_short_real(const char *text, size_t len, double *real)
{
	static const double powers[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15
	};
	unsigned long long value = 0;
	size_t i, negative = text[0] == '-', scale = 0;
	int fraction = 0;

	/* As many digits as a double always holds. */
	if (FLT_EVAL_METHOD != 0 || len - negative > DBL_DIG + 1)
		return -1;
	for (i = negative; i < len; i++) {
		if (text[i] == '.') {
			fraction = 1;
			continue;
		}
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (unsigned)(text[i] - '0');
		scale += fraction;
	}
	*real = (double)value / powers[scale];
	if (negative)
		*real = -*real;
	return 0;
}

static json_t *
real_node(const char *text, size_t len)
{
	json_t *node;
	char *end;
	double real;

	if (read_short_real(text, len, &real) == 0)
		return json_real(real);
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

static json_t *
make_value(const char *text, size_t len, int is_plain)
{
	return is_plain ? scalar_value(text, len) :
	    json_stringn_nocheck(text, len);
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
scalars_value(struct scalars *scalars, const char *text, size_t len,
    int is_plain)
{
	struct scalar *scalar;

	if (len > SCALARS_LEN_MAX)
		return make_value(text, len, is_plain);
	scalar = &scalars->slots[slot_of(text, len)];
	if (scalar->value != NULL && scalar->len == len &&
	    scalar->is_plain == !!is_plain &&
	    memcmp(scalar->text, text, len) == 0)
		return json_incref(scalar->value);
	json_decref(scalar->value);
	scalar->value = make_value(text, len, is_plain);
	scalar->len = (unsigned char)len;
	scalar->is_plain = !!is_plain;
	memcpy(scalar->text, text, len);
	return json_incref(scalar->value);
}

void
scalars_finish(struct scalars *scalars)
{
	size_t i;

	for (i = 0; i < SCALARS_MAX; i++)
		json_decref(scalars->slots[i].value);
}
