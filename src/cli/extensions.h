/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Reads a directory of files that become sections of the cluster-wide config.
 */

#ifndef CR_EXTENSIONS_H
#define CR_EXTENSIONS_H

#include <jansson.h>
#include <stddef.h>

#include "util/error.h"

/*
 * The limits for a directory.  The instance parses all files at once, without
 * yielding, so large files would block it.
 */
#define PUSH_FILES_MAX		4096
#define PUSH_DEPTH_MAX		16
#define PUSH_SECTION_MAX	((size_t)4 * 1024 * 1024)
#define PUSH_TOTAL_MAX		((size_t)16 * 1024 * 1024)

/*
 * Reads config.yml at the top of a directory, and all *.lua files in the whole
 * directory tree.  Adds them to the arguments of `push` as two fields.  The
 * field "sections" is an array of {name, size}, sorted by name.  The field
 * "texts" is an object; its field "pushed" is the concatenation of all files in
 * the same order.
 *
 * Skips names that start with a dot.  Follows symbolic links to files, but
 * rejects symbolic links to directories.  Also rejects files that are
 * unreadable, too large or not UTF-8, or whose names cannot be module names.
 * Returns 0, or -1 with a usage error that names the file.
 */
int	extensions_add_folder(json_t *args, const char *dir, struct error *);

#endif
