/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Escaping for a terminal: nothing harmful passes, and nothing else changes. */

#include "fuzz.h"
#include "output/term.h"
#include "util/escape.h"

/* Returns the text without its escapes; it is not longer than before. */
static size_t
unescape(char *text)
{
	char *from, *to;

	for (from = to = text; *from != '\0'; ) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
		    from[2] >= '0' && from[2] <= '7' &&
		    from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') * 64 +
			    (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	return (size_t)(to - text);
}

static void
check_lines(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *page;
	size_t len, i;
	FILE *file = open_memstream(&page, &len);

	MUST(file != NULL);
	term_print_lines(file, text, 4);
	fclose(file);
	for (i = 0; i < len; i++) {
		MUST(page[i] != '\n' || memcmp(page + i + 1, "    ", 4) == 0);
	}
	must_be_harmless(page, len);
	free(page);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size), *escaped;
	size_t len;

	heap_begin();
	MUST((escaped = escape_text(copy, size, 0)) != NULL);
	MUST(heap_peak() <= 4 * size + 1);
	len = strlen(escaped);
	MUST(memchr(escaped, '\n', len) == NULL);
	must_be_harmless(escaped, len);
	/* A backslash in the input may look like an escape. */
	if (memchr(copy, '\\', size) == NULL) {
		MUST(unescape(escaped) == size);
		MUST(memcmp(escaped, copy, size) == 0);
	}
	free(escaped);
	free(copy);
	check_lines(data, size);
	return 0;
}
