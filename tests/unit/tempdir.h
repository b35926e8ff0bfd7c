/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#ifndef CR_TEST_TEMPDIR_H
#define CR_TEST_TEMPDIR_H

#include <stdio.h>
#include <stdlib.h>

/* The size of a path of temp_template. */
#define TEMP_SIZE	256

/*
 * Fills in a template for mkdtemp(3) and mkstemp(3), in the directory of
 * $TMPDIR, which tests/run.sh removes even after a crash.
 */
static inline char *
temp_template(char path[TEMP_SIZE])
{
	const char *dir = getenv("TMPDIR");

	snprintf(path, TEMP_SIZE, "%s/crt.XXXXXX", dir != NULL ? dir : "/tmp");
	return path;
}

#endif
