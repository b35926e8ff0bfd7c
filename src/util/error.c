/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"
#include "util/utf8.h"

/* Drops a UTF-8 character that was cut in the middle at the end of a text. */
static void
trim_cut_character(char *text, size_t len)
{
	size_t lead;

	lead = len;
	while (lead > 0 && len - lead < 3 &&
	    ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0)
		return;
	lead--;
	if (len - lead < utf8_length((unsigned char)text[lead]))
		text[lead] = '\0';
}

static int __attribute__((format(printf, 5, 0)))
fill_in(struct error *error, enum outcome outcome, const char *code,
    int transient, const char *fmt, va_list ap)
{
	int len;

	error->outcome = outcome;
	error->code = code;
	error->transient = transient;
	len = vsnprintf(error->message, sizeof(error->message), fmt, ap);
	if (len < 0)
		error->message[0] = '\0';
	else if ((size_t)len >= sizeof(error->message))
		trim_cut_character(error->message,
		    sizeof(error->message) - 1);
	return -1;
}

int
error_set(struct error *error, enum outcome outcome, const char *code,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill_in(error, outcome, code, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int
error_out_of_memory(struct error *error)
{
	return error_set(error, OUTCOME_USAGE, "out_of_memory",
	    "out of memory");
}

int
error_set_transient(struct error *error, enum outcome outcome,
    const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill_in(error, outcome, code, 1, fmt, ap);
	va_end(ap);
	return -1;
}
