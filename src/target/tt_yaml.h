/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Reads tt.yaml, the config file of tt.  The file says where to find the
 * applications that tt runs, and their sockets.
 */

#ifndef CR_TT_YAML_H
#define CR_TT_YAML_H

#include "util/error.h"

struct tt_yaml {
	char	*file;		/* NULL if there is no tt.yaml */
	char	*enabled;	/* directory that contains the applications */
	/*
	 * The run directory.  Unless `is_shared` is set, a relative path is
	 * resolved against the directory of each application.
	 */
	char	*run_dir;
	int	 is_shared;	/* all applications use the same run_dir */
};

/*
 * Finds and reads the config file that tt would use.  If $TT_CLI_CFG is set, it
 * names the file.  Otherwise tt.yaml or tt.yml is searched for in the current
 * directory, then in its parents except "/", then in $TT_SYSTEM_CONFIG_DIR, or
 * in /etc/tarantool if that variable is not set.  Missing settings get the
 * defaults of tt.  The caller must call tt_yaml_finish, even after an error.
 * Returns 0, or -1 with a usage error that names the file and the line.
 */
int	tt_yaml_read(struct tt_yaml *, struct error *);

/* Frees the contents. */
void	tt_yaml_finish(struct tt_yaml *);

#endif
