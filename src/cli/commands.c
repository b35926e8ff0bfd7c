/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <string.h>

#include "cli/commands.h"

const struct command_row command_table[] = {
	{ .name = "reload", .args = "[INSTANCE ...]",
	    .help = "reload the application's code; the default command",
	    .bit = COMMAND_RELOAD,
	    .flags = CMD_MUTATES | CMD_LOCKS | CMD_RELOADS,
	    .action = ACTION_REQUEST, .words = WORDS_INSTANCES,
	    .script = "reload", .effect = EFFECT_RELOAD,
	    .expected = OUTCOME_BIT(OUTCOME_RELOADED),
	    .view = VIEW_RELOAD },
	{ .name = "plan", .args = "[INSTANCE ...]",
	    .help = "preview a reload without changing anything",
	    .bit = COMMAND_PLAN, .flags = CMD_PLANS | CMD_PAGED,
	    .action = ACTION_REQUEST, .words = WORDS_INSTANCES,
	    .script = "plan",
	    .expected = OUTCOME_BIT(OUTCOME_PLANNED) |
	    OUTCOME_BIT(OUTCOME_UNCHANGED),
	    .view = VIEW_PLAN },
	{ .name = "status", .args = "[INSTANCE ...]",
	    .help = "show whether instances are up and serving",
	    .bit = COMMAND_STATUS, .flags = CMD_TOPOLOGY | CMD_PAGED,
	    .action = ACTION_REQUEST, .words = WORDS_INSTANCES,
	    /*
	     * The preflight, which checks instances before a reload, collects
	     * the data that `status` prints.
	     */
	    .script = "preflight", .quiet_script = "status",
	    .expected = OUTCOME_BIT(OUTCOME_OK),
	    .view = VIEW_STATUS },
	{ .name = "stale", .args = "[INSTANCE ...]",
	    .help = "scan for references to earlier generations",
	    .bit = COMMAND_STALE, .flags = CMD_PAGED,
	    .action = ACTION_REQUEST, .words = WORDS_INSTANCES,
	    .script = "stale",
	    .expected = OUTCOME_BIT(OUTCOME_OK),
	    .view = VIEW_STALE },
	{ .name = "push", .args = "DIR",
	    .help = "deploy the code in DIR as the cluster's extensions",
	    .bit = COMMAND_PUSH,
	    .flags = CMD_MUTATES | CMD_LOCKS | CMD_ONE_TARGET | CMD_DRY_RUN,
	    .action = ACTION_REQUEST, .words = WORDS_DIR, .script = "push",
	    .effect = EFFECT_PUSH,
	    .expected = OUTCOME_BIT(OUTCOME_OK) |
	    OUTCOME_BIT(OUTCOME_UNCHANGED),
	    .view = VIEW_PUSH },
	{ .name = "eval", .args = "LUA | -f FILE [-- ARG ...]",
	    .help = "run Lua in the instance and print the results",
	    .bit = COMMAND_EVAL, .flags = CMD_MUTATES,
	    .action = ACTION_REQUEST, .words = WORDS_LUA, .script = "eval",
	    .effect = EFFECT_EVAL,
	    .expected = OUTCOME_BIT(OUTCOME_OK),
	    .view = VIEW_RESULTS },
	{ .name = "console", .args = "", .help = "interactive Lua console",
	    .bit = COMMAND_CONSOLE,
	    .flags = CMD_MUTATES | CMD_ONE_TARGET | CMD_NO_REPL,
	    .action = ACTION_CONSOLE, .script = "repl" },
	{ .name = "set", .args = "output text|json",
	    .help = "format of results and reports", .bit = COMMAND_SET,
	    .flags = CMD_REPL_ONLY, .action = ACTION_SET,
	    .words = WORDS_SETTING },
	{ .name = "help", .args = "[COMMAND]",
	    .help = "show this help, or help for one command",
	    .bit = COMMAND_HELP, .action = ACTION_HELP,
	    .words = WORDS_COMMAND },
	{ .name = "version", .args = "", .help = "show the version",
	    .bit = COMMAND_VERSION, .flags = CMD_NO_REPL,
	    .action = ACTION_VERSION },
	{ .name = "quit", .args = "", .help = "exit (also Ctrl-D)",
	    .bit = COMMAND_QUIT, .flags = CMD_REPL_ONLY,
	    .action = ACTION_QUIT },
	{ .name = NULL }
};

int
commands_in_cli(const struct command_row *row)
{
	return (row->flags & CMD_REPL_ONLY) == 0;
}

int
commands_in_repl(const struct command_row *row)
{
	return (row->flags & CMD_NO_REPL) == 0;
}

const struct command_row *
commands_find(const char *name)
{
	const struct command_row *row;

	for (row = command_table; row->name != NULL; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}
