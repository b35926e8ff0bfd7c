/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/search.h"
#include "util/nearest.h"

/* The maximum number of names or paths that an error lists. */
#define OTHERS_MAX	6

/*
 * Prints `label` and the paths of the candidates whose `match` field equals
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
 * Returns a name to suggest in an error: the application of the candidate if
 * `of_apps` is set, otherwise its instance.  Returns NULL if the candidate is
 * not known to be a socket, if the name is unknown, or if the instance is not
 * known to belong to the requested application.
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
	    !search_matches(search->app, candidate->app)))
		return NULL;
	return candidate->instance;
}

/*
 * Whether name_to_offer returns this name for one of the first `count`
 * candidates.
 */
static int
is_offered(const struct search *search, size_t count, const char *name,
    int of_apps)
{
	const char *other;
	size_t i;

	for (i = 0; i < count; i++) {
		other = name_to_offer(search, &search->list[i], of_apps);
		if (other != NULL && strcmp(other, name) == 0)
			return 1;
	}
	return 0;
}

/*
 * Prints the names that name_to_offer returns, each once, or adds them to
 * `nearest` if it is not NULL.
 */
static void
print_names(const struct search *search, FILE *out, int of_apps,
    struct nearest *nearest)
{
	const char *name;
	size_t i, said = 0;

	for (i = 0; i < search->count && said <= OTHERS_MAX; i++) {
		name = name_to_offer(search, &search->list[i], of_apps);
		if (name == NULL || is_offered(search, i, name, of_apps))
			continue;
		if (nearest != NULL) {
			nearest_add(nearest, name);
			continue;
		}
		if (said++ == 0)
			fprintf(out, "\navailable %s: ", of_apps ?
			    "applications" : "instances");
		else
			fputs(", ", out);
		fputs(said > OTHERS_MAX ? "..." : name, out);
	}
}

/* Prints the paths of the sockets for which there is no name to suggest. */
static void
print_nameless(const struct search *search, FILE *out, int of_apps)
{
	size_t i, said = 0;

	for (i = 0; i < search->count && said <= OTHERS_MAX; i++) {
		if (search->list[i].match != OTHER || name_to_offer(search,
		    &search->list[i], of_apps) != NULL || (!of_apps &&
		    search->app != NULL && search->list[i].app != NULL &&
		    !search_matches(search->app, search->list[i].app)))
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
		    search_matches(search->app, search->list[i].app))
			return 1;
	return 0;
}

/* Prints what was not found, the most similar name, and what does exist. */
static void
print_missing(const struct search *search, FILE *out)
{
	struct nearest nearest;
	int of_apps = search->app != NULL && !has_app(search);
	const char *wanted = of_apps ? search->app : search->instance;

	if (search->instance != NULL)
		fprintf(out, "no instance '%s' found", search->instance);
	else
		fputs("no instance found", out);
	if (search->app != NULL)
		fprintf(out, " for application '%s'%s", search->app,
		    search->package != NULL ?
		    " (its name is in the rockspec)" : "");
	if (wanted != NULL) {
		nearest_init(&nearest, wanted);
		print_names(search, out, of_apps, &nearest);
		if (nearest.name != NULL)
			fprintf(out, "; did you mean %s?", nearest.name);
	}
	print_names(search, out, of_apps, NULL);
	print_nameless(search, out, of_apps);
}

int
search_nothing_found(const struct search *search, const char *searched)
{
	char *text = NULL;
	size_t len;
	FILE *out;

	if ((out = open_memstream(&text, &len)) == NULL)
		return error_out_of_memory(search->error);
	print_missing(search, out);
	fprintf(out, "\nsearched: %s", searched);
	print_files(search, out, UNREADABLE, "cannot be read");
	print_files(search, out, NOT_A_SOCKET, "not a socket");
	print_files(search, out, STATE_BOARD, "a stateboard (select it with "
	    "--instance " STATEBOARD ")");
	if (search_close_text(out, &text) == -1)
		error_out_of_memory(search->error);
	else
		error_set_transient(search->error, ERROR_NO_SOCKET, "%s", text);
	free(text);
	return -1;
}
