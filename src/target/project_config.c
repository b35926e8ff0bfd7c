/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

#include "target/project_config.h"
#include "util/environment.h"
#include "util/file.h"
#include "util/owner.h"

#define CARTRIDGE_FILE	".cartridge.yml"
#define TT_SYSTEM_DIR	"/etc/tarantool"
#define TT_RUN_DIR	"var/run"
#define ROCKSPEC	".rockspec"

#define KEY_SIZE	64
/*
 * Limits the time that libyaml needs, which grows with the square of the
 * nesting depth.
 */
#define DEPTH_MAX	100

/*
 * A setting to read.  `key` is the path of the setting from the root, joined by
 * dots.
 */
struct setting {
	const char	*key;
	char		**value;
};

struct reader {
	yaml_parser_t		 parser;
	const char		*path;
	const char		*text;
	size_t			 len;
	const struct setting	*settings;	/* ends with a NULL key */
	struct error		*error;
};

char *
project_path(const char *dir, const char *name)
{
	size_t len = strlen(dir), size;
	char *path;

	if (len == 0 || strcmp(dir, ".") == 0)
		return strdup(name);
	size = len + strlen(name) + sizeof("/");
	if ((path = malloc(size)) != NULL)
		snprintf(path, size, "%s%s%s", dir,
		    dir[len - 1] == '/' ? "" : "/", name);
	return path;
}

static int
cannot_read(const char *path, const char *why, struct error *error)
{
	return error_set(error, ERROR_USAGE, "cannot read %s: %s",
	    path, why);
}

/*
 * Rejects a file of another user: it could make this program send its Lua to a
 * socket of that user.
 */
static int
check_owner(const char *path, const struct stat *st, struct error *error)
{
	char name[64];

	if (owner_is_trusted(st->st_uid))
		return 0;
	return error_set(error, ERROR_USAGE,
	    "%s belongs to another user (%s) and was not read; run as that "
	    "user, or name the sockets with --run-dir or "
	    "--socket", path, owner_name(st->st_uid, name, sizeof(name)));
}

/*
 * Reads a regular file and terminates its text with a NUL.  `given` is set if
 * the user named the file; only then may it belong to another user.  Returns 1
 * with a text that the caller frees, 0 if there is no such file, or -1 with an
 * error.
 */
static int
read_file(const char *path, int given, char **text, size_t *len,
    struct error *error)
{
	struct stat st;
	int fd, saved;

