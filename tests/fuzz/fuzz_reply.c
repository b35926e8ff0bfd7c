/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Converts YAML to a tree and that to JSON: the JSON must be read back as the
 * same tree.
 */

#include "fuzz.h"
#include "proto/yaml_tree.h"

/*
 * A tree, what libyaml allocates at first, and in the worst case one key that
 * is as large as the reply, once as text and once as a key.
 */
#define HEAP_MAX(len)	(1024 * 1024 + 2 * YAML_TREE_HEAP_MAX(len))

/*
 * Aliases share what they point to, so the text of a tree can be very large.
 * Larger ones are not written.
 */
#define TEXT_MAX	((size_t)1024 * 1024)

static size_t
text_size(const json_t *node, unsigned depth)
{
	const char *key;
	json_t *item;
	size_t i, size = 2;

	MUST(depth <= YAML_TREE_DEPTH_MAX);
	json_array_foreach(node, i, item)
		size += text_size(item, depth + 1);
	json_object_foreach((json_t *)(uintptr_t)node, key, item)
		size += strlen(key) + text_size(item, depth + 1);
	if (json_is_string(node))
		size += json_string_length(node);
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = { .outcome = OUTCOME_OK };
	char *copy = fuzz_copy(data, size), *text;
	json_t *tree, *again;

	heap_begin();
	tree = yaml_tree_parse(copy, size, &error);
	MUST(heap_peak() <= HEAP_MAX(size));
	free(copy);
	if (tree == NULL) {
		MUST(error.outcome == OUTCOME_PROTOCOL);
		MUST(error.message[0] != '\0');
		return 0;
	}
	if (size <= 4096 && text_size(tree, 0) <= TEXT_MAX) {
		text = json_dumps(tree, JSON_ENCODE_ANY);
		MUST(text != NULL);
		again = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL,
		    NULL);
		MUST(again != NULL);
		json_decref(again);
		free(text);
	}
	json_decref(tree);
	return 0;
}
