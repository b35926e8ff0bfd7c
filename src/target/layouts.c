/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "target/search.h"
#include "util/environment.h"
#include "util/path.h"

enum scope {
	NAMED,			/* the path contains the application name */
	OWNED,			/* run directory of a single application */
	DOCKER			/* environment variables give the names */
};

/*
 * The layouts: the paths at which tools create console sockets in a run
 * directory.  %a stands for the name of the application, %i for that of the
 * instance.  A path can match in several ways, called readings.  The first
 * reading whose names match the request is used.  If no names match, the first
 * reading is used.
 */
static const struct {
	const char	*path;
	enum scope	 scope;
	const char	*instance;	/* what %i must be; NULL: any */
} layout_table[] = {
	/* cartridge-cli, ansible-cartridge and their stateboards */
	{ "%a.%i.control", NAMED, NULL },
	{ "%a-%i.control", NAMED, STATEBOARD },
	/* tarantoolctl, and tt with the layout of tarantoolctl */
	{ "%a.control", NAMED, NULL },
	/* tt 2 */
	{ "%a/%i/tarantool.control", NAMED, NULL },
	/* tt 1 */
	{ "%a/%i/%i.control", NAMED, NULL },
	/* tt cartridge */
	{ "%a/%a.%i.control", NAMED, NULL },
	/* tt 2 and Tarantool 3, in the application's own run directory */
	{ "%i/tarantool.control", OWNED, NULL },
	/* tt 1, in the application's own run directory */
	{ "%i/%i.control", OWNED, NULL },
	/* the Docker image of Tarantool */
	{ "tarantool.sock", DOCKER, NULL }
};

#define LAYOUTS	(sizeof(layout_table) / sizeof(layout_table[0]))

/*
 * The names of the application and the instance, as found in a path.  An
 * unknown name is an empty string.
 */
struct names {
	char	app[NAME_MAX + 1];
	char	instance[NAME_MAX + 1];
};

/* A reading: one way to match a path with a layout. */
struct reading {
	const struct run_dir	*run_dir;
	enum scope		 scope;
	struct names		 names;
	int			 wanted;	/* names match the request */
	int			 exists;	/* a match was found */
};

/*
 * A directory that is being searched.  For each layout, `rest` is the part of
 * its pattern that paths below the directory must match.  It is NULL if the
 * layout need not be searched for in the directory.
 */
struct level {
	const struct run_dir	*run_dir;
	const char		*path;
	int			 nested;	/* below the run directory */
	const char		*rest[LAYOUTS];
	struct names		 names[LAYOUTS];
};

/*
 * Adds a file to the candidates if it is a socket.  If its application and
 * instance match the request (`wanted`), adds it even if it is not a socket.
 */
static int
check_candidate(struct search *search, const char *path, const char *app,
    const char *instance, int wanted)
{
	enum match match = WANTED;
	struct stat st;

	if (stat(path, &st) == -1) {
		if (search_is_absent(errno) || !wanted)
			return 0;
		return search_unreadable(search, path, 1);
	}
	if (!wanted) {
		if (!S_ISSOCK(st.st_mode))
			return 0;
		match = OTHER;
	} else if (!S_ISSOCK(st.st_mode)) {
		match = NOT_A_SOCKET;
	} else if (!search->stateboards &&
	    ((instance != NULL && search_is_stateboard(instance)) ||
	    (app != NULL && search_is_stateboard(app)))) {
		match = STATE_BOARD;
	}
	return search_add(search, match, path, app, instance, &st.st_mtim);
}

/*
 * Sets *app and *instance to the names of the application and the instance
 * according to a reading (one way to match the path with a layout).  Sets an
 * unknown name to NULL.
 */
static void
names_of(const struct reading *reading, const char **app,
    const char **instance)
{
	*app = reading->names.app;
	*instance = reading->names.instance;
	if (reading->scope == OWNED)
		*app = reading->run_dir->owner;
	if (reading->scope == DOCKER) {
		*app = env_get(ENV_TARANTOOL_APP_NAME);
		*instance = env_get(ENV_TARANTOOL_INSTANCE_NAME);
	}
	if (*app != NULL && (*app)[0] == '\0')
		*app = NULL;
	if (*instance != NULL && (*instance)[0] == '\0')
		*instance = NULL;
	if (reading->scope == DOCKER && *app == NULL && *instance == NULL)
		*app = "tarantool";
}

