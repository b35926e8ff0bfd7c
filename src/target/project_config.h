/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The config files of a project that say where its sockets are: .cartridge.yml
 * of cartridge-cli, tt.yaml of tt, and the rockspec.  They are small and read
 * as a whole; nothing in them is executed.  The first two must belong to a
 * trusted user (see util/owner.h), unless they were named explicitly.
 */

#ifndef CR_PROJECT_CONFIG_H
#define CR_PROJECT_CONFIG_H

#include <stddef.h>

#include "util/error.h"

/* The maximum size of a file, in bytes. */
#define PROJECT_FILE_MAX	((size_t)64 * 1024)

struct project_tt {
	char	*file;		/* NULL if there is no tt.yaml */
	char	*enabled;	/* directory that contains the applications */
	/*
	 * If all applications share it, the path is complete.  Otherwise a
	 * relative path is resolved against the directory of each application.
	 */
	char	*run_dir;
	int	 is_shared;	/* all applications use the same run_dir */
};

/*
 * Reads the setting `run-dir` or `run_dir` of .cartridge.yml in the current
 * directory.  Sets *run_dir to its value, or to NULL if there is no such file
 * or setting.  The caller frees *run_dir.  Returns 0, or -1 with a usage error
 * that names file and line.
 */
int	project_run_dir(char **run_dir, struct error *);

/*
 * Finds and reads the tt.yaml or tt.yml that tt would use: the file named by
 * $TT_CLI_CFG, else the one in the current directory or in its nearest parent
 * that has one, else the one in $TT_SYSTEM_CONFIG_DIR or /etc/tarantool.
 * Missing settings get the defaults of tt.  Whatever it returns, the caller
 * must call project_tt_finish.  Returns 0, or -1 with a usage error that names
 * file and line.
 */
int	project_tt(struct project_tt *, struct error *);

void	project_tt_finish(struct project_tt *);

/*
 * Sets *package to the package name in the rockspec of a directory.  Sets
 * *package to NULL if there is no rockspec, if it cannot be read, or if the
 * directory has several rockspecs with different package names.  The caller
 * frees *package.  Returns 0, or -1 if out of memory.
 */
int	project_package(const char *dir, char **package, struct error *);

/*
 * Whether the current directory is a project: it has a rockspec, a
 * .cartridge.yml or a tt.yaml.  Sets *app to the application's name in the
 * rockspec, or to NULL if there is none.  The caller frees *app.  Returns 1 or
 * 0, or -1 if out of memory.
 */
int	project_here(char **app, struct error *);

/*
 * Joins a directory and a name.  If the directory is "" or ".", the result is
 * just the name.  Returns a path that the caller frees, or NULL if out of
 * memory.
 */
char	*project_path(const char *dir, const char *name);

#endif
