/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/term.h"
#include "util/environment.h"
#include "util/escape.h"

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
	if ((value = env_get(ENV_TERM)) != NULL && strcmp(value, "dumb") == 0)
		return 0;
	return isatty(fileno(stream));
}

int
term_use_color(enum term_color_mode mode, FILE *stream)
{
	if (mode == TERM_AUTO && env_get_nonempty(ENV_NO_COLOR) != NULL)
		return 0;
	return term_use_progress(mode, stream);
}

static void
print_escaped(FILE *out, const char *text, size_t len, const char *pass)
{
	const char *end = text + len;
	char buf[ESCAPE_ROOM], *dst;
	size_t run;

	while (text < end) {
		/*
		 * Fast path: write each run of printable ASCII with one
		 * fwrite(3).
		 */
		run = 0;
		while (text + run < end && text[run] >= 0x20 &&
		    text[run] < 0x7f)
			run++;
		fwrite(text, 1, run, out);
		text += run;
		if (text == end)
			break;
		dst = buf;
		text += escape_character(&dst, text, (size_t)(end - text),
		    pass);
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
