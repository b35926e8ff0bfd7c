/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Reads two files of a project: .cartridge.yml of cartridge-cli, which sets the
 * run directory, and the rockspec, which names the application.  For tt.yaml
 * see target/tt_yaml.h.  Nothing in the files is executed.  .cartridge.yml must
 * belong to a trusted user (see util/owner.h).
 */

#ifndef CR_PROJECT_CONFIG_H
#define CR_PROJECT_CONFIG_H

#include "util/error.h"

/*
 * Reads the `run-dir` or `run_dir` setting from .cartridge.yml in the current
 * directory.  Sets *run_dir to the value, which the caller frees, or to NULL if
 * there is no such file or setting.  Returns 0, or -1 with a usage error that
 * names the file and the line.
 */
int	project_config_run_dir(char **run_dir, struct error *);

/*
 * Sets *package to the package name in the rockspecs of a directory.  The
 * caller frees the name.  Sets *package to NULL if no readable rockspec has a
 * name, if the rockspecs contain different names, or if the directory cannot be
 * read completely.  Returns 0, or -1 if out of memory.
 */
int	project_config_package(const char *dir, char **package, struct error *);

/*
 * Returns 1 if the current directory is a project, 0 if it is not, or -1 if out
 * of memory.  A project has a .cartridge.yml, a tt.yaml or tt.yml, or a
 * rockspec with a package name.  Sets *app to the package name, or to NULL if
 * it is unknown.  The caller frees *app.
 */
int	project_config_exists(char **app, struct error *);

#endif
