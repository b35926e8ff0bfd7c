/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "script.h"

#define BOOT	"boot"

/* A text that grows; once memory is out it stays so. */
struct text {
	char	*data;
	size_t	 len;
	size_t	 size;
	int	 failed;
};

/* The scripts that go into a request, each once. */
struct scripts {
	const struct script	**list;
	size_t			  count;
};

static void
append(struct text *text, const char *data, size_t len)
{
	size_t size;
	char *grown;

	if (text->failed)
		return;
	if (text->size - text->len <= len) {
		size = text->size + len + 1;
		if (size < 2 * text->size)
			size = 2 * text->size;
		if ((grown = realloc(text->data, size)) == NULL) {
			text->failed = 1;
			return;
		}
		text->data = grown;
		text->size = size;
	}
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
}

/*
 * Appends bytes as a Lua string.  Always three digits, as the byte after them
 * may be a digit too.
 */
static void
append_string(struct text *text, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	char escaped[5];
	size_t i, plain = 0;

	append(text, "\"", 1);
	for (i = 0; i < len; i++) {
		if (bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '"' &&
		    bytes[i] != '\\')
			continue;
		append(text, (const char *)bytes + plain, i - plain);
		plain = i + 1;
		if (bytes[i] == '\n')
			snprintf(escaped, sizeof(escaped), "\\n");
		else
			snprintf(escaped, sizeof(escaped), "\\%03u", bytes[i]);
		append(text, escaped, strlen(escaped));
	}
	append(text, (const char *)bytes + plain, len - plain);
	append(text, "\"", 1);
}

static int
add_script(struct scripts *scripts, const struct script *script)
{
	const struct script **grown;
	size_t i;

	for (i = 0; i < scripts->count; i++)
		if (scripts->list[i] == script)
			return 0;
	grown = reallocarray(scripts->list, scripts->count + 1,
	    sizeof(*grown));
	if (grown == NULL)
		return -1;
	scripts->list = grown;
	scripts->list[scripts->count++] = script;
	return 0;
}

/*
 * The script that a `require('name')` at the start of the text asks for; NULL
 * if it is none, or if the module is not one of ours.
 */
static const struct script *
required_script(const char *text)
{
	char name[64];
	size_t len;
	char quote;

	text += strlen("require");
	text += strspn(text, " ");
	if (*text++ != '(' || (*text != '\'' && *text != '"'))
		return NULL;
	quote = *text++;
	len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.");
	if (text[len] != quote || len >= sizeof(name))
		return NULL;
	memcpy(name, text, len);
	name[len] = '\0';
	return script_find(name);
}

/* Adds the scripts that a script requires.  Embedded scripts end with a NUL. */
static int
add_required(struct scripts *scripts, const struct script *script)
{
	const char *source = (const char *)script->data, *at = source;
	const struct script *required;

	while ((at = strstr(at, "require")) != NULL) {
		if ((at == source ||
		    (!isalnum((unsigned char)at[-1]) && at[-1] != '_')) &&
		    (required = required_script(at)) != NULL &&
		    add_script(scripts, required) == -1)
			return -1;
		at += strlen("require");
	}
	return 0;
}

static void
append_line(struct text *text, const struct script *boot,
    const struct scripts *scripts, const char *args)
{
	static const char begin[] = "(loadstring(";
	static const char named[] = ",\"@cartridge-reload/boot.lua\")(";
	size_t i;

	append(text, begin, sizeof(begin) - 1);
	append_string(text, boot->data, boot->len);
	append(text, named, sizeof(named) - 1);
	for (i = 0; i < scripts->count; i++) {
		append_string(text, scripts->list[i]->name,
		    strlen(scripts->list[i]->name));
		append(text, ",", 1);
		append_string(text, scripts->list[i]->data,
		    scripts->list[i]->len);
		append(text, ",", 1);
	}
	append_string(text, args, strlen(args));
	append(text, "))", 2);
}

char *
request_line(const json_t *args, size_t *len)
{
	struct scripts scripts = { NULL, 0 };
	struct text text = { NULL, 0, 0, 0 };
	const struct script *boot, *first;
	const char *command;
	char *dumped = NULL;
	size_t i;

	command = json_string_value(json_object_get(args, "command"));
	if (command == NULL || (boot = script_find(BOOT)) == NULL ||
	    (first = script_find(command)) == NULL ||
	    add_script(&scripts, first) == -1)
		goto fail;
	for (i = 0; i < scripts.count; i++)
		if (add_required(&scripts, scripts.list[i]) == -1)
			goto fail;
	dumped = json_dumps(args, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (dumped == NULL)
		goto fail;
	append_line(&text, boot, &scripts, dumped);
	if (text.failed)
		goto fail;
	free(dumped);
	free(scripts.list);
	*len = text.len;
	return text.data;

fail:
	free(dumped);
	free(scripts.list);
	free(text.data);
	return NULL;
}
