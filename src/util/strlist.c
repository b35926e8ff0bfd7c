/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "util/strlist.h"

int
words_add(struct words *words, const char *text, size_t len,
    struct error *error)
{
	char **grown, *copy;

	grown = reallocarray(words->list, words->count + 1, sizeof(*grown));
	if (grown != NULL)
		words->list = grown;
	if (grown == NULL || (copy = strndup(text, len)) == NULL)
		return error_out_of_memory(error);
	words->list[words->count++] = copy;
	return 0;
}

/*
 * Copies one word without its quotes, and moves on behind it.  Returns its
 * length, or -1 if a quote is not closed.
 */
static ssize_t
read_word(char *word, const char **line)
{
	const char *at = *line;
	char quote = '\0', *to = word;

	for (; *at != '\0'; at++) {
		if (quote == '\0' && strchr(" \t\n", *at) != NULL)
			break;
		if (*at == '\\' && quote != '\'' && at[1] != '\0')
			*to++ = *++at;
		else if (*at == quote)
			quote = '\0';
		else if (quote == '\0' && (*at == '\'' || *at == '"'))
			quote = *at;
		else
			*to++ = *at;
	}
	*line = at;
	return quote != '\0' ? -1 : to - word;
}

int
words_split(struct words *words, const char *line, struct error *error)
{
	char *word;
	ssize_t len;
	int result = 0;

	if ((word = malloc(strlen(line) + 1)) == NULL)
		return error_out_of_memory(error);
	while (result == 0) {
		line += strspn(line, " \t\n");
		if (*line == '\0')
			break;
		if ((len = read_word(word, &line)) == -1)
			result = error_set(error, OUTCOME_USAGE, "usage",
			    "a quote is not closed");
		else
			result = words_add(words, word, (size_t)len, error);
	}
	free(word);
	return result;
}

void
words_finish(struct words *words)
{
	while (words->count > 0)
		free(words->list[--words->count]);
	free(words->list);
	words->list = NULL;
}
