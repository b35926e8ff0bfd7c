/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Targets, one per line.  Does not look at files of this machine: the module is
 * compiled here, with replacements for the functions that access files.
 */

#define _GNU_SOURCE	/* asprintf */

#include <sys/stat.h>

#include <errno.h>
#include <glob.h>

#include "fuzz.h"

/* Some paths exist, and some of those are the same file. */
static int
look(const char *path, struct stat *st)
{
	size_t len = strlen(path);

	if (len % 3 == 0) {
		errno = ENOENT;
		return -1;
	}
	memset(st, 0, sizeof(*st));
	st->st_ino = len / 8;
	return 0;
}

/* The result depends on the pattern: its length, and parts of it. */
static int
find(const char *pattern, glob_t *found)
{
	size_t i, len = strlen(pattern), count = len % 5;

	memset(found, 0, sizeof(*found));
	if (count == 0)
		return GLOB_NOMATCH;
	if (count == 4)
		return GLOB_NOSPACE;
	found->gl_pathv = calloc(count + 1, sizeof(char *));
	MUST(found->gl_pathv != NULL);
	for (i = 0; i < count; i++)
		found->gl_pathv[i] = strdup(pattern + i * len / count);
	found->gl_pathc = count;
	return 0;
}

static void
forget(glob_t *found)
{
	size_t i;

	for (i = 0; i < found->gl_pathc; i++)
		free(found->gl_pathv[i]);
	free(found->gl_pathv);
	memset(found, 0, sizeof(*found));
}

#define stat(path, st)				look(path, st)
#define lstat(path, st)				look(path, st)
#define glob(pattern, flags, on_error, found)	find(pattern, found)
#define globfree(found)				forget(found)

#include "target/target.c"

static void
check(const struct target *target)
{
	const char *at;

	MUST(target->name != NULL && target->name[0] != '\0');
	if (target->kind == TARGET_UNIX) {
		MUST(target->path != NULL);
		MUST(target->host == NULL && target->port == NULL);
		return;
	}
	MUST(target->path == NULL && target->host != NULL &&
	    target->host[0] != '\0');
	for (at = target->port; *at != '\0'; at++)
		MUST(*at >= '0' && *at <= '9');
	MUST(atoi(target->port) >= 1 && atoi(target->port) <= 65535);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct targets targets = { NULL, 0 };
	struct error error;
	char *text, *line, *next;
	size_t i, lines = 0;

	text = fuzz_string(data, size);
	heap_begin();
	for (line = text; line != NULL && lines++ < 100; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		if (targets_add(&targets, line, &error) == 0)
			continue;
		MUST(error.outcome == OUTCOME_USAGE ||
		    error.outcome == OUTCOME_UNREACHABLE);
		MUST(error.message[0] != '\0');
	}
	for (i = 0; i < targets.count; i++)
		check(&targets.list[i]);
	targets_finish(&targets);
	/*
	 * A pattern has several matches, and each is held twice.  The array of
	 * targets doubles, and is copied then.
	 */
	MUST(heap_peak() <= 128 * 1024 + 16 * size);
	free(text);
	return 0;
}
