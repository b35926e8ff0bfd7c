/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"
#include "util/utf8.h"

struct error_row {
	const char	*word;
	enum outcome	 outcome;
	const char	*explanation;
};

#define ERROR_ROW(name, word, outcome, explanation)			\
	[ERROR_##name] = { word, OUTCOME_##outcome, explanation },
static const struct error_row error_table[] = { ERROR_CODES(ERROR_ROW) };
#undef ERROR_ROW

/* Removes an incomplete UTF-8 character from the end of a truncated string. */
static void
trim_cut_character(char *text, size_t len)
{
	size_t lead;

	lead = len;
	while (lead > 0 && len - lead < 3 &&
	    utf8_continues(text[lead - 1]))
		lead--;
	if (lead == 0)
		return;
	lead--;
	if (len - lead < utf8_length((unsigned char)text[lead]))
		text[lead] = '\0';
}

const char *
error_word(enum error_code code)
{
	return error_table[code].word;
}

enum outcome
error_outcome(enum error_code code)
{
	return error_table[code].outcome;
}

const char *
error_explanation(enum error_code code)
{
	return error_table[code].explanation;
}

static int __attribute__((format(printf, 4, 0)))
fill_in(struct error *error, enum error_code code, int transient,
    const char *fmt, va_list ap)
{
	int len;

	error->code = code;
	error->outcome = error_table[code].outcome;
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
error_set(struct error *error, enum error_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill_in(error, code, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int
error_set_transient(struct error *error, enum error_code code,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill_in(error, code, 1, fmt, ap);
	va_end(ap);
	return -1;
}

int
error_out_of_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}
