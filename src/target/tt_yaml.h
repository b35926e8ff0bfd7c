/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The config file of tt, which says where its applications and their sockets
 * are.
 */

#ifndef CR_TT_YAML_H
#define CR_TT_YAML_H

#include "util/error.h"

struct tt_yaml {
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
 * Finds and reads the tt.yaml or tt.yml that tt would use: the file named by
 * $TT_CLI_CFG, else the one in the current directory or in its nearest parent
 * that has one, else the one in $TT_SYSTEM_CONFIG_DIR or /etc/tarantool.
 * Missing settings get the defaults of tt.  Whatever it returns, the caller
 * must call tt_yaml_finish.  Returns 0, or -1 with a usage error that names
 * file and line.
 */
int	tt_yaml_read(struct tt_yaml *, struct error *);

/* Frees the contents. */
void	tt_yaml_finish(struct tt_yaml *);

#endif
