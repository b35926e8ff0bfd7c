/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Common parts of the fuzz targets: a count of the heap, and checks that crash.
 *
 * A target is an LLVMFuzzerTestOneInput of libFuzzer, which crashes if the
 * program is wrong.  Run without options of a fuzzer, it reads the files that
 * it is given: this is how to repeat a single input.
 */

#ifndef CR_FUZZ_H
#define CR_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Starts a new measurement of the peak heap size. */
void	heap_begin(void);

/* Returns by how many bytes the heap has grown at its peak since then. */
size_t	heap_peak(void);

/* Crashes unless the condition holds. */
#define MUST(what) do {							\
	if (!(what)) {							\
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,	\
		    __LINE__, #what);					\
		abort();						\
	}								\
} while (0)

/*
 * Returns a copy whose allocation ends with the data, so that the sanitizer
 * detects a read of one byte too many.  The caller frees it.
 */
static inline char *
fuzz_copy(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	MUST(copy != NULL);
	memcpy(copy, data, size);
	return copy;
}

/* Returns such a copy as a string. */
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
 * Crashes if a text contains anything that must not reach a terminal: bytes
 * that are not printable UTF-8 characters, except for newlines and tabs.
 */
void	must_be_harmless(const char *text, size_t len);

#endif
