/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Reads the config files of a project, as text or as YAML settings.  The files
 * are small and read as a whole; nothing in them is executed.  A file must
 * belong to a trusted user (see util/owner.h), unless the user named it
 * explicitly.  Blocks only while reading a regular file.
 */

#ifndef CR_CONFIG_FILE_H
#define CR_CONFIG_FILE_H

#include <stddef.h>

#include "util/error.h"

/* The maximum size of a file, in bytes. */
#define CONFIG_FILE_MAX	((size_t)64 * 1024)

/*
 * A setting to read.  `key` is its path from the root of the document, joined
 * by dots.  *value must be NULL at first.  Reading sets *value to the value,
 * which the caller frees.  A list of settings ends with a NULL key.
 */
struct config_setting {
	const char	*key;
	char		**value;
};

/*
 * Reads a regular file into *text, which ends with a NUL and which the caller
 * frees.  `given` is set if the user named the file; otherwise a trusted user
 * must own the file.  Returns 1 if the file was read, 0 if it does not exist,
 * or -1 with a usage error.
 */
int	config_file_read(const char *path, int given, char **text, size_t *len,
	    struct error *);

/*
 * Reads settings from the first document of a YAML file.  The value of a
 * missing or null setting stays NULL.  The caller frees the values, even after
 * an error.  `given` and the return values are the same as for
 * config_file_read, but an error in the YAML also names the line.
 */
int	config_file_read_settings(const char *path, int given,
	    const struct config_setting *, struct error *);

#endif