static int
is_wanted(const struct search *search, const struct reading *reading)
{
	const char *app, *instance;

	names_of(reading, &app, &instance);
	if (reading->scope == OWNED)
		return reading->run_dir->owned &&
		    search_matches_instance(search, app, instance);
	return search_matches_names(search, app, instance);
}

/*
 * Matches the rest of a name with the rest of a pattern, up to the next slash.
 * If the name matches in several ways, prefers those whose application and
 * instance match the request.  Sets *best to the first preferred way.  If there
 * is none, sets *best to the first way of all, unless *best is already set.
 * Returns 1 if the application and the instance match the request, otherwise 0.
 */
static int
read_name(const struct search *search, const char *pattern, const char *name,
    struct reading *reading, struct reading *best)
{
	char *to;
	size_t len;

	for (; pattern[0] != '%'; pattern++, name++) {
		if ((pattern[0] == '/' ? '\0' : pattern[0]) != name[0])
			return 0;
		if (name[0] != '\0')
			continue;
		reading->wanted = is_wanted(search, reading);
		if (!best->exists || reading->wanted)
			*best = *reading;
		best->exists = 1;
		return reading->wanted;
	}
	to = pattern[1] == 'a' ? reading->names.app : reading->names.instance;
	if ((len = strlen(to)) > 0)
		return strncmp(name, to, len) == 0 && read_name(search,
		    pattern + 2, name + len, reading, best);
	for (len = 1; name[len - 1] != '\0'; len++) {
		strlcpy(to, name, len + 1);
		if (read_name(search, pattern + 2, name + len, reading, best))
			return 1;
	}
	to[0] = '\0';
	return 0;
}

static int	scan(struct search *, const struct level *);

static int
check_reading(struct search *search, const struct reading *reading,
    const char *path)
{
	const char *app, *instance;

	names_of(reading, &app, &instance);
	return check_candidate(search, path, app, instance, reading->wanted);
}

/*
 * Sets *path to the only path below a directory that can match the rest of
 * layout `i`.  Sets it to NULL if the rest is NULL, has more than one path
 * component, or contains a name that is not known in advance.
 */
static int
find_fixed(struct search *search, const struct level *level, size_t i,
    char **path)
{
	char name[2 * NAME_MAX];
	const char *from = level->rest[i], *known;

	*path = NULL;
	name[0] = '\0';
	for (; from != NULL && from[0] != '\0'; from++) {
		if (from[0] == '/')
			return 0;
		if (from[0] != '%') {
			strncat(name, from, 1);
			continue;
		}
		known = *++from == 'a' ? level->names[i].app :
		    level->names[i].instance;
		if (known[0] == '\0')
			return 0;
		strlcat(name, known, sizeof(name));
	}
	if (from != NULL && (*path = path_join(level->path, name)) == NULL)
		return error_out_of_memory(search->error);
	return 0;
}

/*
 * Checks a directory whose name matches the beginning of some layouts.  First
 * tries the layouts whose file names are already known.  This needs only search
 * permission.  All these files belong to the same instance, so only the first
 * existing file is used.  Reads the directory only for the remaining layouts.
 */
static int
enter(struct search *search, struct level *level)
{
	struct reading reading = { .run_dir = level->run_dir };
	struct stat st;
	size_t i;
	char *path;
	int is_done = 1, found = 0, result = 0;

	for (i = 0; i < LAYOUTS && result == 0; i++) {
		if (find_fixed(search, level, i, &path) == -1)
			return -1;
		if (path == NULL) {
			is_done &= level->rest[i] == NULL;
			continue;
		}
		level->rest[i] = NULL;
		if (!found && (stat(path, &st) == 0 ||
		    !search_is_absent(errno))) {
			found = 1;
			reading.scope = layout_table[i].scope;
			reading.names = level->names[i];
			reading.wanted = is_wanted(search, &reading);
			result = check_reading(search, &reading, path);
		}
		free(path);
	}
	if (result == 0 && !is_done && scan(search, level) == -1)
		result = -1;
	return result;
}

