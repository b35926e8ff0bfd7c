/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Arrays that grow one item at a time. */

#ifndef CR_ARRAY_H
#define CR_ARRAY_H

#include <stddef.h>

/*
 * Makes room for one more item of `size` bytes in an array of `count` items.
 * An empty array may be NULL.  Returns the array, which may have moved.
 * Returns NULL if out of memory; the old array then remains valid.  Call this
 * function before adding each item: the capacity is not stored, but is doubled
 * whenever the count is a power of two.
 */
void	*array_grow(void *array, size_t count, size_t size);

#endif
