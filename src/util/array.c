/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>

#include "util/array.h"

void *
array_grow(void *array, size_t count, size_t size)
{
	if (count == 0)
		return reallocarray(array, 1, size);
	if ((count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count, 2 * size);
}
