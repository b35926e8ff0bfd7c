/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdint.h>

#include "util/json_copy.h"

json_t *
copy_json(const json_t *tree)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)tree);

	if (json_object_size(copy) == json_object_size(tree) &&
	    json_array_size(copy) == json_array_size(tree))
		return copy;
	json_decref(copy);
	return NULL;
}
