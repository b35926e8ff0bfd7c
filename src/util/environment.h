/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The environment variables that the program reads.  This list is complete, so
 * the manual can be checked against it: only environment.c calls getenv(3).
 */

#ifndef CR_ENVIRONMENT_H
#define CR_ENVIRONMENT_H

enum env {
	ENV_CARTRIDGE_RELOAD_SOCKET,
	ENV_COLUMNS,
	ENV_HOME,
	ENV_NO_COLOR,
	ENV_PAGER,
	ENV_SUDO_UID,
	ENV_SUDO_USER,
	ENV_TARANTOOL_APP_NAME,
	ENV_TARANTOOL_CLUSTER_COOKIE,
	ENV_TARANTOOL_CONSOLE_SOCK,
	ENV_TARANTOOL_INSTANCE_NAME,
	ENV_TARANTOOL_RUN_DIR,
	ENV_TERM,
	ENV_TT_CLI_CFG,
	ENV_TT_CLI_PASSWORD,
	ENV_TT_CLI_USERNAME,
	ENV_TT_SYSTEM_CONFIG_DIR,
	ENV_XDG_STATE_HOME,
	ENV_COUNT
};

/* Returns the name of a variable. */
const char	*env_name(enum env);

/*
 * Returns the value of a variable, or NULL if it is unset.  The string is part
 * of the environment: overwriting it changes the environment.
 */
char		*env_get(enum env);

/* Like env_get, but also returns NULL if the variable is empty. */
char		*env_get_nonempty(enum env);

#endif
