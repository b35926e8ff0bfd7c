/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/discover.h"
#include "target/project_config.h"
#include "util/array.h"
#include "util/nearest.h"
#include "util/owner.h"

#define LOCAL_RUN_DIR	"tmp/run"
#define TT_RUN_DIR	"var/run"
#define TT_ENABLED	"instances.enabled"
/* The last component of this path is not the name of an application. */
#define SYSTEM_RUN_DIR	"/var/run/" SYSTEM_NAME
#define SYSTEM_NAME	"tarantool"

#define SUFFIX		".control"
#define TT_SOCKET	"tarantool.control"
#define TT_STEM		"tarantool"
#define DOCKER_SOCKET	"tarantool.sock"
#define STATEBOARD	"stateboard"

/* The maximum number of names or paths in a list of an error. */
#define OTHERS_MAX	6

enum match {
	WANTED,
	STATE_BOARD,		/* a stateboard that was not requested */
	NOT_A_SOCKET,
	UNREADABLE,
	OTHER			/* a socket with another name or none */
};

/* A file that may be the console socket of an instance. */
struct candidate {
	enum match	 match;
	char		*path;
	char		*app;		/* or NULL */
	char		*instance;	/* or NULL */
	struct timespec	 born;
	size_t		 run_len;	/* length of its run directory */
	int		 is_named;	/* do not check its owner */
};

struct search {
	const char		*app;		/* pattern, or NULL */
	const char		*instance;	/* pattern, or NULL */
	char			*package;	/* app from rockspec, or NULL */
	int			 stateboards;	/* stateboards were requested */
	struct candidate	*list;
	size_t			 count;
	/* The run_len and is_named of candidates that are added now. */
	size_t			 run_len;
	int			 is_named;
	/* The text that lists the searched directories, and their number. */
	FILE			*looked;
	int			 places;
	struct error		*error;
};

/* A run directory that is being read. */
struct place {
	const char	*path;
	/*
	 * Whether sockets without an application name belong to the requested
	 * application.  `owner` is its name, or NULL if that is unknown.
	 */
	int		 owned;
	const char	*owner;
	int		 nested;	/* APP/ below a run directory */
};

static int
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int
is_pattern(const char *name)
{
	return strpbrk(name, "*?[\\") != NULL;
}

static int
is_stateboard(const char *name)
{
	return strcmp(name, STATEBOARD) == 0 ||
	    ends_with(name, "-" STATEBOARD);
}

/* Whether a name matches a pattern; NULL matches everything. */
static int
matches(const char *pattern, const char *name)
{
	return pattern == NULL || strcmp(pattern, name) == 0 ||
	    fnmatch(pattern, name, 0) == 0;
}

/*
 * Whether an instance name matches the requested one.  The stateboard of an
 * application can be requested as "stateboard" or "APP-stateboard".
 */
static int
matches_instance(const struct search *search, const char *app,
    const char *instance)
{
	char full[NAME_MAX + sizeof("-" STATEBOARD)];

	if (matches(search->instance, instance))
		return 1;
	if (!is_stateboard(instance) || app == NULL)
		return 0;
	snprintf(full, sizeof(full), "%s-" STATEBOARD, app);
	return matches(search->instance, STATEBOARD) ||
	    matches(search->instance, full);
}

/*
 * Whether the request matches a socket with these names.  If it has only one
 * name, that can be the application's or the instance's.
 */
static int
matches_names(const struct search *search, const char *app,
    const char *instance)
{
	if (app == NULL)
		return search->app == NULL &&
		    matches_instance(search, NULL, instance);
	return matches(search->app, app) && (instance != NULL ?
	    matches_instance(search, app, instance) :
	    matches(search->instance, app));
}

static void
candidate_finish(struct candidate *candidate)
{
	free(candidate->path);
	free(candidate->app);
	free(candidate->instance);
}

