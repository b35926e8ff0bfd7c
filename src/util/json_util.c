/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdint.h>
#include <stdlib.h>

#include "util/json_util.h"

json_t *
json_copy_strict(const json_t *tree)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)tree);

	if (json_object_size(copy) == json_object_size(tree) &&
	    json_array_size(copy) == json_array_size(tree))
		return copy;
	json_decref(copy);
	return NULL;
}

char *
json_dump_strict(const json_t *tree, size_t flags, size_t *len)
{
	size_t size;
	char *text;

	/* Measure the text first, so that no buffer has to grow. */
	if ((size = json_dumpb(tree, NULL, 0, flags)) == 0 ||
	    (text = malloc(size + 1)) == NULL)
		return NULL;
	if (json_dumpb(tree, text, size, flags) != size) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	if (len != NULL)
		*len = size;
	return text;
}
