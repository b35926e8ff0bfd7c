/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What the files of a project say about its sockets: .cartridge.yml of
 * cartridge-cli, tt.yaml of tt, the rockspec.  All are small and are read as
 * a whole; nothing in them is run.  The first two, which say where sockets are,
 * must belong to root, to the user, or to the one who runs this by sudo,
 * unless they were named.
 */

#ifndef CR_PROJECT_CONFIG_H
#define CR_PROJECT_CONFIG_H

#include <stddef.h>

#include "util/error.h"

/* A larger file is refused. */
#define PROJECT_FILE_MAX	((size_t)64 * 1024)

struct project_tt {
	char	*file;		/* NULL: there is none */
	char	*enabled;	/* the directory of the applications */
	char	*run_dir;	/* if relative: below each application */
	int	 is_shared;	/* run_dir is that of all, and no other */
};

/*
 * The `run-dir`, or `run_dir`, of .cartridge.yml in the current directory, to be
 * freed, or
 * NULL if there is no such file or it does not say.
 *
 * Returns 0, or -1 with a usage error that names file and line.
 */
int	project_run_dir(char **run_dir, struct error *);

/*
 * Finds and reads the tt.yaml or tt.yml that tt would take: $TT_CLI_CFG, else
 * in the current directory or the nearest one above it, else in
 * $TT_SYSTEM_CONFIG_DIR or /etc/tarantool.  What it does not say has tt's
 * default.  The caller frees it with project_tt_finish, in any case.
 *
 * Returns 0, or -1 with a usage error that names file and line.
 */
int	project_tt(struct project_tt *, struct error *);

void	project_tt_finish(struct project_tt *);

/*
 * The name of the package in the rockspec of a directory, to be freed, or
 * NULL if there is none, if it cannot be read or if several disagree.
 *
 * Returns 0, or -1 with an error: out of memory.
 */
int	project_package(const char *dir, char **package, struct error *);

/*
 * Whether the current directory is that of a project: it has a rockspec, a
 * .cartridge.yml or a tt.yaml.  Sets the application's name, to be freed, or
 * NULL if there is no rockspec that tells it.
 *
 * Returns 1 or 0, or -1 with an error: out of memory.
 */
int	project_here(char **app, struct error *);

/*
 * The path of a name in a directory, to be freed, or NULL without memory.
 * Nothing is put before the name if the directory is "" or ".".
 */
char	*project_path(const char *dir, const char *name);

#endif
