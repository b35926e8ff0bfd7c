/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/project_config.h"
#include "target/config_file.h"
#include "util/path.h"

#define CARTRIDGE_FILE	".cartridge.yml"
#define ROCKSPEC	".rockspec"

int
project_config_run_dir(char **run_dir, struct error *error)
{
	/* cartridge-cli 1 spelled the key with an underscore. */
	char *now = NULL, *old = NULL;
	const struct config_setting settings[] = {
		{ "run-dir", &now },
		{ "run_dir", &old },
		{ NULL, NULL }
	};
	int result;

	*run_dir = NULL;
	result = config_file_read_settings(CARTRIDGE_FILE, 0, settings, error);
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
 * Finds the package name in a line of a rockspec: package = "NAME".  Returns a
 * pointer into the line and stores the length of the name in *len.  Returns
 * NULL if the line does not set the name.
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
 * Reads the package names in a rockspec.  If *package is NULL, sets it to a
 * copy of the first name.  Returns 1 if all names equal *package, 0 if a name
 * differs, or -1 if out of memory.
 */
static int
read_rockspec(const char *path, char **package)
{
	struct error ignored;
	const char *line, *name;
	char *text;
	size_t len, name_len;
	int agree = 1;

	if (config_file_read(path, 1, &text, &len, &ignored) != 1)
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
project_config_package(const char *dir, char **package, struct error *error)
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
			 * If readdir(3) fails, return no name: a rockspec that
			 * was not read may contain a different name.
			 */
			if (errno != 0)
				agree = 0;
			break;
		}
		len = strlen(entry->d_name);
		if (len <= strlen(ROCKSPEC) || strcmp(entry->d_name + len -
		    strlen(ROCKSPEC), ROCKSPEC) != 0)
			continue;
		if ((path = path_join(dir, entry->d_name)) == NULL)
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
project_config_exists(char **app, struct error *error)
{
	static const char *const files[] = {
		CARTRIDGE_FILE, "tt.yaml", "tt.yml"
	};
	struct stat st;
	size_t i;

	if (project_config_package(".", app, error) == -1)
		return -1;
	if (*app != NULL)
		return 1;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (stat(files[i], &st) == 0)
			return 1;
	return 0;
}
