/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Reads a config file of a project: as text, or the settings of one in YAML.
 * The files are small and read as a whole; nothing in them is executed.  They
 * must belong to a trusted user (see util/owner.h), unless the user named them.
 * Reading a regular file is all that can block.
 */

#ifndef CR_CONFIG_FILE_H
#define CR_CONFIG_FILE_H

#include <stddef.h>

#include "util/error.h"

/* The maximum size of a file, in bytes. */
#define CONFIG_FILE_MAX	((size_t)64 * 1024)

/*
 * A setting to read.  `key` is the path of the setting from the root, joined by
 * dots.  *value is NULL at first, and is set to the value, which the caller
 * frees.  A list of settings ends with a NULL key.
 */
struct config_setting {
	const char	*key;
	char		**value;
};

/*
 * Reads a regular file and terminates its text with a NUL.  `given` is set if
 * the user named the file; only then may it belong to another user.  Returns 1
 * with a text that the caller frees, 0 if there is no such file, or -1 with a
 * usage error.
 */
int	config_file_read(const char *path, int given, char **text, size_t *len,
	    struct error *);

/*
 * Reads settings from the first document of a YAML file; see config_file_read
 * for `given`.  A setting that is missing or null keeps its NULL.  Returns 1 if
 * the file was read, 0 if it does not exist, or -1 with a usage error that
 * names file and line.  The caller frees the values in any case.
 */
int	config_file_read_settings(const char *path, int given,
	    const struct config_setting *, struct error *);

#endif
