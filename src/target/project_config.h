/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The config files of a project that say where its sockets are: .cartridge.yml
 * of cartridge-cli and the rockspec; see target/tt_yaml.h for that of tt.
 * Nothing in them is executed.  .cartridge.yml must belong to a trusted user
 * (see util/owner.h).
 */

#ifndef CR_PROJECT_CONFIG_H
#define CR_PROJECT_CONFIG_H

#include "util/error.h"

/*
 * Reads the setting `run-dir` or `run_dir` of .cartridge.yml in the current
 * directory.  Sets *run_dir to its value, or to NULL if there is no such file
 * or setting.  The caller frees *run_dir.  Returns 0, or -1 with a usage error
 * that names file and line.
 */
int	project_config_run_dir(char **run_dir, struct error *);

/*
 * Sets *package to the package name in the rockspec of a directory.  Sets
 * *package to NULL if there is no rockspec, if it cannot be read, or if the
 * directory has several rockspecs with different package names.  The caller
 * frees *package.  Returns 0, or -1 if out of memory.
 */
int	project_config_package(const char *dir, char **package, struct error *);

/*
 * Whether the current directory is a project: it has a rockspec, a
 * .cartridge.yml or a tt.yaml.  Sets *app to the application's name in the
 * rockspec, or to NULL if there is none.  The caller frees *app.  Returns 1 or
 * 0, or -1 if out of memory.
 */
int	project_config_exists(char **app, struct error *);

#endif
