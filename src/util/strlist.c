/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "util/strlist.h"
#include "util/array.h"

int
strlist_add(struct strlist *strlist, const char *text, size_t len,
    struct error *error)
{
	char **grown, *copy;

	grown = array_grow(strlist->list, strlist->count, sizeof(*grown));
	if (grown != NULL)
		strlist->list = grown;
	if (grown == NULL || (copy = strndup(text, len)) == NULL)
		return error_out_of_memory(error);
	strlist->list[strlist->count++] = copy;
	return 0;
}

/*
 * Copies one word without its quotes and advances *line.  Returns the length of
 * the copy, or -1 if a quote is not terminated.
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
strlist_split(struct strlist *strlist, const char *line, struct error *error)
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
			result = error_set(error, ERROR_USAGE,
			    "unterminated quote");
		else
			result = strlist_add(strlist, word, (size_t)len, error);
	}
	free(word);
	return result;
}

void
strlist_finish(struct strlist *strlist)
{
	while (strlist->count > 0)
		free(strlist->list[--strlist->count]);
	free(strlist->list);
	strlist->list = NULL;
}
