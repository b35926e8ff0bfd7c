/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include "util/environment.h"

#include <stdlib.h>

static const char *const names[ENV_COUNT] = {
	[ENV_CARTRIDGE_RELOAD_SOCKET] = "CARTRIDGE_RELOAD_SOCKET",
	[ENV_COLUMNS] = "COLUMNS",
	[ENV_HOME] = "HOME",
	[ENV_NO_COLOR] = "NO_COLOR",
	[ENV_PAGER] = "PAGER",
	[ENV_SUDO_UID] = "SUDO_UID",
	[ENV_SUDO_USER] = "SUDO_USER",
	[ENV_TARANTOOL_APP_NAME] = "TARANTOOL_APP_NAME",
	[ENV_TARANTOOL_CLUSTER_COOKIE] = "TARANTOOL_CLUSTER_COOKIE",
	[ENV_TARANTOOL_CONSOLE_SOCK] = "TARANTOOL_CONSOLE_SOCK",
	[ENV_TARANTOOL_INSTANCE_NAME] = "TARANTOOL_INSTANCE_NAME",
	[ENV_TARANTOOL_RUN_DIR] = "TARANTOOL_RUN_DIR",
	[ENV_TERM] = "TERM",
	[ENV_TT_CLI_CFG] = "TT_CLI_CFG",
	[ENV_TT_CLI_PASSWORD] = "TT_CLI_PASSWORD",
	[ENV_TT_CLI_USERNAME] = "TT_CLI_USERNAME",
	[ENV_TT_SYSTEM_CONFIG_DIR] = "TT_SYSTEM_CONFIG_DIR",
	[ENV_XDG_STATE_HOME] = "XDG_STATE_HOME",
};

const char *
env_name(enum env variable)
{
	return names[variable];
}

char *
env_get(enum env variable)
{
	return getenv(names[variable]);
}

char *
env_get_nonempty(enum env variable)
{
	char *value = getenv(names[variable]);

	return value != NULL && value[0] != '\0' ? value : NULL;
}
