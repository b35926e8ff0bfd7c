/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "cli/complete.h"
#include "target/discover.h"

static int
is_plain(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+@-";

	return name[0] != '\0' && name[0] != '-' &&
	    name[strspn(name, plain)] == '\0';
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Returns a sorted array of application names if `of_apps` is set, otherwise of
 * instance names.  The caller frees the array.  Returns NULL if out of memory.
 */
static const char **
collect(const struct targets *targets, int of_apps, size_t *count)
{
	const struct target *target;
	const char **names, *name;
	size_t i;

	*count = 0;
	if ((names = calloc(targets->count + 1, sizeof(*names))) == NULL)
		return NULL;
	for (i = 0; i < targets->count; i++) {
		target = &targets->list[i];
		/*
		 * An instance managed by tarantoolctl has an application name
		 * but no instance name.
		 */
		name = of_apps || target->instance == NULL ? target->app :
		    target->instance;
		if (name != NULL && is_plain(name))
			names[(*count)++] = name;
	}
	qsort(names, *count, sizeof(*names), compare_names);
	return names;
}

static int
find_instances(const char *app, const struct options *options,
    struct targets *targets)
{
	struct discover_query query = { .app = app, .instance = "*",
	    .run_dir = options->run_dir };
	struct error error;

	if (discover_targets(&query, targets, &error) == 0)
		return 0;
	/*
	 * Without --app, discovery fails if the instances belong to several
	 * applications.  In that case, retry with a pattern that matches every
	 * application.
	 */
	if (app != NULL || error.outcome != OUTCOME_USAGE)
		return -1;
	query.app = "*";
	return discover_targets(&query, targets, &error);
}

static int
find(int of_apps, const struct options *options, struct targets *targets)
{
	struct discover_query query = { .app = "*",
	    .run_dir = options->run_dir };
	struct error error;
	size_t i;
	int result = -1;

	if (of_apps)
		return discover_targets(&query, targets, &error);
	if (options->apps.count == 0)
		return find_instances(NULL, options, targets);
	for (i = 0; i < options->apps.count; i++)
		if (find_instances(options->apps.list[i], options,
		    targets) == 0)
			result = 0;
	return result;
}

int
complete_print(FILE *out, const char *kind, const struct options *options)
{
	struct targets targets = { NULL, 0 };
	const char **names = NULL;
	size_t i, count = 0;
	int of_apps = strcmp(kind, "app") == 0;

	if (!of_apps && strcmp(kind, "instance") != 0)
		return -1;
	if (find(of_apps, options, &targets) == 0)
		names = collect(&targets, of_apps, &count);
	for (i = 0; i < count; i++)
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
			fprintf(out, "%s\n", names[i]);
	free(names);
	targets_finish(&targets);
	return count > 0 ? 0 : -1;
}
