/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "repl/result.h"
#include "proto/yaml_tree.h"
#include "repl/highlight.h"
#include "util/json_util.h"

#define BEGIN		"---\n"
#define BEGIN_LEN	(sizeof(BEGIN) - 1)
#define WORD		"- cartridge_reload_"
#define WORD_LEN	(sizeof(WORD) - 1)
#define ERROR		"- error:"
#define ERROR_LEN	(sizeof(ERROR) - 1)

static const struct {
	const char	*word;
	enum result_kind	 kind;
} word_table[] = {
	{ "done\n", RESULT_DONE },
	{ "nil\n", RESULT_NIL_ERR },
	{ "failed\n", RESULT_FAILED },
	{ "more\n", RESULT_INCOMPLETE },
	{ "names\n", RESULT_NAMES },
	{ "command\n", RESULT_COMMAND }
};

static int
begins(const char *text, size_t len, const char *with, size_t with_len)
{
	return len >= with_len && memcmp(text, with, with_len) == 0;
}

int
result_read(struct result *result, const struct document *doc,
    struct error *error)
{
	const char *rest = doc->data + BEGIN_LEN;
	size_t i, len = doc->len - BEGIN_LEN, word_len;

	if (!begins(doc->data, doc->len, BEGIN, BEGIN_LEN))
		goto fail;
	/*
	 * Tarantool's console reports an error if it cannot run the line or
	 * print the results.
	 */
	if (begins(rest, len, ERROR, ERROR_LEN)) {
		*result = (struct result){ RESULT_FAILED, rest, len };
		return 0;
	}
	if (!begins(rest, len, WORD, WORD_LEN))
		goto fail;
	rest += WORD_LEN;
	len -= WORD_LEN;
	for (i = 0; i < sizeof(word_table) / sizeof(word_table[0]); i++) {
		word_len = strlen(word_table[i].word);
		if (!begins(rest, len, word_table[i].word, word_len))
			continue;
		*result = (struct result){ word_table[i].kind, rest + word_len,
		    len - word_len };
		return 0;
	}
fail:
	return error_set(error, ERROR_BAD_REPLY,
	    "unexpected reply to a line of Lua");
}

const char *
result_command(const struct result *result)
{
	static const char *const lines[][2] = {
		{ "- help\n", "\\help" },
		{ "- quit\n", "\\quit" }
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (begins(result->rest, result->rest_len, lines[i][0],
		    strlen(lines[i][0])))
			return lines[i][1];
	return NULL;
}

void
result_print(FILE *out, const struct result *result, int color)
{
	highlight_yaml(out, BEGIN, BEGIN_LEN, color, 0);
	highlight_yaml(out, result->rest, result->rest_len, color,
	    result->kind == RESULT_FAILED || result->kind == RESULT_NIL_ERR);
}

json_t *
result_tree(const struct result *result, struct error *error)
{
	json_t *tree, *first;
	char *text;

	/*
	 * Parse a copy that starts with "---", which result_read has skipped.
	 */
	if ((text = malloc(BEGIN_LEN + result->rest_len)) == NULL) {
		error_out_of_memory(error);
		return NULL;
	}
	memcpy(text, BEGIN, BEGIN_LEN);
	memcpy(text + BEGIN_LEN, result->rest, result->rest_len);
	tree = yaml_tree_parse(text, BEGIN_LEN + result->rest_len, error);
	free(text);
	if (tree == NULL)
		return NULL;
	first = json_array_get(tree, 0);
	if (!json_is_array(tree) || (result->kind == RESULT_FAILED &&
	    json_object_get(first, "error") == NULL)) {
		error_set(error, ERROR_BAD_REPLY,
		    "unexpected reply to a line of Lua");
		json_decref(tree);
		return NULL;
	}
	if (result->kind == RESULT_FAILED) {
		json_incref(first);
		json_decref(tree);
		tree = first;
	}
	return tree;
}

void
result_explain(const json_t *tree, struct error *error)
{
	const json_t *value = json_is_array(tree) ? json_array_get(tree, 1) :
	    json_object_get(tree, "error");
	char *dumped = NULL;

	if (!json_is_string(value))
		dumped = json_dump_strict(value, JSON_COMPACT | JSON_ENCODE_ANY,
		    NULL);
	error_set(error, ERROR_LUA, "%s", dumped != NULL ?
	    dumped : json_is_string(value) ? json_string_value(value) :
	    "an error that cannot be printed");
	free(dumped);
}