static int
dup_string(char **to, const char *text)
{
	return text != NULL && (*to = strdup(text)) == NULL ? -1 : 0;
}

/* Adds a file to the candidates; copies all strings. */
static int
add_candidate(struct search *search, enum match match, const char *path,
    const char *app, const char *instance, const struct timespec *born)
{
	struct candidate candidate = { .match = match,
	    .run_len = search->run_len, .is_named = search->is_named }, *list;

	if (born != NULL)
		candidate.born = *born;
	list = array_grow(search->list, search->count, sizeof(*list));
	if (list != NULL)
		search->list = list;
	if (list == NULL || dup_string(&candidate.path, path) == -1 ||
	    dup_string(&candidate.app, app) == -1 ||
	    dup_string(&candidate.instance, instance) == -1) {
		candidate_finish(&candidate);
		return error_out_of_memory(search->error);
	}
	list[search->count++] = candidate;
	return 0;
}

/*
 * Handles a path that cannot be read.  If only a glob led to it, it is recorded
 * for the message.  Otherwise it is an error, because a partial result could
 * pass for the whole application.
 */
static int
unreadable(struct search *search, const char *path, int by_pattern)
{
	if (errno == ENOMEM)
		return error_out_of_memory(search->error);
	if (errno == EMFILE || errno == ENFILE)
		return error_set(search->error, ERROR_LOCAL,
		    "cannot read '%s': %s", path, strerror(errno));
	if (by_pattern && (search->app == NULL || is_pattern(search->app)))
		return add_candidate(search, UNREADABLE, path, NULL, NULL,
		    NULL);
	if (errno == EACCES || errno == EPERM)
		return error_set(search->error, ERROR_NO_PERMISSION,
		    "cannot look for sockets at '%s': permission denied; run "
		    "as the user that owns the instances, or as root", path);
	return error_set(search->error, ERROR_UNREACHABLE,
	    "cannot look for sockets at '%s': %s", path, strerror(errno));
}

static int
is_absent(int code)
{
	return code == ENOENT || code == ENOTDIR || code == ELOOP;
}

/*
 * Adds a file to the candidates if it is a socket or if its names match the
 * request (`wanted`).
 */
static int
check_candidate(struct search *search, const char *path, const char *app,
    const char *instance, int wanted)
{
	enum match match = WANTED;
	struct stat st;

	if (stat(path, &st) == -1) {
		if (is_absent(errno) || !wanted)
			return 0;
		return unreadable(search, path, 1);
	}
	if (!wanted) {
		if (!S_ISSOCK(st.st_mode))
			return 0;
		match = OTHER;
	} else if (!S_ISSOCK(st.st_mode)) {
		match = NOT_A_SOCKET;
	} else if (!search->stateboards &&
	    ((instance != NULL && is_stateboard(instance)) ||
	    (app != NULL && is_stateboard(app)))) {
		match = STATE_BOARD;
	}
	return add_candidate(search, match, path, app, instance, &st.st_mtim);
}

/*
 * Splits "APP.INSTANCE" at the dot.  Returns 1, or 0 if a part would be empty.
 */
static int
split(char *text, char *dot, const char **app, const char **instance)
{
	if (dot == text || dot[1] == '\0')
		return 0;
	*dot = '\0';
	*app = text;
	*instance = dot + 1;
	return 1;
}

/*
 * Splits the stem of a file name into application and instance.  If it has
 * several dots, uses the one at which the parts match the request.  The results
 * point into the stem, which is modified.  Returns whether the request matches.
 */
