/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/discover.h"
#include "target/project_config.h"
#include "target/search.h"
#include "target/tt_yaml.h"
#include "util/environment.h"
#include "util/owner.h"
#include "util/path.h"

#define LOCAL_RUN_DIR	"tmp/run"
#define TT_RUN_DIR	"var/run"
#define TT_ENABLED	"instances.enabled"
/*
 * All applications share this directory: its name is not that of an
 * application.
 */
#define SYSTEM_RUN_DIR	"/var/run/" SYSTEM_NAME
#define SYSTEM_NAME	"tarantool"

/*
 * Determines the application that owns the sockets whose paths do not name an
 * application, and stores its name in *owner, which the caller frees.  If the
 * run directory is inside a project directory (`base`), the name comes from the
 * rockspec or, failing that, from the project directory.  In all other cases,
 * it is the name of the run directory, but only if an application is requested
 * and the name is not "tarantool".  If there is no such name, or if it does not
 * match the request, *owner remains NULL.
 */
static int
find_owner(struct search *search, struct run_dir *dir, const char *base,
    char **owner)
{
	char *resolved, *name, *package = NULL;
	int result = 0;

	resolved = realpath(base != NULL ? base : dir->path, NULL);
	if (resolved == NULL) {
		dir->owned = search->app == NULL;
		return 0;
	}
	if (base == NULL && strlen(resolved) > strlen("/" TT_RUN_DIR) &&
	    (search_ends_with(resolved, "/" TT_RUN_DIR) ||
	    search_ends_with(resolved, "/" LOCAL_RUN_DIR))) {
		base = resolved;
		resolved[strlen(resolved) - strlen("/" TT_RUN_DIR)] = '\0';
	}
	name = strrchr(resolved, '/') + 1;
	if (base != NULL)
		result = project_config_package(resolved, &package,
		    search->error);
	dir->owned = 1;
	if (package != NULL && search_matches(search->app, package))
		*owner = package;
	else if (!search_matches(search->app, name) || (base == NULL &&
	    (search->app == NULL || strcmp(name, SYSTEM_NAME) == 0)) ||
	    name[0] == '\0')
		dir->owned = search->app == NULL;
	else if ((*owner = strdup(name)) == NULL)
		result = error_out_of_memory(search->error);
	if (*owner != package)
		free(package);
	dir->owner = *owner;
	free(resolved);
	return result;
}

/*
 * Reads a run directory of the application `owner`.  If `owner` is NULL,
 * find_owner determines the application.  Returns the same values as
 * search_scan.
 */
static int
read_run_dir(struct search *search, const char *path, const char *base,
    const char *owner, struct run_dir *dir)
{
	char *found = NULL;
	int result = 0;

	memset(dir, 0, sizeof(*dir));
	dir->path = path;
	dir->owned = owner != NULL;
	dir->owner = owner;
	/*
	 * A socket in the working directory is addressed by its file name
	 * alone, without a directory.
	 */
	search->run_len = strcmp(path, ".") == 0 ? 0 : strlen(path);
	if (owner == NULL)
		result = find_owner(search, dir, base, &found);
	if (result == 0)
		result = search_scan(search, dir);
	dir->owner = NULL;
	free(found);
	return result;
}

static void
print_searched(struct search *search, const char *path, int absent)
{
	fprintf(search->searched, "%s%s%s", search->dirs++ > 0 ? ", " : "",
	    path, absent ? " (no such directory)" : "");
}

static int
search_run_dir(struct search *search, const char *path, const char *base,
    const char *owner)
{
	struct run_dir dir;
	int result;

	result = read_run_dir(search, path, base, owner, &dir);
	if (result == -1)
		return -1;
	print_searched(search, path, result == 1);
	return 0;
}

/*
 * Searches the run directory of one tt application.  If `say` is set, adds the
 * directory to the list of searched directories.
 */
static int
search_app(struct search *search, const char *enabled, const char *app,
    const char *run_dir, int say)
{
	struct run_dir dir;
	char *app_dir, *path = NULL;
	int result;

	if ((app_dir = path_join(enabled, app)) == NULL ||
	    (path = path_join(app_dir, run_dir)) == NULL)
		result = error_out_of_memory(search->error);
	else if (say)
		result = search_run_dir(search, path, app_dir, app);
	else if ((result = read_run_dir(search, path, app_dir, app, &dir)) == 1)
		result = 0;
	free(path);
	free(app_dir);
	return result;
}

/*
 * Searches the run directories of all tt applications that match the request.
 */
