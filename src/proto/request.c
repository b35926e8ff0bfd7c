/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/request.h"
#include "proto/script.h"
#include "util/array.h"
#include "util/json_util.h"

#define BOOT	"boot"
#define TYPED	"commands.repl"

/*
 * A growing buffer.  Once an allocation has failed, all later operations fail.
 */
struct text {
	char	*data;
	size_t	 len;
	size_t	 size;
	int	 failed;
};

/* The scripts to send in a request, without duplicates. */
struct scripts {
	const struct script	**list;
	size_t			  count;
};

/*
 * Extends a buffer by `len` bytes.  Returns a pointer to the new bytes, or NULL
 * if out of memory.
 */
static char *
extend(struct text *text, size_t len)
{
	size_t size;
	char *grown;

	if (text->failed)
		return NULL;
	if (text->size - text->len <= len) {
		size = text->size + len + 1;
		if (size < 2 * text->size)
			size = 2 * text->size;
		if ((grown = realloc(text->data, size)) == NULL) {
			text->failed = 1;
			return NULL;
		}
		text->data = grown;
		text->size = size;
	}
	text->len += len;
	text->data[text->len] = '\0';
	return text->data + text->len - len;
}

static void
append(struct text *text, const char *data, size_t len)
{
	char *at;

	if ((at = extend(text, len)) != NULL)
		memcpy(at, data, len);
}

/*
 * Returns how many characters a byte takes in a Lua string literal.  If
 * `is_ascii` is set, bytes above 0x7f are escaped as well, to keep the line
 * ASCII.  User code is sent without these escapes, because they would make
 * non-Latin text four times as long.
 */
static size_t
escaped_size(unsigned char byte, int is_ascii)
{
	if (byte == '\n')
		return 2;
	if (byte >= 0x80)
		return is_ascii ? 4 : 1;
	return byte >= 0x20 && byte != 0x7f && byte != '"' && byte != '\\' ?
	    1 : 4;
}

/*
 * Appends bytes, escaped for a Lua string.  Escapes always have three digits,
 * because the next byte may be a digit.
 */
static void
append_bytes(struct text *text, const void *data, size_t len, int is_ascii)
{
	const unsigned char *bytes = data;
	size_t i, size = 0;
	char *at;

	for (i = 0; i < len; i++)
		size += escaped_size(bytes[i], is_ascii);
	if ((at = extend(text, size)) == NULL)
		return;
	for (i = 0; i < len; i++) {
		switch (escaped_size(bytes[i], is_ascii)) {
		case 1:
			*at++ = (char)bytes[i];
			break;
		case 2:
			*at++ = '\\';
			*at++ = 'n';
			break;
		default:
			*at++ = '\\';
			*at++ = (char)('0' + bytes[i] / 100);
			*at++ = (char)('0' + bytes[i] / 10 % 10);
			*at++ = (char)('0' + bytes[i] % 10);
		}
	}
}

static void
append_escaped(struct text *text, const void *data, size_t len)
{
	append_bytes(text, data, len, 1);
}

/*
 * Appends a string in quotes, without escaping it.  Script names contain no
 * special characters, and the text of embedded scripts is already escaped.
 */
static void
append_string(struct text *text, const char *escaped, size_t len)
{
	append(text, "\"", 1);
	append(text, escaped, len);
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
	grown = array_grow(scripts->list, scripts->count, sizeof(*grown));
	if (grown == NULL)
		return -1;
	scripts->list = grown;
	scripts->list[scripts->count++] = script;
	return 0;
}

/*
 * Adds the embedded scripts that a script requires.  Skips all other modules
 * that the script requires, because the server provides them.
 */
static int
add_required(struct scripts *scripts, const struct script *script)
{
	const struct script *required;
	const char *const *name;

	for (name = script->required; *name != NULL; name++)
		if ((required = script_find(*name)) != NULL &&
		    add_script(scripts, required) == -1)
			return -1;
	return 0;
}

/*
 * Adds the script of the command named in `args`.  Returns 0, or -1 if there is
 * no such script or memory runs out.
 */
static int
add_command(struct scripts *scripts, const json_t *args)
{
	const struct script *script;
	const char *command;
	char name[64];

	command = json_string_value(json_object_get(args, "command"));
	if (command == NULL || (size_t)snprintf(name, sizeof(name),
	    "commands.%s", command) >= sizeof(name) ||
	    (script = script_find(name)) == NULL)
		return -1;
	return add_script(scripts, script);
}

/*
 * Appends the part of the line that is the same for all instances.  Omits the
 * closing brace of the arguments, so that the arguments for one instance can
 * follow.
 */