static int
read_stem(const struct search *search, char *stem, const char **app,
    const char **instance)
{
	char *dot;
	int as_app;

	if (strchr(stem, '.') == NULL && ends_with(stem, "-" STATEBOARD) &&
	    stem[0] != '-') {
		/* "APP-stateboard" may also be requested as an application. */
		as_app = search->app != NULL && search->instance == NULL &&
		    matches(search->app, stem);
		stem[strlen(stem) - strlen("-" STATEBOARD)] = '\0';
		*app = stem;
		*instance = STATEBOARD;
		return as_app || matches_names(search, *app, *instance);
	}
	for (dot = strchr(stem, '.'); dot != NULL; dot = strchr(dot, '.')) {
		if (split(stem, dot, app, instance)) {
			if (matches_names(search, *app, *instance))
				return 1;
			*dot = '.';
		}
		dot++;
	}
	*app = stem;
	*instance = NULL;
	if (matches_names(search, *app, *instance))
		return 1;
	if ((dot = strchr(stem, '.')) != NULL)
		split(stem, dot, app, instance);
	return 0;
}

/* Checks a file named STEM.control. */
static int
check_control(struct search *search, const struct place *place,
    const char *name, const char *path)
{
	char stem[NAME_MAX + 1];
	const char *app, *instance;
	int wanted;

	if (strlcpy(stem, name, sizeof(stem)) >= sizeof(stem))
		return 0;
	stem[strlen(stem) - strlen(SUFFIX)] = '\0';
	wanted = read_stem(search, stem, &app, &instance);
	/*
	 * A directory of an application may contain *.control files that are
	 * not consoles.
	 */
	if (place->nested && (!wanted || instance == NULL ||
	    strcmp(app, place->owner) != 0))
		return 0;
	return check_candidate(search, path, app, instance, wanted);
}

/* Checks tarantool.sock, the console socket of the Docker image. */
static int
check_docker(struct search *search, const struct place *place,
    const char *path)
{
	const char *app = getenv("TARANTOOL_APP_NAME");
	const char *instance = getenv("TARANTOOL_INSTANCE_NAME");
	struct stat st;
	char *console;
	int has_console;

	if ((console = project_path(place->path, TT_SOCKET)) == NULL)
		return error_out_of_memory(search->error);
	has_console = stat(console, &st) == 0;
	free(console);
	/*
	 * If there is a console socket of tt as well, tarantool.sock is the
	 * binary port.
	 */
	if (has_console)
		return 0;
	if (app != NULL && app[0] == '\0')
		app = NULL;
	if (instance != NULL && instance[0] == '\0')
		instance = NULL;
	if (app == NULL && instance == NULL)
		app = TT_STEM;
	return check_candidate(search, path, app, instance,
	    matches_names(search, app, instance));
}

/*
 * Checks whether a directory belongs to an instance of tt: it then contains
 * tarantool.control or, with tt 1, INSTANCE.control.
 */
static int
check_instance_dir(struct search *search, const struct place *place,
    const char *name, const char *path)
{
	char *socket, own[NAME_MAX + sizeof(SUFFIX)];
	struct stat st;
	int result, wanted;

	wanted = place->owned && matches_instance(search, place->owner, name);
	if ((socket = project_path(path, TT_SOCKET)) == NULL)
		return error_out_of_memory(search->error);
	if (stat(socket, &st) == -1 && is_absent(errno)) {
		snprintf(own, sizeof(own), "%s" SUFFIX, name);
		free(socket);
		if ((socket = project_path(path, own)) == NULL)
			return error_out_of_memory(search->error);
	}
	result = check_candidate(search, socket, place->owner, name, wanted);
	free(socket);
	return result;
}

static int	scan(struct search *, const struct place *);

/* Checks one entry of a run directory. */
static int
check_entry(struct search *search, const struct place *place,
    const char *name)
{
	struct place below = { .owned = 1, .nested = 1 };
	char *path;
	int result;

	if ((path = project_path(place->path, name)) == NULL)
		return error_out_of_memory(search->error);
	if (ends_with(name, SUFFIX) && strlen(name) > strlen(SUFFIX)) {
		result = check_control(search, place, name, path);
	} else if (!place->nested && strcmp(name, DOCKER_SOCKET) == 0) {
		result = check_docker(search, place, path);
	} else {
		result = check_instance_dir(search, place, name, path);
		if (result == 0 && !place->nested &&
		    matches(search->app, name)) {
			below.path = path;
			below.owner = name;
			result = scan(search, &below) == -1 ? -1 : 0;
		}
	}
	free(path);
	return result;
}