static int
search_apps(struct search *search, const char *enabled, const char *run_dir)
{
	struct dirent *entry;
	DIR *dir;
	char *shown;
	int absent, result = 0;

	if (search->app != NULL && !search_is_pattern(search->app))
		return search_app(search, enabled, search->app, run_dir, 1);
	dir = opendir(enabled[0] != '\0' ? enabled : ".");
	absent = dir == NULL && search_is_absent(errno);
	if (dir == NULL && !absent)
		return search_unreadable(search, enabled, 0);
	while (dir != NULL && result == 0) {
		errno = 0;
		if ((entry = readdir(dir)) == NULL) {
			if (errno != 0)
				result = search_unreadable(search, enabled, 0);
			break;
		}
		if (entry->d_name[0] != '.' &&
		    search_matches(search->app, entry->d_name))
			result = search_app(search, enabled, entry->d_name,
			    run_dir, 0);
	}
	if (dir != NULL)
		closedir(dir);
	if (result == -1)
		return -1;
	if ((shown = path_join(enabled, "*")) == NULL)
		return error_out_of_memory(search->error);
	fprintf(search->searched, "%s%s/%s", search->dirs++ > 0 ? ", " : "",
	    shown, run_dir);
	free(shown);
	return 0;
}

static int
search_tt(struct search *search)
{
	struct tt_yaml tt;
	char *own = NULL;
	int result;

	result = tt_yaml_read(&tt, search->error);
	search->is_named = result == 0 && tt.file != NULL;
	if (result == -1) {
		/* tt_yaml_read has set the error. */
	} else if (tt.file == NULL) {
		/*
		 * Without a tt.yaml, tt uses these directories.  The first one
		 * is also the default of Tarantool 3.
		 */
		result = search_run_dir(search, TT_RUN_DIR, ".", NULL);
		if (result == 0)
			result = search_apps(search, TT_ENABLED, TT_RUN_DIR);
	} else if (tt.run_dir[0] == '/' || tt.is_shared) {
		result = search_run_dir(search, tt.run_dir, NULL, NULL);
	} else if ((own = path_join(tt.enabled, tt.run_dir)) == NULL) {
		result = error_out_of_memory(search->error);
	} else {
		/*
		 * The `instances_enabled` setting can name the directory of a
		 * single application.
		 */
		result = search_run_dir(search, own, tt.enabled, NULL);
		if (result == 0)
			result = search_apps(search, tt.enabled, tt.run_dir);
	}
	free(own);
	tt_yaml_finish(&tt);
	return result;
}

static int
found_any(const struct search *search)
{
	size_t i;

	for (i = 0; i < search->count; i++)
		if (search->list[i].match == WANTED)
			return 1;
	return 0;
}

/*
 * Searches the run directory that is given or configured.  If there is none,
 * searches the usual run directories.
 */
static int
search_all(struct search *search, const struct discover_query *query)
{
	const char *run_dir = query->run_dir;
	char *configured = NULL;
	int result;

	if (run_dir == NULL) {
		run_dir = env_get(ENV_TARANTOOL_RUN_DIR);
		if (run_dir != NULL && run_dir[0] == '\0')
			run_dir = NULL;
	}
	if (run_dir == NULL) {
		if (project_config_run_dir(&configured, search->error) == -1)
			return -1;
		run_dir = configured;
	}
	if (run_dir != NULL) {
		search->is_named = 1;
		result = search_run_dir(search, run_dir, NULL, NULL);
		free(configured);
		return result;
	}
	result = search_run_dir(search, LOCAL_RUN_DIR, ".", NULL);
	if (result == 0 && !found_any(search))
		result = search_tt(search);
	search->is_named = 1;
	if (result == 0 && !found_any(search) && !query->only_here)
		result = search_run_dir(search, query->system_run_dir != NULL ?
		    query->system_run_dir : SYSTEM_RUN_DIR, NULL, NULL);
	return result;
}

static int
compare_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int
compare_candidates(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;
	int result;

	if ((result = compare_text(left->app, right->app)) == 0 &&
	    (result = compare_text(left->instance, right->instance)) == 0)
		result = strcmp(left->path, right->path);
	return result;
}

static int
same_instance(const struct candidate *a, const struct candidate *b)
{
	return compare_text(a->app, b->app) == 0 &&
	    compare_text(a->instance, b->instance) == 0;
}

static int
is_younger(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec :
	    a->tv_nsec > b->tv_nsec;
}

static int
wrong_owner(const struct search *search, const char *path, uid_t owner)
{
	char name[64];

	return error_set(search->error, ERROR_WRONG_OWNER,
	    "the directory '%s' belongs to another user (%s); run as that "
	    "user, or specify the directory with --run-dir", path,
	    owner_name(owner, name, sizeof(name)));
}

/*
 * Sets *owner to the owner of a socket's directory: besides trusted users, only
 * that user may listen on the socket.  Fails if a directory on the path may
 * have been created by anyone else.  So a run directory found in the current
 * directory must belong to a trusted user, and a directory inside a
 * world-writable one must belong to a trusted user or to the owner of its
 * parent.
 */
