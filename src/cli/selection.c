/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/selection.h"
#include "target/discover.h"
#include "target/project_config.h"
#include "util/environment.h"

/* The maximum number of instance names that an error message lists. */
#define NAMES_MAX	6

/*
 * The environment variables that can name a target.  The first one that is set
 * and not empty wins.
 */
static const enum env variables[] = {
	ENV_CARTRIDGE_RELOAD_SOCKET, ENV_TARANTOOL_CONSOLE_SOCK
};

#define VARIABLES	(sizeof(variables) / sizeof(variables[0]))

int
selection_is_named(const struct options *options)
{
	return options->apps.count > 0 || options->instances.count > 0 ||
	    options->run_dir != NULL;
}

static int
not_a_name(const char *what, const char *name, struct error *error)
{
	char *shown;

	if ((shown = target_without_password(name)) == NULL)
		return error_out_of_memory(error);
	error_set(error, ERROR_USAGE, "'%s' is not a valid %s name (use "
	    "--socket to specify a target)", shown, what);
	free(shown);
	return -1;
}

static int
find_one(const struct options *options, const char *app, const char *instance,
    struct targets *targets, struct error *error)
{
	struct discover_query query = { .app = app, .instance = instance,
	    .run_dir = options->run_dir };

	if (app != NULL && strchr(app, ':') != NULL)
		return not_a_name("application", app, error);
	return discover_targets(&query, targets, error);
}

/*
 * Finds the instances that match `text`, which is APP:INSTANCE, INSTANCE or
 * NULL.  INSTANCE alone is searched for in every application that --app names.
 * NULL stands for all instances of these applications.
 */
static int
find_instance(const struct options *options, const char *text,
    struct targets *targets, struct error *error)
{
	const char *colon = text != NULL ? strchr(text, ':') : NULL;
	char *app;
	size_t i;
	int result = 0;

	if (colon != NULL) {
		if (colon == text || colon[1] == '\0' ||
		    strpbrk(colon + 1, ":@") != NULL)
			return not_a_name("instance", text, error);
		if (options->apps.count > 0)
			return error_set(error, ERROR_USAGE,
			    "'%s' already names its application; --app cannot "
			    "be used with it", text);
		if ((app = strndup(text, (size_t)(colon - text))) == NULL)
			return error_out_of_memory(error);
		result = find_one(options, app, colon + 1, targets, error);
		free(app);
		return result;
	}
	if (options->apps.count == 0)
		return find_one(options, NULL, text, targets, error);
	for (i = 0; i < options->apps.count && result == 0; i++)
		result = find_one(options, options->apps.list[i], text,
		    targets, error);
	return result;
}

static int
find_named(const struct options *options, struct targets *targets,
    struct error *error)
{
	size_t i;

	if (options->instances.count == 0)
		return find_instance(options, NULL, targets, error);
	for (i = 0; i < options->instances.count; i++)
		if (find_instance(options, options->instances.list[i], targets,
		    error) == -1)
			return -1;
	return 0;
}

/*
 * Finds the instances of the project in the current directory.  Fails if there
 * is no project or if the command is not read-only.
 */
static int
find_project(const struct options *options, struct targets *targets,
    struct error *error)
{
	struct discover_query query = { .run_dir = NULL };
	char *app = NULL;
	int result, is_project;

	if ((is_project = project_config_exists(&app, error)) == -1)
		return -1;
	query.app = app != NULL ? app : "*";
	query.only_here = app == NULL;
	if (!is_project)
		result = error_set(error, ERROR_USAGE,
		    "no target: use --socket TARGET or --app NAME, or set "
		    "$%s or $%s", env_name(variables[0]),
		    env_name(variables[1]));
	else if ((options->command->flags & CMD_MUTATES) == 0)
		result = discover_targets(&query, targets, error);
	else if (app != NULL)
		result = error_set(error, ERROR_USAGE,
		    "no target: use --app %s for the project in this directory",
		    app);
	else
		result = error_set(error, ERROR_USAGE,
		    "no target: use --app NAME or --instance NAME for the "
		    "project in this directory");
	free(app);
	return result;
}

/*
 * Appends instance names to an error message, as "; add --instance NAME (one
 * of: a, b)".
 */
static void
add_names(const struct targets *targets, char *text, size_t size)
{
	const struct target *target;
	size_t i, named = 0;

	for (i = 0; i < targets->count && named < NAMES_MAX; i++) {
		target = &targets->list[i];
		if (target->instance == NULL)
			continue;
		strlcat(text, named++ == 0 ? "; add --instance NAME (one of: " :
		    ", ", size);
		strlcat(text, target->instance, size);
	}
	if (named > 0)
		strlcat(text, i < targets->count ? ", ...)" : ")", size);
}

/*
 * Checks that there is exactly one target if the command or --cluster requires
 * it.
 */
static int
check_count(const struct options *options, const struct targets *targets,
    struct error *error)
{
	int is_one = (options->command->flags & CMD_ONE_TARGET) != 0;
	char names[512] = "";

	if (targets->count == 1 || (!is_one && !options->cluster))
		return 0;
	add_names(targets, names, sizeof(names));
	return error_set(error, ERROR_USAGE,
	    "%s takes exactly one target (%zu given)%s%s", is_one ?
	    options->command->name : "--cluster", targets->count,
	    options->command->action == ACTION_CONSOLE ? "" :
	    "; it reaches the whole cluster through that target", names);
}

int
selection_find(const struct options *options, struct targets *targets,
    struct error *error)
{
	const char *value = NULL;
	size_t i;
	int result = 0;

	for (i = 0; i < options->sockets.count && result == 0; i++)
		result = targets_add(targets, options->sockets.list[i], error);
	if (result == -1)
		return -1;
	if (selection_is_named(options)) {
		result = find_named(options, targets, error);
	} else if (options->sockets.count == 0) {
		for (i = 0; i < VARIABLES && value == NULL; i++)
			value = env_get_nonempty(variables[i]);
		result = value != NULL ?
		    targets_add(targets, value, error) :
		    find_project(options, targets, error);
	}
	return result == -1 ? -1 : check_count(options, targets, error);
}

void
selection_hide_passwords(void)
{
	char *value;
	size_t i;

	for (i = 0; i < VARIABLES; i++)
		if ((value = env_get(variables[i])) != NULL)
			target_hide_password(value);
}