/*
 * Reads a run directory.  Returns 0, 1 if it does not exist, or -1 with an
 * error.
 */
static int
scan(struct search *search, const struct place *place)
{
	struct dirent *entry;
	DIR *dir;
	int code, result = 0;

	if ((dir = opendir(place->path)) == NULL)
		return is_absent(errno) ? 1 :
		    unreadable(search, place->path, place->nested);
	while (result == 0) {
		errno = 0;
		if ((entry = readdir(dir)) == NULL)
			break;
		if (entry->d_name[0] != '.')
			result = check_entry(search, place, entry->d_name);
	}
	code = errno;
	closedir(dir);
	errno = code;
	if (result == 0 && code != 0)
		return unreadable(search, place->path, place->nested);
	return result;
}

/*
 * Determines which application the sockets without an application name belong
 * to.  For a run directory inside a project directory (`base`), that is the
 * application named by the rockspec or else by the project directory.  For any
 * other run directory, it is the application with the name of that directory.
 * The caller frees *owner.
 */
static int
find_owner(struct search *search, struct place *place, const char *base,
    char **owner)
{
	char *resolved, *name, *package = NULL;
	int result = 0;

	resolved = realpath(base != NULL ? base : place->path, NULL);
	if (resolved == NULL) {
		place->owned = search->app == NULL;
		return 0;
	}
	if (base == NULL && strlen(resolved) > strlen("/" TT_RUN_DIR) &&
	    (ends_with(resolved, "/" TT_RUN_DIR) ||
	    ends_with(resolved, "/" LOCAL_RUN_DIR))) {
		base = resolved;
		resolved[strlen(resolved) - strlen("/" TT_RUN_DIR)] = '\0';
	}
	name = strrchr(resolved, '/') + 1;
	if (base != NULL)
		result = project_package(resolved, &package, search->error);
	place->owned = 1;
	if (package != NULL && matches(search->app, package))
		*owner = package;
	else if (!matches(search->app, name) || (base == NULL &&
	    (search->app == NULL || strcmp(name, SYSTEM_NAME) == 0)) ||
	    name[0] == '\0')
		place->owned = search->app == NULL;
	else if (dup_string(owner, name) == -1)
		result = error_out_of_memory(search->error);
	if (*owner != package)
		free(package);
	place->owner = *owner;
	free(resolved);
	return result;
}

/*
 * Reads a run directory of the application `owner` or, if that is NULL, of the
 * application that find_owner determines.  Returns the same values as scan.
 */
static int
read_place(struct search *search, const char *path, const char *base,
    const char *owner, struct place *place)
{
	char *found = NULL;
	int result = 0;

	memset(place, 0, sizeof(*place));
	place->path = path;
	place->owned = owner != NULL;
	place->owner = owner;
	/* Paths of sockets in the working directory have no prefix. */
	search->run_len = strcmp(path, ".") == 0 ? 0 : strlen(path);
	if (owner == NULL)
		result = find_owner(search, place, base, &found);
	if (result == 0)
		result = scan(search, place);
	place->owner = NULL;
	free(found);
	return result;
}

static void
print_searched(struct search *search, const char *path, int absent)
{
	fprintf(search->looked, "%s%s%s", search->places++ > 0 ? ", " : "",
	    path, absent ? " (no such directory)" : "");
}

static int
search_place(struct search *search, const char *path, const char *base,
    const char *owner)
{
	struct place place;
	int result;

	result = read_place(search, path, base, owner, &place);
	if (result == -1)
		return -1;
	print_searched(search, path, result == 1);
	return 0;
}

/*
 * Searches the run directory of one application of tt.  If `say` is set, lists
 * the directory among the searched ones.
 */
