/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <ctype.h>
#include <string.h>

#include "repl/lua_incomplete.h"

/*
 * The keywords that start or end a block.  `while` and `for` are omitted: the
 * `do` that follows them is counted instead.
 */
static const struct {
	const char	*word;
	int		 change;
} word_table[] = {
	{ "do", 1 },
	{ "end", -1 },
	{ "function", 1 },
	{ "if", 1 },
	{ "repeat", 1 },
	{ "until", -1 }
};

static int
is_letter(char c)
{
	return isalnum((unsigned char)c) || c == '_' ||
	    (unsigned char)c >= 0x80;
}

/*
 * Returns the length of the long bracket at the start of the text, such as
 * "[==[" or "]]", or 0 if there is none.
 */
static size_t
long_bracket(const char *text, size_t len, char bracket)
{
	size_t i;

	if (len < 2 || text[0] != bracket)
		return 0;
	for (i = 1; i < len && text[i] == '='; i++)
		continue;
	return i < len && text[i] == bracket ? i + 1 : 0;
}

/*
 * Skips the rest of a long string or a long comment.  Skips the whole text if
 * there is no closing bracket.  Returns the number of bytes skipped.
 */
static size_t
skip_long(struct lua_nesting *lua_nesting, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (long_bracket(text + i, len - i, ']') ==
		    lua_nesting->level + 1) {
			i += lua_nesting->level + 1;
			lua_nesting->level = 0;
			break;
		}
	return i;
}

static size_t
skip_string(struct lua_nesting *lua_nesting, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len && lua_nesting->quote != '\0'; i++) {
		if (lua_nesting->escaped)
			lua_nesting->escaped = 0;
		else if (text[i] == '\\')
			lua_nesting->escaped = 1;
		else if (text[i] == lua_nesting->quote || text[i] == '\n')
			lua_nesting->quote = '\0';
	}
	return i;
}

static size_t
skip_word(struct lua_nesting *lua_nesting, const char *text, size_t len)
{
	size_t i, used;

	for (used = 0; used < len && is_letter(text[used]); used++)
		continue;
	for (i = 0; i < sizeof(word_table) / sizeof(word_table[0]); i++)
		if (strlen(word_table[i].word) == used &&
		    memcmp(text, word_table[i].word, used) == 0)
			lua_nesting->depth += word_table[i].change;
	return used;
}

static size_t
skip_comment(struct lua_nesting *lua_nesting, const char *text, size_t len)
{
	size_t used = long_bracket(text + 2, len - 2, '[');
	const char *newline;

	if (used > 0) {
		lua_nesting->level = used - 1;
		return used + 2;
	}
	newline = memchr(text, '\n', len);
	return newline == NULL ? len : (size_t)(newline - text);
}

/*
 * Handles a comment, a quote, a bracket, or any single character that does not
 * start a word.  Returns the number of bytes consumed.
 */
static size_t
skip_mark(struct lua_nesting *lua_nesting, const char *text, size_t len)
{
	size_t used;

	if (len >= 2 && text[0] == '-' && text[1] == '-')
		return skip_comment(lua_nesting, text, len);
	if ((used = long_bracket(text, len, '[')) > 0) {
		lua_nesting->level = used - 1;
		return used;
	}
	if (text[0] == '\'' || text[0] == '"')
		lua_nesting->quote = text[0];
	else if (text[0] == '(' || text[0] == '{' || text[0] == '[')
		lua_nesting->depth++;
	else if (text[0] == ')' || text[0] == '}' || text[0] == ']')
		lua_nesting->depth--;
	return 1;
}

void
lua_nesting_add(struct lua_nesting *lua_nesting, const char *text, size_t len)
{
	size_t used;

	for (; len > 0; text += used, len -= used) {
		if (lua_nesting->level > 0)
			used = skip_long(lua_nesting, text, len);
		else if (lua_nesting->quote != '\0')
			used = skip_string(lua_nesting, text, len);
		else if (is_letter(text[0]))
			used = skip_word(lua_nesting, text, len);
		else
			used = skip_mark(lua_nesting, text, len);
	}
}

int
lua_is_incomplete(const struct lua_nesting *lua_nesting)
{
	return lua_nesting->depth > 0 || lua_nesting->level > 0 ||
	    (lua_nesting->quote != '\0' && lua_nesting->escaped);
}