static void
append_head(struct text *text, const struct script *boot,
    const struct scripts *scripts, json_t *texts, const char *args)
{
	static const char begin[] = "(loadstring(";
	static const char named[] = ",\"@cartridge-reload/boot.lua\")(";
	const char *name;
	json_t *value;
	size_t i;

	append(text, begin, sizeof(begin) - 1);
	append_string(text, boot->text, boot->len);
	append(text, named, sizeof(named) - 1);
	for (i = 0; i < scripts->count; i++) {
		append_string(text, scripts->list[i]->name,
		    strlen(scripts->list[i]->name));
		append(text, ",", 1);
		append_string(text, scripts->list[i]->text,
		    scripts->list[i]->len);
		append(text, ",", 1);
	}
	json_object_foreach(texts, name, value) {
		append(text, "\"", 1);
		append_escaped(text, name, strlen(name));
		append(text, "\",\"", 3);
		append_bytes(text, json_string_value(value),
		    json_string_length(value), 0);
		append(text, "\",", 2);
	}
	append(text, "\"", 1);
	append_escaped(text, args, strlen(args) - 1);
}

/*
 * Converts the arguments to JSON, except for "texts", which are sent
 * separately.
 */
static char *
dump_arguments(const json_t *args)
{
	json_t *copy = json_copy_strict(args);
	char *dumped;

	json_object_del(copy, "texts");
	dumped = json_dump_strict(copy, JSON_COMPACT | JSON_ENSURE_ASCII, NULL);
	json_decref(copy);
	return dumped;
}

int
request_init(struct request *request, const json_t *args)
{
	struct scripts scripts = { NULL, 0 };
	struct text text = { NULL, 0, 0, 0 };
	const struct script *boot;
	const json_t *inner = json_object_get(args, "request");
	char *dumped = NULL;
	size_t i;
	int result = -1;

	request->head = NULL;
	request->len = 0;
	if ((boot = script_find(BOOT)) == NULL ||
	    add_command(&scripts, args) == -1)
		goto done;
	/*
	 * To build the request that it relays, the gateway needs boot.lua and
	 * the scripts of the relayed command.
	 */
	if (inner != NULL && (add_command(&scripts, inner) == -1 ||
	    add_script(&scripts, boot) == -1))
		goto done;
	for (i = 0; i < scripts.count; i++)
		if (add_required(&scripts, scripts.list[i]) == -1)
			goto done;
	if ((dumped = dump_arguments(args)) == NULL)
		goto done;
	append_head(&text, boot, &scripts, json_object_get(args, "texts"),
	    dumped);
	if (text.failed) {
		free(text.data);
		goto done;
	}
	request->head = text.data;
	request->len = text.len;
	result = 0;

done:
	free(dumped);
	free(scripts.list);
	return result;
}

void
request_finish(struct request *request)
{
	free(request->head);
	request->head = NULL;
	request->len = 0;
}

char *
request_rest(const json_t *more, size_t *len)
{
	struct text text = { NULL, 0, 0, 0 };
	char *dumped;

	if (json_object_size(more) > 0) {
		dumped = json_dump_strict(more,
		    JSON_COMPACT | JSON_ENSURE_ASCII, NULL);
		if (dumped == NULL)
			return NULL;
		/* Continue the JSON object that append_head left open. */
		dumped[0] = ',';
		append_escaped(&text, dumped, strlen(dumped));
		free(dumped);
	} else {
		append(&text, "}", 1);
	}
	append(&text, "\"))", 3);
	if (text.failed) {
		free(text.data);
		return NULL;
	}
	*len = text.len;
	return text.data;
}

char *
request_repl(const char *what, const char *typed, size_t typed_len,
    size_t from, size_t to, size_t *len)
{
	static const char named[] = ",\"@cartridge-reload/commands/repl.lua\"))"
	    "(getfenv(1),\"";
	struct text text = { NULL, 0, 0, 0 };
	const struct script *script = script_find(TYPED);
	char numbers[64];

	if (script == NULL)
		return NULL;
	append(&text, "(loadstring(", strlen("(loadstring("));
	append_string(&text, script->text, script->len);
	append(&text, named, sizeof(named) - 1);
	append(&text, what, strlen(what));
	append(&text, "\",\"", 3);
	append_bytes(&text, typed, typed_len, 0);
	snprintf(numbers, sizeof(numbers), "\",%zu,%zu)", from, to);
	append(&text, numbers, strlen(numbers));
	if (text.failed) {
		free(text.data);
		return NULL;
	}
	*len = text.len;
	return text.data;
}

char *
request_line(const json_t *args, size_t *len)
{
	struct request request;
	char *rest, *line;
	size_t rest_len;

	if (request_init(&request, args) == -1)
		return NULL;
	if ((rest = request_rest(NULL, &rest_len)) == NULL) {
		request_finish(&request);
		return NULL;
	}
	if ((line = realloc(request.head, request.len + rest_len + 1)) ==
	    NULL) {
		request_finish(&request);
	} else {
		memcpy(line + request.len, rest, rest_len + 1);
		*len = request.len + rest_len;
	}
	free(rest);
	return line;
}
