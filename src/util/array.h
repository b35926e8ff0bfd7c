/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Arrays that grow one item at a time. */

#ifndef CR_ARRAY_H
#define CR_ARRAY_H

#include <stddef.h>

/*
 * Makes room for one more item of `size` bytes in an array of `count` items.
 * An empty array may be NULL.  Call this function before adding each item: the
 * capacity is not stored, but doubles whenever the count is a power of two.
 * Returns the array, which may have moved, or NULL if out of memory.  On
 * failure, the old array stays valid.
 */
void	*array_grow(void *array, size_t count, size_t size);

#endif