	*text = NULL;
	/* O_NONBLOCK: opening a FIFO that has no writer would block. */
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
	*text = file_read(fd, PROJECT_FILE_MAX, len);
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
 * Sets an error that names a line of the file.  `line` counts from 0, as in
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
	/* For an invalid character libyaml reports an offset, but no line. */
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

/* Skips the rest of a node whose first event has this type. */
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
store(const struct reader *reader, const struct setting *setting,
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
		return bad_line(reader, line, setting->key, "is given twice");
	if ((*setting->value = strdup(value)) == NULL)
		return error_out_of_memory(reader->error);
	return 0;
}

/*
 * Finds the setting with this key.  Returns NULL if there is no such setting.
 * In that case, sets *inside to whether there are settings in a mapping with
 * this key.
 */
static const struct setting *
find_setting(const struct reader *reader, const char *key, int *inside)
{
	const struct setting *setting;
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
 * Reads a mapping whose first event has been read.  It recurses only into
 * mappings that can contain a setting, so a hostile file cannot exhaust the
 * stack.
 */
static int
read_mapping(struct reader *reader, const char *prefix)
{
	const struct setting *setting;
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

/* Reads the settings in the first document of the file. */
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

/*
 * Reads settings from a YAML file; see read_file for `given`.  Returns 1 if the
 * file was read, 0 if it does not exist, or -1 with an error.
 */
static int
read_settings(const char *path, int given, const struct setting *settings,
    struct error *error)
{
	struct reader reader;
	char *text = NULL;
	int result;

	memset(&reader, 0, sizeof(reader));
	reader.path = path;
	reader.settings = settings;
	reader.error = error;
	if ((result = read_file(path, given, &text, &reader.len, error)) != 1)
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

int
project_run_dir(char **run_dir, struct error *error)
{
	/* cartridge-cli 1 spelled the key with an underscore. */
	char *now = NULL, *old = NULL;
	const struct setting settings[] = {
		{ "run-dir", &now },
		{ "run_dir", &old },
		{ NULL, NULL }
	};
	int result;

	*run_dir = NULL;
	result = read_settings(CARTRIDGE_FILE, 0, settings, error);
	if (result != -1) {
		*run_dir = now != NULL ? now : old;
		if (now == NULL)
			old = NULL;
		now = NULL;
	}
	free(now);
	free(old);
	return result == -1 ? -1 : 0;
}

/*
 * The find_tt functions look for the config file of tt.  They return 1 and set
 * *file to its path, or return 0 if there is none, or -1 if out of memory.
 */

/* Looks for the file in one directory. */
static int
find_tt_in(const char *dir, char **file)
{
	static const char *const names[] = { "tt.yaml", "tt.yml" };
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((*file = project_path(dir, names[i])) == NULL)
			return -1;
		if (stat(*file, &st) == 0)
			return 1;
		free(*file);
		*file = NULL;
	}
	return 0;
}

/*
 * Looks for the file in the current directory and in its parents, except for
 * the root.
 */
static int
find_tt_upwards(char **file)
{
	char *dir, *slash;
	int found;

	if ((found = find_tt_in(".", file)) != 0)
		return found;
	if ((dir = getcwd(NULL, 0)) == NULL)
		return errno == ENOMEM ? -1 : 0;
	while (found == 0 && (slash = strrchr(dir, '/')) != NULL &&
	    slash > dir) {
		*slash = '\0';
		found = find_tt_in(dir, file);
	}
	free(dir);
	return found;
}

static int
find_tt(char **file, int *given)
{
	const char *dir = env_get(ENV_TT_SYSTEM_CONFIG_DIR);
	const char *named = env_get(ENV_TT_CLI_CFG);
	int found;

	*given = named != NULL && named[0] != '\0';
	if (*given)
		return (*file = strdup(named)) != NULL ? 1 : -1;
	if ((found = find_tt_upwards(file)) != 0)
		return found;
	return find_tt_in(dir != NULL && dir[0] != '\0' ? dir :
	    TT_SYSTEM_DIR, file);
}

/*
 * Resolves a path relative to the directory of a file.  Returns a path that the
 * caller frees, or NULL if out of memory.
 */
static char *
path_beside(const char *file, const char *dir)
{
	const char *slash = strrchr(file, '/');
	char *parent, *path;

	if (dir[0] == '/' || slash == NULL)
		return strdup(dir);
	/* The parent of a file in the root directory is "/". */
	if (slash == file)
		slash++;
	if ((parent = strndup(file, (size_t)(slash - file))) == NULL)
		return NULL;
	path = strcmp(dir, ".") == 0 ? strdup(parent) :
	    project_path(parent, dir);
	free(parent);
	return path;
}

int
project_tt(struct project_tt *tt, struct error *error)
{
	/* Old versions of tt had all settings below "tt". */
	char *enabled = NULL, *app_enabled = NULL, *old_enabled = NULL;
	char *run_dir = NULL, *old_run_dir = NULL;
	const struct setting settings[] = {
		{ "env.instances_enabled", &enabled },
		{ "app.instances_enabled", &app_enabled },
		{ "tt.app.instances_enabled", &old_enabled },
		{ "app.run_dir", &run_dir },
		{ "tt.app.run_dir", &old_run_dir },
		{ NULL, NULL }
	};
	int given, result;

	memset(tt, 0, sizeof(*tt));
	if ((result = find_tt(&tt->file, &given)) == 0)
		return 0;
	if (result == -1)
		return error_out_of_memory(error);
	result = read_settings(tt->file, given, settings, error);
	if (result == 0) {
		result = cannot_read(tt->file, strerror(ENOENT), error);
	} else if (result == 1) {
		result = 0;
		tt->enabled = path_beside(tt->file, enabled != NULL ? enabled :
		    app_enabled != NULL ? app_enabled :
		    old_enabled != NULL ? old_enabled : ".");
		/*
		 * In tt 1, all applications shared one run directory.  Its path
		 * is relative to the config file.
		 */
		tt->is_shared = run_dir == NULL && old_run_dir != NULL;
		tt->run_dir = tt->is_shared ? path_beside(tt->file, old_run_dir) :
		    strdup(run_dir != NULL ? run_dir : TT_RUN_DIR);
		if (tt->enabled == NULL || tt->run_dir == NULL)
			result = error_out_of_memory(error);
	}
	free(enabled);
	free(app_enabled);
	free(old_enabled);
	free(run_dir);
	free(old_run_dir);
	return result;
}

void
project_tt_finish(struct project_tt *tt)
{
	free(tt->file);
	free(tt->enabled);
	free(tt->run_dir);
	memset(tt, 0, sizeof(*tt));
}

/*
 * Finds `package = "NAME"` in a line of Lua.  Returns the name and sets its
 * length, or returns NULL if the line has no such assignment.
 */
static const char *
package_in_line(const char *line, size_t *len)
{
	char quote;

	line += strspn(line, " \t");
	if (strncmp(line, "package", strlen("package")) != 0)
		return NULL;
	line += strlen("package");
	line += strspn(line, " \t");
	if (*line != '=')
		return NULL;
	line++;
	line += strspn(line, " \t");
	if ((quote = *line++) != '"' && quote != '\'')
		return NULL;
	*len = strcspn(line, "\"'\\\n");
	return *len > 0 && line[*len] == quote ? line : NULL;
}

/*
 * Reads the package names in a rockspec.  If *package is NULL, sets it to the
 * first one.  Returns 1 if all names equal *package, 0 if they do not, or -1 if
 * out of memory.
 */
static int
read_rockspec(const char *path, char **package)
{
	struct error ignored;
	const char *line, *name;
	char *text;
	size_t len, name_len;
	int agree = 1;

	if (read_file(path, 1, &text, &len, &ignored) != 1)
		return 1;
	for (line = text; line != NULL && agree == 1;
	    line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if ((name = package_in_line(line, &name_len)) == NULL)
			continue;
		if (*package == NULL)
			agree = (*package = strndup(name, name_len)) != NULL ?
			    1 : -1;
		else
			agree = strlen(*package) == name_len &&
			    strncmp(*package, name, name_len) == 0;
	}
	free(text);
	return agree;
}

int
project_package(const char *dir, char **package, struct error *error)
{
	struct dirent *entry;
	DIR *stream;
	size_t len;
	char *path;
	int agree = 1;

	*package = NULL;
	if ((stream = opendir(dir[0] != '\0' ? dir : ".")) == NULL)
		return 0;
	while (agree == 1) {
		errno = 0;
		if ((entry = readdir(stream)) == NULL) {
			/*
			 * The directory cannot be read to its end, and the
			 * remaining rockspecs may have other names.
			 */
			if (errno != 0)
				agree = 0;
			break;
		}
		len = strlen(entry->d_name);
		if (len <= strlen(ROCKSPEC) || strcmp(entry->d_name + len -
		    strlen(ROCKSPEC), ROCKSPEC) != 0)
			continue;
		if ((path = project_path(dir, entry->d_name)) == NULL)
			agree = -1;
		else
			agree = read_rockspec(path, package);
		free(path);
	}
	closedir(stream);
	if (agree != 1) {
		free(*package);
		*package = NULL;
	}
	return agree == -1 ? error_out_of_memory(error) : 0;
}

int
project_here(char **app, struct error *error)
{
	static const char *const files[] = {
		CARTRIDGE_FILE, "tt.yaml", "tt.yml"
	};
	struct stat st;
	size_t i;

	if (project_package(".", app, error) == -1)
		return -1;
	if (*app != NULL)
		return 1;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (stat(files[i], &st) == 0)
			return 1;
	return 0;
}
