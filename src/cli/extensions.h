/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Reads a directory of code, to be sections of the cluster-wide config. */

#ifndef CR_EXTENSIONS_H
#define CR_EXTENSIONS_H

#include <jansson.h>
#include <stddef.h>

#include "util/error.h"

/* Limits for a directory.  The console parses all code without yielding. */
#define PUSH_FILES_MAX		4096
#define PUSH_DEPTH_MAX		16
#define PUSH_SECTION_MAX	((size_t)4 * 1024 * 1024)
#define PUSH_TOTAL_MAX		((size_t)16 * 1024 * 1024)

/*
 * Reads all *.lua files below the directory, and its config.yml, and adds them
 * to the arguments of `push`: "sections", an array of {name, size} sorted by
 * name, and "texts", an object whose "pushed" is all texts concatenated.  Names
 * that start with a dot are skipped.  A symbolic link to a file is followed;
 * one to a directory is an error, and so is a file that is unreadable, too
 * large, not UTF-8, or whose name cannot be required as a module.  Returns 0,
 * or -1 with a usage error that names the file.
 */
int	extensions_add_folder(json_t *args, const char *dir, struct error *);

#endif
