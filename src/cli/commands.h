/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The table of commands.  Each row contains all the properties in which a
 * command differs from the others.
 */

#ifndef CR_COMMANDS_H
#define CR_COMMANDS_H

#include "output/output.h"

/* Bits for `struct option_row.commands`. */
enum command_bit {
	COMMAND_RELOAD = 1 << 0,
	COMMAND_PLAN = 1 << 1,
	COMMAND_STATUS = 1 << 2,
	COMMAND_EVAL = 1 << 3,
	COMMAND_STALE = 1 << 4,
	COMMAND_PUSH = 1 << 5,
	COMMAND_CONSOLE = 1 << 6,
	COMMAND_HELP = 1 << 7,
	COMMAND_VERSION = 1 << 8,
	COMMAND_SET = 1 << 9,
	COMMAND_QUIT = 1 << 10,
	/* Commands that talk to instances. */
	COMMAND_ALL = COMMAND_RELOAD | COMMAND_PLAN | COMMAND_STATUS |
	    COMMAND_EVAL | COMMAND_STALE | COMMAND_PUSH | COMMAND_CONSOLE
};

enum command_flag {
	CMD_MUTATES = 1 << 0,		/* may change an instance */
	CMD_LOCKS = 1 << 1,		/* takes the instance's lock */
	CMD_ONE_TARGET = 1 << 2,
	CMD_RELOADS = 1 << 3,		/* reloads code, after a preflight */
	CMD_PLANS = 1 << 4,		/* shows what a reload would do */
	CMD_DRY_RUN = 1 << 5,		/* handles --dry-run itself */
	CMD_TOPOLOGY = 1 << 6,		/* with --cluster, reports topology */
	CMD_PAGED = 1 << 7,		/* report is shown in the pager */
	CMD_NO_REPL = 1 << 8,		/* not available in the console */
	CMD_REPL_ONLY = 1 << 9		/* only available in the console */
};

enum command_action {
	ACTION_REQUEST,		/* send a request, print the reports */
	ACTION_CONSOLE,
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_SET,
	ACTION_QUIT
};

/* The arguments that a command takes. */
enum command_words {
	WORDS_NONE,
	WORDS_INSTANCES,
	WORDS_DIR,
	WORDS_LUA,
	WORDS_COMMAND,
	WORDS_SETTING
};

/* The effect that a request may have had if it was sent but not answered. */
enum side_effect {
	EFFECT_NONE,		/* read-only */
	EFFECT_EVAL,
	EFFECT_RELOAD,
	EFFECT_PUSH,
	EFFECT_NATIVE
};

struct command_row {
	const char		*name;
	const char		*args;	/* as shown in the help, or "" */
	const char		*help;
	enum command_bit	 bit;
	unsigned		 flags;	/* enum command_flag */
	enum command_action	 action;
	enum command_words	 words;
	/* Only for ACTION_REQUEST: */
	const char		*script; /* in src/lua/commands */
	/*
	 * The script to run with --quiet, when no report is printed.  If NULL,
	 * `script` is run with --quiet, too.
	 */
	const char		*quiet_script;
	enum side_effect	 effect;
	enum output_view	 view;
};

/* Ends with a row whose name is NULL. */
extern const struct command_row	command_table[];

/* Returns the command with that name, or NULL. */
const struct command_row	*commands_find(const char *name);

/*
 * commands_in_cli returns whether a command is available on the command line.
 * commands_in_repl returns whether it is available in the console.
 */
int	commands_in_cli(const struct command_row *);
int	commands_in_repl(const struct command_row *);

#endif
