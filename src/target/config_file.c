/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

#include "target/config_file.h"
#include "util/file.h"
#include "util/owner.h"

#define KEY_SIZE	64
/*
 * The maximum nesting depth.  The time that libyaml needs grows with the square
 * of the depth.
 */
#define DEPTH_MAX	100

struct reader {
	yaml_parser_t		 parser;
	const char		*path;
	const char		*text;
	size_t			 len;
	const struct config_setting	*settings;
	struct error		*error;
};

static int
cannot_read(const char *path, const char *why, struct error *error)
{
	return error_set(error, ERROR_USAGE, "cannot read %s: %s",
	    path, why);
}

/*
 * Rejects a file that belongs to an untrusted user.  The file could make this
 * program send Lua code to a socket of that user.
 */
static int
check_owner(const char *path, const struct stat *st, struct error *error)
{
	char name[64];

	if (owner_is_trusted(st->st_uid))
		return 0;
	return error_set(error, ERROR_USAGE,
	    "%s belongs to another user (%s) and was not read; run as that "
	    "user, or specify the sockets with --run-dir or "
	    "--socket", path, owner_name(st->st_uid, name, sizeof(name)));
}

int
config_file_read(const char *path, int given, char **text, size_t *len,
    struct error *error)
{
	struct stat st;
	int fd, saved;

