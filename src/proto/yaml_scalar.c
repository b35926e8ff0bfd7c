/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/yaml_scalar.h"

/*
 * Parses a JSON integer that fits in a signed 64-bit number.  Returns 0, or -1
 * for any other text.
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
 * for any other text.
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
	/*
	 * strtod(3) expects a decimal point, because the program never sets
	 * LC_NUMERIC.
	 */
	*number = strtod(text, &end);
	return end == p && isfinite(*number) ? 0 : -1;
}

json_t *
yaml_scalar_value(const char *text, size_t len)
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
		/*
		 * Dates, UUIDs and integers beyond signed 64 bits are text.
		 */
		break;
	}
	return json_stringn_nocheck(text, len);
}