/*
 * Matches the name of a directory entry with the next part of each layout.  If
 * the name completes a layout, the entry should be a file: sets *best to the
 * best match for its path.  If the name matches only the beginning of a layout,
 * the entry should be a directory: stores the rest of the layout and the names
 * found so far in *below, unless the application does not match the request.
 * Returns 1 if the entry may be a directory to search, otherwise 0.
 */
static int
read_entry(const struct search *search, const struct level *level,
    const char *name, struct reading *best, struct level *below)
{
	struct reading reading = { .run_dir = level->run_dir }, part;
	const char *slash;
	size_t i;
	int is_dir = 0;

	for (i = 0; i < LAYOUTS; i++) {
		below->rest[i] = NULL;
		if (level->rest[i] == NULL)
			continue;
		reading.scope = layout_table[i].scope;
		reading.names = level->names[i];
		if ((slash = strchr(level->rest[i], '/')) == NULL) {
			if (!best->exists || !best->wanted)
				read_name(search, level->rest[i], name,
				    &reading, best);
			continue;
		}
		part.exists = 0;
		read_name(search, level->rest[i], name, &reading, &part);
		if (!part.exists || !search_matches(part.names.app[0] != '\0' ?
		    search->app : NULL, part.names.app))
			continue;
		below->rest[i] = slash + 1;
		below->names[i] = part.names;
		is_dir = 1;
	}
	return is_dir;
}

/*
 * Checks a directory entry.  If its name completes a layout, checks the file.
 * If its name matches only the beginning of a layout, searches the directory.
 * Ignores the entry if its name matches no layout.
 */
static int
check_entry(struct search *search, const struct level *level,
    const char *name)
{
	struct level below = { .run_dir = level->run_dir, .nested = 1 };
	struct reading best = { .exists = 0 };
	char *path;
	int is_dir, result = 0;

	is_dir = read_entry(search, level, name, &best, &below);
	if (!best.exists && !is_dir)
		return 0;
	if ((path = path_join(level->path, name)) == NULL)
		return error_out_of_memory(search->error);
	below.path = path;
	if (best.exists)
		result = check_reading(search, &best, path);
	else
		result = enter(search, &below);
	free(path);
	return result;
}

/* Reads a directory.  Returns the same values as search_scan. */
static int
scan(struct search *search, const struct level *level)
{
	struct dirent *entry;
	DIR *dir;
	int code, result = 0;

	if ((dir = opendir(level->path)) == NULL)
		return search_is_absent(errno) ? 1 :
		    search_unreadable(search, level->path, level->nested);
	while (result == 0) {
		errno = 0;
		if ((entry = readdir(dir)) == NULL)
			break;
		if (entry->d_name[0] != '.')
			result = check_entry(search, level, entry->d_name);
	}
	code = errno;
	closedir(dir);
	errno = code;
	if (result == 0 && code != 0)
		return search_unreadable(search, level->path, level->nested);
	return result;
}

static int
has_file(const char *dir, const char *name)
{
	struct stat st;
	char *path = path_join(dir, name);
	int result;

	result = path != NULL && stat(path, &st) == 0;
	free(path);
	return result;
}

int
search_scan(struct search *search, const struct run_dir *run_dir)
{
	struct level level = { .run_dir = run_dir, .path = run_dir->path };
	size_t i;

	for (i = 0; i < LAYOUTS; i++) {
		level.rest[i] = layout_table[i].path;
		if (layout_table[i].instance != NULL)
			strlcpy(level.names[i].instance,
			    layout_table[i].instance,
			    sizeof(level.names[i].instance));
		/*
		 * If the directory contains a console socket of tt
		 * (tarantool.control), tarantool.sock is the socket of the
		 * binary port.
		 */
		if (layout_table[i].scope == DOCKER &&
		    has_file(run_dir->path, "tarantool.control"))
			level.rest[i] = NULL;
	}
	return scan(search, &level);
}
