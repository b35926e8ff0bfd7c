/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A library to preload that simulates lack of memory: the allocation with the
 * number $FAILMALLOC_AT fails, and if $FAILMALLOC_ON is set, all later ones
 * fail too. 0 means no failure.  At exit, the number of allocations is written
 * to the file $FAILMALLOC_COUNT, if that is set.
 *
 * Allocations of getpwuid(3) do not count: the C library's code asserts that
 * they succeed.
 */

#define _GNU_SOURCE	/* RTLD_NEXT */

#include <dlfcn.h>
#include <pwd.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The functions of the C library, which exports them under these names for
 * this.
 */
extern void	*__libc_malloc(size_t);
extern void	*__libc_calloc(size_t, size_t);
extern void	*__libc_realloc(void *, size_t);

static long at, count;
static int goes_on, is_ready;

static void __attribute__((constructor))
begin(void)
{
	const char *value;

	if ((value = getenv("FAILMALLOC_AT")) != NULL)
		at = atol(value);
	goes_on = getenv("FAILMALLOC_ON") != NULL;
	is_ready = 1;
}

static void __attribute__((destructor))
end(void)
{
	const char *path = getenv("FAILMALLOC_COUNT");
	FILE *file;

	is_ready = 0;
	if (path == NULL || (file = fopen(path, "w")) == NULL)
		return;
	fprintf(file, "%ld\n", count);
	fclose(file);
}

static int
fails(void)
{
	if (!is_ready)
		return 0;
	count++;
	if (count != at && !(goes_on && at > 0 && count > at))
		return 0;
	errno = ENOMEM;
	return 1;
}

struct passwd *
getpwuid(uid_t uid)
{
	struct passwd *(*real)(uid_t), *passwd;
	void *symbol = dlsym(RTLD_NEXT, "getpwuid");

	memcpy(&real, &symbol, sizeof(real));
	is_ready = 0;
	passwd = real(uid);
	is_ready = 1;
	return passwd;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}

void *
reallocarray(void *memory, size_t n, size_t size)
{
	if (size > 0 && n > (size_t)-1 / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(memory, n * size);
}