	*text = NULL;
	/* Without O_NONBLOCK, opening a FIFO that has no writer would block. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 :
		    cannot_read(path, strerror(errno), error);
	if (fstat(fd, &st) == -1) {
		cannot_read(path, strerror(errno), error);
		close(fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return cannot_read(path, "not a regular file", error);
	}
	if (!given && check_owner(path, &st, error) == -1) {
		close(fd);
		return -1;
	}
	*text = file_read(fd, CONFIG_FILE_MAX, len);
	saved = errno;
	close(fd);
	if (*text != NULL)
		return 1;
	if (saved == ENOMEM)
		return error_out_of_memory(error);
	return cannot_read(path, saved == EFBIG ? "too large" :
	    strerror(saved), error);
}

/*
 * Sets an error that names the file and the line.  `line` counts from 0, as in
 * libyaml.
 */
static int
bad_line(const struct reader *reader, size_t line, const char *key,
    const char *what)
{
	return error_set(reader->error, ERROR_USAGE,
	    "%s:%zu: %s%s%s", reader->path, line + 1, key,
	    key[0] != '\0' ? " " : "", what);
}

static int
bad_yaml(const struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	size_t line, i;

	if (parser->error == YAML_MEMORY_ERROR)
		return error_out_of_memory(reader->error);
	line = parser->problem_mark.line;
	/*
	 * For an invalid character, libyaml reports only the offset.  Count the
	 * lines before it.
	 */
	if (parser->error == YAML_READER_ERROR) {
		line = 0;
		for (i = 0; i < parser->problem_offset && i < reader->len; i++)
			line += reader->text[i] == '\n';
	}
	return bad_line(reader, line, "", parser->problem != NULL ?
	    parser->problem : "not YAML");
}

static int
next_event(struct reader *reader, yaml_event_t *event)
{
	return yaml_parser_parse(&reader->parser, event) ? 0 :
	    bad_yaml(reader);
}

/*
 * Skips the rest of a YAML node.  `type` is the type of its first event, which
 * has already been read.
 */
static int
skip(struct reader *reader, yaml_event_type_t type)
{
	yaml_event_t event;
	size_t depth = 0;

	for (;;) {
		if (type == YAML_MAPPING_START_EVENT ||
		    type == YAML_SEQUENCE_START_EVENT)
			depth++;
		else if (type == YAML_MAPPING_END_EVENT ||
		    type == YAML_SEQUENCE_END_EVENT)
			depth--;
		if (depth == 0)
			return 0;
		if (depth > DEPTH_MAX)
			return bad_line(reader, reader->parser.mark.line, "",
			    "nested too deeply");
		if (next_event(reader, &event) == -1)
			return -1;
		type = event.type;
		yaml_event_delete(&event);
	}
}

static int
is_null(const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;

	return event->data.scalar.length == 0 ||
	    (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (strcmp(value, "~") == 0 || strcasecmp(value, "null") == 0));
}

static int
store(const struct reader *reader, const struct config_setting *setting,
    const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t line = event->start_mark.line;

	if (event->type != YAML_SCALAR_EVENT)
		return bad_line(reader, line, setting->key, "is not a string");
	if (is_null(event))
		return 0;
	if (strlen(value) != event->data.scalar.length)
		return bad_line(reader, line, setting->key,
		    "contains a zero byte");
	if (*setting->value != NULL)
		return bad_line(reader, line, setting->key,
		    "appears more than once");
	if ((*setting->value = strdup(value)) == NULL)
		return error_out_of_memory(reader->error);
	return 0;
}

/*
 * Finds the setting with this key.  If there is none, returns NULL, and sets
 * *inside to 1 if a mapping with this key can contain a setting, otherwise to
 * 0.  For example, a mapping with the key "app" can contain the setting
 * "app.run_dir".
 */
static const struct config_setting *
find_setting(const struct reader *reader, const char *key, int *inside)
{
	const struct config_setting *setting;
	size_t len = strlen(key);

	*inside = 0;
	for (setting = reader->settings; setting->key != NULL; setting++) {
		if (strncmp(setting->key, key, len) != 0)
			continue;
		if (setting->key[len] == '\0')
			return setting;
		*inside |= setting->key[len] == '.';
	}
	return NULL;
}

/*
 * Reads a mapping whose start event has already been read.  Recurses only into
 * mappings that can contain a setting, so a hostile file cannot exhaust the
 * stack.
 */
static int
read_mapping(struct reader *reader, const char *prefix)
{
	const struct config_setting *setting;
	yaml_event_t event;
	char key[KEY_SIZE];
	int inside, known, result;

	for (;;) {
		if (next_event(reader, &event) == -1)
			return -1;
		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		known = event.type == YAML_SCALAR_EVENT &&
		    strchr((char *)event.data.scalar.value, '.') == NULL &&
		    snprintf(key, sizeof(key), "%s%s", prefix,
		    (char *)event.data.scalar.value) < (int)sizeof(key);
		result = skip(reader, event.type);
		yaml_event_delete(&event);
		if (result == -1 || next_event(reader, &event) == -1)
			return -1;
		setting = NULL;
		inside = 0;
		if (known)
			setting = find_setting(reader, key, &inside);
		if (setting != NULL) {
			result = store(reader, setting, &event);
			if (result == 0)
				result = skip(reader, event.type);
		} else if (inside && event.type == YAML_MAPPING_START_EVENT &&
		    strlcat(key, ".", sizeof(key)) < sizeof(key)) {
			result = read_mapping(reader, key);
		} else {
			result = skip(reader, event.type);
		}
		yaml_event_delete(&event);
		if (result == -1)
			return -1;
	}
}

static int
read_document(struct reader *reader)
{
	yaml_event_t event;
	yaml_event_type_t type;
	size_t line;

	do {
		if (next_event(reader, &event) == -1)
			return -1;
		type = event.type;
		line = event.start_mark.line;
		if (type == YAML_SCALAR_EVENT && is_null(&event))
			type = YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	} while (type == YAML_STREAM_START_EVENT ||
	    type == YAML_DOCUMENT_START_EVENT);
	if (type == YAML_STREAM_END_EVENT)
		return 0;
	if (type != YAML_MAPPING_START_EVENT)
		return bad_line(reader, line, "", "not a mapping");
	return read_mapping(reader, "");
}

int
config_file_read_settings(const char *path, int given,
    const struct config_setting *settings, struct error *error)
{
	struct reader reader;
	char *text = NULL;
	int result;

	memset(&reader, 0, sizeof(reader));
	reader.path = path;
	reader.settings = settings;
	reader.error = error;
	result = config_file_read(path, given, &text, &reader.len, error);
	if (result != 1)
		return result;
	reader.text = text;
	if (!yaml_parser_initialize(&reader.parser)) {
		free(text);
		return error_out_of_memory(error);
	}
	yaml_parser_set_input_string(&reader.parser,
	    (const unsigned char *)text, reader.len);
	result = read_document(&reader);
	yaml_parser_delete(&reader.parser);
	free(text);
	return result == -1 ? -1 : 1;
}