static int
search_app(struct search *search, const char *enabled, const char *app,
    const char *run_dir, int say)
{
	struct place place;
	char *dir, *path = NULL;
	int result;

	if ((dir = project_path(enabled, app)) == NULL ||
	    (path = project_path(dir, run_dir)) == NULL)
		result = error_out_of_memory(search->error);
	else if (say)
		result = search_place(search, path, dir, app);
	else if ((result = read_place(search, path, dir, app, &place)) == 1)
		result = 0;
	free(path);
	free(dir);
	return result;
}

/* Searches the run directories of all matching applications of tt. */
static int
search_apps(struct search *search, const char *enabled, const char *run_dir)
{
	struct dirent *entry;
	DIR *dir;
	char *shown;
	int absent, result = 0;

	if (search->app != NULL && !is_pattern(search->app))
		return search_app(search, enabled, search->app, run_dir, 1);
	dir = opendir(enabled[0] != '\0' ? enabled : ".");
	absent = dir == NULL && is_absent(errno);
	if (dir == NULL && !absent)
		return unreadable(search, enabled, 0);
	while (dir != NULL && result == 0) {
		errno = 0;
		if ((entry = readdir(dir)) == NULL) {
			if (errno != 0)
				result = unreadable(search, enabled, 0);
			break;
		}
		if (entry->d_name[0] != '.' &&
		    matches(search->app, entry->d_name))
			result = search_app(search, enabled, entry->d_name,
			    run_dir, 0);
	}
	if (dir != NULL)
		closedir(dir);
	if (result == -1)
		return -1;
	if ((shown = project_path(enabled, "*")) == NULL)
		return error_out_of_memory(search->error);
	fprintf(search->looked, "%s%s/%s", search->places++ > 0 ? ", " : "",
	    shown, run_dir);
	free(shown);
	return 0;
}

