/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What the fuzz targets have in common: a count of the heap, and ways to say
 * that what must hold does not.
 *
 * A target is a LLVMFuzzerTestOneInput of libFuzzer's, which crashes where the
 * program is wrong.  Run without a fuzzer's options, it reads the files that
 * it is given: the way to look at one input again.
 */

#ifndef CR_FUZZ_H
#define CR_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Forgets what was on the heap at its highest: from now on it counts. */
void	heap_begin(void);

/* The most bytes that were on the heap since then, beyond those before. */
size_t	heap_peak(void);

/* Crashes unless this holds. */
#define MUST(what) do {							\
	if (!(what)) {							\
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,	\
		    __LINE__, #what);					\
		abort();						\
	}								\
} while (0)

/*
 * A copy that ends where the data does, so that one byte read too far is seen.
 * The caller frees it.
 */
static inline char *
fuzz_copy(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	MUST(copy != NULL);
	memcpy(copy, data, size);
	return copy;
}

/* The same as a string. */
static inline char *
fuzz_string(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);

	MUST(copy != NULL);
	memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

/*
 * Crashes if there is anything in the text that does not belong on a terminal:
 * bytes that are no printable character of UTF-8, newlines and tabs apart.
 */
void	must_be_harmless(const char *text, size_t len);

#endif
