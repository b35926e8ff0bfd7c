/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <string.h>

#include "repl/highlight.h"
#include "output/term.h"

struct highlighter {
	FILE		*out;
	int		 color;
	enum term_style	 string;	/* style of strings */
	/* The quote character of the unfinished quoted scalar, or NUL. */
	char		 quote;
	/* The minimum indentation of the current block scalar, or 0. */
	size_t		 block;
	size_t		 column;	/* column of the current value */
};

static void
put_styled(struct highlighter *highlighter, enum term_style style,
    const char *text, size_t len)
{
	int color = highlighter->color && style != TERM_PLAIN;

	if (len == 0)
		return;
	term_begin(highlighter->out, color, style);
	term_print_text(highlighter->out, text, len);
	term_end(highlighter->out, color);
}

/*
 * Returns the length of a quoted string.  The length includes the closing
 * quote, but not the opening one.  Sets *open to whether the closing quote is
 * missing.
 */
static size_t
quoted_length(const char *text, size_t len, char quote, int *open)
{
	size_t i;

	*open = 0;
	for (i = 0; i < len; i++) {
		if (quote == '"' && text[i] == '\\') {
			i++;
		} else if (text[i] == quote) {
			if (quote != '\'' || i + 1 >= len ||
			    text[i + 1] != quote)
				return i + 1;
			i++;
		}
	}
	*open = 1;
	return len;
}

static int
is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

static enum term_style
plain_style(const struct highlighter *highlighter, const char *text, size_t len)
{
	size_t i;

	if (is(text, len, "null"))
		return TERM_DIM;
	if (is(text, len, "true") || is(text, len, "false") ||
	    is(text, len, "nan") || is(text, len, "-nan") ||
	    is(text, len, "inf") || is(text, len, "-inf"))
		return TERM_WARN;
	for (i = 0; i < len; i++)
		if (text[i] == '\0' || strchr("0123456789+-.eE", text[i]) ==
		    NULL)
			return highlighter->string;
	return text[0] == '.' || text[len - 1] == '-' ? highlighter->string :
	    TERM_WARN;
}

/*
 * Returns the offset of the colon after the key at the start of the text, or
 * `len` if the text does not start with a key.
 */
static size_t
key_length(const char *text, size_t len)
{
	size_t i;
	int open;

	if (text[0] == '\'' || text[0] == '"') {
		i = 1 + quoted_length(text + 1, len - 1, text[0], &open);
		if (open || i >= len || text[i] != ':')
			return len;
		return i + 1 == len || text[i + 1] == ' ' ? i : len;
	}
	if (strchr("[{&*!|>", text[0]) != NULL)
		return len;
	for (i = 0; i < len; i++)
		if (text[i] == ':' && (i + 1 == len || text[i + 1] == ' '))
			return i;
	return len;
}

static void
highlight_scalar(struct highlighter *highlighter, const char *text, size_t len)
{
	size_t used;
	int open;

	/* An anchor or tag precedes the value; an alias replaces it. */
	while (len > 0 && strchr("&*!", text[0]) != NULL && text[0] != '\0') {
		for (used = 0; used < len && text[used] != ' '; used++)
			continue;
		put_styled(highlighter, TERM_DIM, text, used);
		text += used;
		len -= used;
		if (len == 0)
			return;
		put_styled(highlighter, TERM_PLAIN, text, 1);
		text++;
		len--;
	}
	if (len == 0)
		return;
	if (text[0] == '\'' || text[0] == '"') {
		used = 1 + quoted_length(text + 1, len - 1, text[0], &open);
		highlighter->quote = (char)(open ? text[0] : '\0');
		put_styled(highlighter, highlighter->string, text, used);
		put_styled(highlighter, TERM_PLAIN, text + used, len - used);
	} else if (text[0] == '|' || text[0] == '>') {
		highlighter->block = highlighter->column + 1;
		put_styled(highlighter, TERM_PLAIN, text, len);
	} else if (text[0] == '[' || text[0] == '{') {
		put_styled(highlighter, TERM_PLAIN, text, len);
	} else {
		put_styled(highlighter,
			    plain_style(highlighter, text, len), text, len);
	}
}

/*
 * Prints a line that starts an entry of a mapping or a list.  The caller has
 * already printed the indentation.
 */
static void
highlight_entry(struct highlighter *highlighter, const char *text, size_t len)
{
	size_t key;

	while (len > 0 && (text[0] == '-' || text[0] == '?') &&
	    (len == 1 || text[1] == ' ')) {
		put_styled(highlighter, TERM_PLAIN, text, len == 1 ? 1 : 2);
		highlighter->column += 2;
		text += len == 1 ? 1 : 2;
		len -= len == 1 ? 1 : 2;
	}
	if (len == 0)
		return;
	/*
	 * The lines of a block scalar are indented more than its key.  In a
	 * list item without a key, they are indented more than the "-".
	 */
	key = key_length(text, len);
	if (key < len) {
		put_styled(highlighter, TERM_BOLD, text, key);
		put_styled(highlighter, TERM_PLAIN, text + key,
		    key + 1 < len ? 2 : 1);
		key += key + 1 < len ? 2 : 1;
		text += key;
		len -= key;
	} else if (highlighter->column >= 2) {
		highlighter->column -= 2;
	}
	highlight_scalar(highlighter, text, len);
}

static void
highlight_line(struct highlighter *highlighter, const char *text, size_t len)
{
	size_t indent, used;
	int open;

	if (highlighter->quote != '\0') {
		used = quoted_length(text, len, highlighter->quote, &open);
		highlighter->quote = (char)(open ? highlighter->quote : '\0');
		put_styled(highlighter, highlighter->string, text, used);
		put_styled(highlighter, TERM_PLAIN, text + used, len - used);
		return;
	}
	for (indent = 0; indent < len && text[indent] == ' '; indent++)
		continue;
	if (highlighter->block > 0 && (indent >= highlighter->block ||
	    indent == len)) {
		put_styled(highlighter, highlighter->string, text, len);
		return;
	}
	highlighter->block = 0;
	highlighter->column = indent;
	if (len >= 3 && (memcmp(text, "---", 3) == 0 ||
	    memcmp(text, "...", 3) == 0)) {
		put_styled(highlighter, TERM_DIM, text, 3);
		put_styled(highlighter, TERM_PLAIN, text + 3, len > 3 ? 1 : 0);
		if (len > 4)
			highlight_entry(highlighter, text + 4, len - 4);
	} else if (len > 0 && text[0] == '%') {
		put_styled(highlighter, TERM_DIM, text, len);
	} else {
		put_styled(highlighter, TERM_PLAIN, text, indent);
		highlight_entry(highlighter, text + indent, len - indent);
	}
}

void
highlight_yaml(FILE *out, const char *text, size_t len, int color, int failed)
{
	struct highlighter highlighter = { out, color,
	    failed ? TERM_BAD : TERM_GOOD,
	    '\0', 0, 0 };
	const char *newline;
	size_t line;

	if (!color) {
		term_print_text(out, text, len);
		return;
	}
	while (len > 0) {
		newline = memchr(text, '\n', len);
		line = newline != NULL ? (size_t)(newline - text) : len;
		highlight_line(&highlighter, text, line);
		if (newline != NULL)
			putc('\n', out);
		line += newline != NULL;
		text += line;
		len -= line;
	}
}