/* Searches the run directories that tt uses. */
static int
search_tt(struct search *search)
{
	struct project_tt tt;
	char *own = NULL;
	int result;

	result = project_tt(&tt, search->error);
	search->is_named = result == 0 && tt.file != NULL;
	if (result == -1) {
		/* The error is set. */
	} else if (tt.file == NULL) {
		/*
		 * These are the defaults of tt without tt.yaml, and of
		 * Tarantool 3.
		 */
		result = search_place(search, TT_RUN_DIR, ".", NULL);
		if (result == 0)
			result = search_apps(search, TT_ENABLED, TT_RUN_DIR);
	} else if (tt.run_dir[0] == '/' || tt.is_shared) {
		result = search_place(search, tt.run_dir, NULL, NULL);
	} else if ((own = project_path(tt.enabled, tt.run_dir)) == NULL) {
		result = error_out_of_memory(search->error);
	} else {
		/*
		 * `instances_enabled` may be the directory of the only
		 * application.
		 */
		result = search_place(search, own, tt.enabled, NULL);
		if (result == 0)
			result = search_apps(search, tt.enabled, tt.run_dir);
	}
	free(own);
	project_tt_finish(&tt);
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
 * Searches the run directory that is given or configured, or else the usual
 * ones.
 */
static int
search_all(struct search *search, const struct discover_query *query)
{
	const char *run_dir = query->run_dir;
	char *configured = NULL;
	int result;

	if (run_dir == NULL) {
		run_dir = getenv("TARANTOOL_RUN_DIR");
		if (run_dir != NULL && run_dir[0] == '\0')
			run_dir = NULL;
	}
	if (run_dir == NULL) {
		if (project_run_dir(&configured, search->error) == -1)
			return -1;
		run_dir = configured;
	}
	if (run_dir != NULL) {
		search->is_named = 1;
		result = search_place(search, run_dir, NULL, NULL);
		free(configured);
		return result;
	}
	result = search_place(search, LOCAL_RUN_DIR, ".", NULL);
	if (result == 0 && !found_any(search))
		result = search_tt(search);
	search->is_named = 1;
	if (result == 0 && !found_any(search) && !query->only_here)
		result = search_place(search, query->system_run_dir != NULL ?
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
	    "user, or name the directory with --run-dir", path,
	    owner_name(owner, name, sizeof(name)));
}

/*
 * Sets *owner to the only untrusted user who may listen on a socket: the owner
 * of its directory.  Fails if another user may have created a directory on the
 * path: a run directory that the user did not name must belong to a trusted
 * user, and a directory inside a world-writable one must belong to a trusted
 * user or to the owner of the latter.
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
			result = unreadable(search, path, 0);
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
 * Adds the newest socket of each instance.  An older socket may be left from a
 * time when another tool or version started the instance.
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

/*
 * Closes a memory stream.  Returns -1 if out of memory: the text is incomplete.
 */
static int
close_text(FILE *out, char *const *text)
{
	int failed = ferror(out);

	/*
	 * If the final flush of a memory stream runs out of memory, glibc
	 * reports no error but leaves the text NULL.
	 */
	return fclose(out) == EOF || failed || *text == NULL ? -1 : 0;
}

/*
 * Prints "\nLABEL: a, b, ..." with the paths of all candidates whose match is
 * `match`.
 */
static void
print_files(const struct search *search, FILE *out, enum match match,
    const char *label)
{
	size_t i, said = 0;

	for (i = 0; i < search->count && said <= OTHERS_MAX; i++) {
		if (search->list[i].match != match)
			continue;
		if (said++ == 0)
			fprintf(out, "\n%s: ", label);
		else
			fputs(", ", out);
		fputs(said > OTHERS_MAX ? "..." : search->list[i].path, out);
	}
}

/*
 * Returns a name of a candidate that an error can suggest: its application if
 * `of_apps` is set, otherwise its instance, provided that the application
 * matches.  Returns NULL if there is none.
 */
static const char *
name_to_offer(const struct search *search, const struct candidate *candidate,
    int of_apps)
{
	if (candidate->match != OTHER && candidate->match != STATE_BOARD)
		return NULL;
	if (of_apps)
		return candidate->app;
	if (search->app != NULL && (candidate->app == NULL ||
	    !matches(search->app, candidate->app)))
		return NULL;
	return candidate->instance;
}

/*
 * Prints the names that name_to_offer returns.  If `nearest` is not NULL, adds
 * them to it instead.  The candidates are sorted, so duplicates are adjacent.
 */
static void
print_names(const struct search *search, FILE *out, int of_apps,
    struct nearest *nearest)
{
	const char *name, *last = NULL;
	size_t i, said = 0;

	for (i = 0; i < search->count && said <= OTHERS_MAX; i++) {
		name = name_to_offer(search, &search->list[i], of_apps);
		if (name == NULL || (last != NULL && strcmp(last, name) == 0))
			continue;
		last = name;
		if (nearest != NULL) {
			nearest_add(nearest, name);
			continue;
		}
		if (said++ == 0)
			fprintf(out, "\n%s: ", of_apps ? "applications here" :
			    "instances here");
		else
			fputs(", ", out);
		fputs(said > OTHERS_MAX ? "..." : name, out);
	}
}

/* Prints the paths of the sockets for which name_to_offer returns no name. */
static void
print_nameless(const struct search *search, FILE *out, int of_apps)
{
	size_t i, said = 0;

	for (i = 0; i < search->count && said <= OTHERS_MAX; i++) {
		if (search->list[i].match != OTHER || name_to_offer(search,
		    &search->list[i], of_apps) != NULL || (!of_apps &&
		    search->app != NULL && search->list[i].app != NULL &&
		    !matches(search->app, search->list[i].app)))
			continue;
		fputs(said++ == 0 ? "\nother sockets: " : ", ", out);
		fputs(said > OTHERS_MAX ? "..." : search->list[i].path, out);
	}
}

static int
has_app(const struct search *search)
{
	size_t i;

	for (i = 0; i < search->count; i++)
		if (search->list[i].app != NULL &&
		    search->list[i].match != UNREADABLE &&
		    matches(search->app, search->list[i].app))
			return 1;
	return 0;
}

/* Prints what was not found, a similar name, and what exists instead. */
static void
print_missing(const struct search *search, FILE *out)
{
	struct nearest nearest;
	int of_apps = search->app != NULL && !has_app(search);
	const char *wanted = of_apps ? search->app : search->instance;

	if (search->instance != NULL)
		fprintf(out, "found no instance '%s'", search->instance);
	else
		fputs("found no instance", out);
	if (search->app != NULL)
		fprintf(out, " of application '%s'%s", search->app,
		    search->package != NULL ? " (named by the rockspec)" : "");
	if (wanted != NULL) {
		nearest_init(&nearest, wanted);
		print_names(search, out, of_apps, &nearest);
		if (nearest.name != NULL)
			fprintf(out, "; did you mean %s?", nearest.name);
	}
	print_names(search, out, of_apps, NULL);
	print_nameless(search, out, of_apps);
}

static int
nothing_found(const struct search *search, const char *looked)
{
	char *text = NULL;
	size_t len;
	FILE *out;

	if ((out = open_memstream(&text, &len)) == NULL)
		return error_out_of_memory(search->error);
	print_missing(search, out);
	fprintf(out, "\nsearched: %s", looked);
	print_files(search, out, UNREADABLE, "cannot be read");
	print_files(search, out, NOT_A_SOCKET, "not a socket");
	print_files(search, out, STATE_BOARD, "a stateboard, used only "
	    "with --instance " STATEBOARD);
	if (close_text(out, &text) == -1)
		error_out_of_memory(search->error);
	else
		error_set_transient(search->error, ERROR_NO_SOCKET, "%s", text);
	free(text);
	return -1;
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
		    "no application, instance or run directory given");
	if (query->run_dir != NULL && query->run_dir[0] == '\0')
		return error_set(error, ERROR_USAGE,
		    "the run directory is empty");
	if (check_name("application", query->app, error) == -1)
		return -1;
	return check_name("instance", query->instance, error);
}

