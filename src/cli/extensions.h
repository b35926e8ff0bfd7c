/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The code of a folder as sections of the cluster-wide config.
 */

#ifndef CR_EXTENSIONS_H
#define CR_EXTENSIONS_H

#include <jansson.h>
#include <stddef.h>

#include "util/error.h"

/* What a folder may have; the console parses all of it without a pause. */
#define PUSH_FILES_MAX		4096
#define PUSH_DEPTH_MAX		16
#define PUSH_SECTION_MAX	((size_t)4 * 1024 * 1024)
#define PUSH_TOTAL_MAX		((size_t)16 * 1024 * 1024)

/*
 * Reads all *.lua files below the folder and its config.yml, and adds them to
 * the arguments of `push`: "sections", an array of {name, size} sorted by
 * name, and "texts", an object whose "pushed" is the text of all of them one
 * after the other.
 *
 * Names that begin with a dot are passed over.  A symbolic link to a file is
 * that file; one to a directory is an error, as is what cannot be read, is too
 * large, is not UTF-8, or would be a module of a name that nobody can require.
 *
 * Returns 0, or -1 with a usage error that names the file.
 */
int	push_add_folder(json_t *args, const char *dir, struct error *);

#endif
