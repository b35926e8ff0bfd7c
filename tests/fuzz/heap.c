/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Counts the heap with the hooks of the address sanitizer.  There is only one
 * thread.
 */

#include <sanitizer/allocator_interface.h>

#include "fuzz.h"

static size_t in_use, highest, before;

void	__sanitizer_malloc_hook(const volatile void *, size_t);
void	__sanitizer_free_hook(const volatile void *);

void
__sanitizer_malloc_hook(const volatile void *memory, size_t size)
{
	(void)memory;
	in_use += size;
	if (in_use > highest)
		highest = in_use;
}

void
__sanitizer_free_hook(const volatile void *memory)
{
	if (memory != NULL)
		in_use -= __sanitizer_get_allocated_size(memory);
}

void
heap_begin(void)
{
	before = highest = in_use;
}

size_t
heap_peak(void)
{
	return highest - before;
}
