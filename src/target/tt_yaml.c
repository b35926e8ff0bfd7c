/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/tt_yaml.h"
#include "target/config_file.h"
#include "util/environment.h"
#include "util/path.h"

#define TT_SYSTEM_DIR	"/etc/tarantool"
#define TT_RUN_DIR	"var/run"

/*
 * The find_tt functions look for the config file of tt.  They return 1 and set
 * *file to its path, which the caller frees.  They return 0 if there is no
 * config file, or -1 if out of memory.
 */

static int
find_tt_in(const char *dir, char **file)
{
	static const char *const names[] = { "tt.yaml", "tt.yml" };
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((*file = path_join(dir, names[i])) == NULL)
			return -1;
		if (stat(*file, &st) == 0)
			return 1;
		free(*file);
		*file = NULL;
	}
	return 0;
}

/*
 * Looks for the config file of tt in the current directory and in its parents,
 * except for the root directory.
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
 * Resolves the path `dir` relative to the directory of `file`.  Returns a path
 * that the caller frees, or NULL if out of memory.
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
	    path_join(parent, dir);
	free(parent);
	return path;
}

int
tt_yaml_read(struct tt_yaml *tt, struct error *error)
{
	/*
	 * Old versions of tt have these settings in a mapping with the key
	 * "tt".
	 */
	char *enabled = NULL, *app_enabled = NULL, *old_enabled = NULL;
	char *run_dir = NULL, *old_run_dir = NULL;
	const struct config_setting settings[] = {
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
	result = config_file_read_settings(tt->file, given, settings, error);
	if (result == 0) {
		result = error_set(error, ERROR_USAGE, "cannot read %s: %s",
		    tt->file, strerror(ENOENT));
	} else if (result == 1) {
		result = 0;
		tt->enabled = path_beside(tt->file, enabled != NULL ? enabled :
		    app_enabled != NULL ? app_enabled :
		    old_enabled != NULL ? old_enabled : ".");
		/*
		 * In tt 1, all applications share one run directory.  Its path
		 * is relative to the config file.
		 */
		tt->is_shared = run_dir == NULL && old_run_dir != NULL;
		tt->run_dir = tt->is_shared ?
		    path_beside(tt->file, old_run_dir) :
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
tt_yaml_finish(struct tt_yaml *tt)
{
	free(tt->file);
	free(tt->enabled);
	free(tt->run_dir);
	memset(tt, 0, sizeof(*tt));
}