static int
find_server(struct search *search, const struct candidate *candidate,
    uid_t *owner)
{
	struct stat st;
	char *path, *slash;
	int is_shared = !candidate->is_named, result = 0;

	if ((path = strdup(candidate->path)) == NULL)
		return error_out_of_memory(search->error);
	*owner = 0;
	slash = path + candidate->run_len;
	do {
		*slash = '\0';
		if (stat(path[0] == '\0' ? "." : path, &st) == -1) {
			result = search_unreadable(search, path, 0);
		} else if (is_shared && st.st_uid != *owner &&
		    !owner_is_trusted(st.st_uid)) {
			result = wrong_owner(search, path[0] == '\0' ? "." :
			    path, st.st_uid);
		}
		*owner = st.st_uid;
		is_shared = (st.st_mode & S_IWOTH) != 0;
		*slash = candidate->path[slash - path];
	} while (result == 0 && (slash = strchr(slash + 1, '/')) != NULL);
	free(path);
	return result;
}

static int
add_found(struct search *search, const struct candidate *candidate,
    struct targets *targets)
{
	uid_t owner = 0;

	if (find_server(search, candidate, &owner) == -1)
		return -1;
	return targets_add_found(targets, candidate->path, candidate->app,
	    candidate->instance, owner, search->error);
}

/*
 * Adds the newest socket of each instance.  A different tool, or a different
 * version of the same tool, may have left an older socket at another path.
 */
static int
add_wanted(struct search *search, struct targets *targets)
{
	const struct candidate *best = NULL, *next;
	size_t i;

	for (i = 0; i < search->count; i++) {
		next = &search->list[i];
		if (next->match != WANTED)
			continue;
		if (best != NULL && !same_instance(best, next)) {
			if (add_found(search, best, targets) == -1)
				return -1;
			best = NULL;
		}
		if (best == NULL || is_younger(&next->born, &best->born))
			best = next;
	}
	return best == NULL ? 0 : add_found(search, best, targets);
}

/*
 * Rejects an instance name that exists in several applications, unless the
 * request names the application.
 */
static int
check_one_app(const struct search *search)
{
	const struct candidate *first = NULL, *next;
	size_t i;

	if (search->app != NULL || search->instance == NULL)
		return 0;
	for (i = 0; i < search->count; i++) {
		next = &search->list[i];
		if (next->match != WANTED)
			continue;
		if (first == NULL)
			first = next;
		else if (compare_text(first->app, next->app) != 0)
			return error_set(search->error, ERROR_USAGE,
			    "instance '%s' exists in several applications (%s, "
			    "%s); choose one with --app",
			    search->instance, first->path, next->path);
	}
	return 0;
}

static int
check_name(const char *what, const char *name, struct error *error)
{
	if (name == NULL)
		return 0;
	if (name[0] == '\0')
		return error_set(error, ERROR_USAGE,
		    "the %s name is empty", what);
	if (strchr(name, '/') != NULL || strstr(name, "..") != NULL ||
	    strcmp(name, ".") == 0)
		return error_set(error, ERROR_USAGE,
		    "'%s' is not a valid %s name", name, what);
	return 0;
}

static int
check_query(const struct discover_query *query, struct error *error)
{
	if (query->app == NULL && query->instance == NULL &&
	    query->run_dir == NULL)
		return error_set(error, ERROR_USAGE,
		    "no run directory, application or instance given");
	if (query->run_dir != NULL && query->run_dir[0] == '\0')
		return error_set(error, ERROR_USAGE,
		    "the path of the run directory is empty");
	if (check_name("application", query->app, error) == -1)
		return -1;
	return check_name("instance", query->instance, error);
}

/*
 * Takes the application name from the rockspec in the current directory, as
 * cartridge-cli does.
 */
static int
take_app_from_rockspec(struct search *search)
{
	struct error ignored;

	if (project_config_package(".", &search->package,
	    search->error) == -1)
		return -1;
	if (search->package == NULL || search_is_pattern(search->package) ||
	    check_name("application", search->package, &ignored) == -1) {
		free(search->package);
		search->package = NULL;
	}
	search->app = search->package;
	return 0;
}

static int
asks_for_stateboard(const char *pattern)
{
	return pattern != NULL && search_ends_with(pattern, STATEBOARD);
}

int
discover_targets(const struct discover_query *query, struct targets *targets,
    struct error *error)
{
	struct search search = { .app = query->app,
	    .instance = query->instance, .error = error };
	char *searched = NULL;
	size_t len;
	int result = 0;

	if (check_query(query, error) == -1)
		return -1;
	if ((search.searched = open_memstream(&searched, &len)) == NULL)
		return error_out_of_memory(error);
	search.stateboards = asks_for_stateboard(query->app) ||
	    asks_for_stateboard(query->instance);
	if (query->app == NULL && query->instance != NULL)
		result = take_app_from_rockspec(&search);
	if (result == 0)
		result = search_all(&search, query);
	if (search_close_text(search.searched, &searched) == -1 && result == 0)
		result = error_out_of_memory(error);
	if (result == 0) {
		if (search.count > 0)
			qsort(search.list, search.count,
			    sizeof(*search.list), compare_candidates);
		if (!found_any(&search))
			result = search_nothing_found(&search, searched);
		else if ((result = check_one_app(&search)) == 0)
			result = add_wanted(&search, targets);
	}
	search_finish(&search);
	free(searched);
	return result;
}
