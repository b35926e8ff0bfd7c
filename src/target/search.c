/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "target/search.h"
#include "util/array.h"

int
search_ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

int
search_is_pattern(const char *name)
{
	return strpbrk(name, "*?[\\") != NULL;
}

int
search_is_stateboard(const char *name)
{
	return strcmp(name, STATEBOARD) == 0 ||
	    search_ends_with(name, "-" STATEBOARD);
}

int
search_matches(const char *pattern, const char *name)
{
	return pattern == NULL || strcmp(pattern, name) == 0 ||
	    fnmatch(pattern, name, 0) == 0;
}

/*
 * Whether a pattern matches the name of this application's stateboard,
 * APP-stateboard.
 */
static int
matches_stateboard_of(const char *pattern, const char *app)
{
	char full[NAME_MAX + sizeof("-" STATEBOARD)];

	snprintf(full, sizeof(full), "%s-" STATEBOARD, app);
	return search_matches(pattern, full);
}

int
search_matches_instance(const struct search *search, const char *app,
    const char *instance)
{
	return search_matches(search->instance, instance) ||
	    (search_is_stateboard(instance) && app != NULL &&
	    (search_matches(search->instance, STATEBOARD) ||
	    matches_stateboard_of(search->instance, app)));
}

int
search_matches_names(const struct search *search, const char *app,
    const char *instance)
{
	if (app == NULL)
		return search->app == NULL &&
		    search_matches_instance(search, NULL, instance);
	if (instance != NULL && strcmp(instance, STATEBOARD) == 0 &&
	    search->instance == NULL && matches_stateboard_of(search->app, app))
		return 1;
	return search_matches(search->app, app) && (instance != NULL ?
	    search_matches_instance(search, app, instance) :
	    search_matches(search->instance, app));
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

int
search_add(struct search *search, enum match match, const char *path,
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

int
search_unreadable(struct search *search, const char *path, int by_pattern)
{
	if (errno == ENOMEM)
		return error_out_of_memory(search->error);
	if (errno == EMFILE || errno == ENFILE)
		return error_set(search->error, ERROR_LOCAL,
		    "cannot read '%s': %s", path, strerror(errno));
	if (by_pattern &&
	    (search->app == NULL || search_is_pattern(search->app)))
		return search_add(search, UNREADABLE, path, NULL, NULL,
		    NULL);
	if (errno == EACCES || errno == EPERM)
		return error_set(search->error, ERROR_NO_PERMISSION,
		    "cannot look for sockets at '%s': permission denied; run "
		    "as the user that owns the instances, or as root", path);
	return error_set(search->error, ERROR_UNREACHABLE,
	    "cannot look for sockets at '%s': %s", path, strerror(errno));
}

int
search_is_absent(int code)
{
	return code == ENOENT || code == ENOTDIR || code == ELOOP;
}

void
search_finish(struct search *search)
{
	size_t i;

	for (i = 0; i < search->count; i++)
		candidate_finish(&search->list[i]);
	free(search->list);
	free(search->package);
}

int
search_close_text(FILE *out, char *const *text)
{
	int failed = ferror(out);

	/*
	 * If the final flush of a memory stream runs out of memory, glibc
	 * reports no error but leaves the text NULL.
	 */
	return fclose(out) == EOF || failed || *text == NULL ? -1 : 0;
}