/*
 * Takes the name of the application from the rockspec in the current directory,
 * as cartridge-cli does.
 */
static int
take_app_from_rockspec(struct search *search)
{
	struct error ignored;

	if (project_package(".", &search->package, search->error) == -1)
		return -1;
	if (search->package == NULL || is_pattern(search->package) ||
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
	return pattern != NULL && ends_with(pattern, STATEBOARD);
}

int
discover_targets(const struct discover_query *query, struct targets *targets,
    struct error *error)
{
	struct search search = { .app = query->app,
	    .instance = query->instance, .error = error };
	char *looked = NULL;
	size_t i, len;
	int result = 0;

	if (check_query(query, error) == -1)
		return -1;
	if ((search.looked = open_memstream(&looked, &len)) == NULL)
		return error_out_of_memory(error);
	search.stateboards = asks_for_stateboard(query->app) ||
	    asks_for_stateboard(query->instance);
	if (query->app == NULL && query->instance != NULL)
		result = take_app_from_rockspec(&search);
	if (result == 0)
		result = search_all(&search, query);
	if (close_text(search.looked, &looked) == -1 && result == 0)
		result = error_out_of_memory(error);
	if (result == 0) {
		if (search.count > 0)
			qsort(search.list, search.count,
			    sizeof(*search.list), compare_candidates);
		if (!found_any(&search))
			result = nothing_found(&search, looked);
		else if ((result = check_one_app(&search)) == 0)
			result = add_wanted(&search, targets);
	}
	for (i = 0; i < search.count; i++)
		candidate_finish(&search.list[i]);
	free(search.list);
	free(search.package);
	free(looked);
	return result;
}
