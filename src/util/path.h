/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Functions for file paths. */

#ifndef CR_PATH_H
#define CR_PATH_H

/*
 * Joins a directory and a name.  If the directory is "" or ".", the result is
 * just the name.  Returns a path that the caller frees, or NULL if out of
 * memory.
 */
char	*path_join(const char *dir, const char *name);

#endif
