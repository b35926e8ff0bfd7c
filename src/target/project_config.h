/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The config files of a project that say where its sockets are: .cartridge.yml
 * of cartridge-cli, tt.yaml of tt, and the rockspec.  They are small and read
 * as a whole; nothing in them is executed.  The first two must belong to root,
 * to the user, or to the one who called sudo, unless they were named
 * explicitly.
 */

#ifndef CR_PROJECT_CONFIG_H
#define CR_PROJECT_CONFIG_H

#include <stddef.h>

#include "util/error.h"

/* A larger file is refused. */
#define PROJECT_FILE_MAX	((size_t)64 * 1024)

struct project_tt {
	char	*file;		/* NULL: there is none */
	char	*enabled;	/* directory of the applications */
	char	*run_dir;	/* relative: below each application */
	int	 is_shared;	/* one run_dir for all applications */
};

/*
 * Sets the `run-dir`, or `run_dir`, of .cartridge.yml in the current directory,
 * to be freed; NULL if there is no such file or setting.
 *
 * Returns 0, or -1 with a usage error that names file and line.
 */
int	project_run_dir(char **run_dir, struct error *);

/*
 * Finds and reads the tt.yaml or tt.yml that tt would use: $TT_CLI_CFG, else
 * the one in the current directory or its nearest parent that has one, else in
 * $TT_SYSTEM_CONFIG_DIR or /etc/tarantool.  Missing settings get the defaults
 * of tt.  The caller always calls project_tt_finish.
 *
 * Returns 0, or -1 with a usage error that names file and line.
 */
int	project_tt(struct project_tt *, struct error *);

void	project_tt_finish(struct project_tt *);

/*
 * Sets the package name in the rockspec of a directory, to be freed; NULL if
 * there is none, if it cannot be read, or if several disagree.
 *
 * Returns 0, or -1 if out of memory.
 */
int	project_package(const char *dir, char **package, struct error *);

/*
 * Whether the current directory is a project: it has a rockspec, a
 * .cartridge.yml or a tt.yaml.  Sets the application's name from the rockspec,
 * to be freed, or NULL.
 *
 * Returns 1 or 0, or -1 if out of memory.
 */
int	project_here(char **app, struct error *);

/*
 * Joins a directory and a name, to be freed; NULL if out of memory.  The
 * directories "" and "." add nothing to the name.
 */
char	*project_path(const char *dir, const char *name);

#endif
