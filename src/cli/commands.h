/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* The table of commands.  A row holds all properties of one command. */

#ifndef CR_COMMANDS_H
#define CR_COMMANDS_H

#include "output/output.h"

/*
 * One bit for each command.  Each option has a set of these bits, one for each
 * command that takes the option.
 */
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
	/* The commands that talk to instances. */
	COMMAND_ALL = COMMAND_RELOAD | COMMAND_PLAN | COMMAND_STATUS |
	    COMMAND_EVAL | COMMAND_STALE | COMMAND_PUSH | COMMAND_CONSOLE
};

enum command_flag {
	CMD_MUTATES = 1 << 0,		/* the command may change an instance */
	CMD_LOCKS = 1 << 1,		/* the command locks the instance */
	CMD_ONE_TARGET = 1 << 2,
	CMD_RELOADS = 1 << 3,		/* the command reloads code */
	CMD_PLANS = 1 << 4,		/* the command only plans a reload */
	CMD_DRY_RUN = 1 << 5,		/* the command implements --dry-run */
	/* With --cluster, the command reports the topology of the cluster. */
	CMD_TOPOLOGY = 1 << 6,
	CMD_PAGED = 1 << 7,		/* the pager shows the report */
	CMD_NO_REPL = 1 << 8,		/* not available in the console */
	CMD_REPL_ONLY = 1 << 9		/* available only in the console */
};

enum command_action {
	ACTION_REQUEST,		/* sends requests and prints the reports */
	ACTION_CONSOLE,
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_SET,
	ACTION_QUIT
};

/* The kind of arguments that a command takes. */
enum command_words {
	WORDS_NONE,
	WORDS_INSTANCES,
	WORDS_DIR,
	WORDS_LUA,
	WORDS_COMMAND,
	WORDS_SETTING
};

/* The possible effect of a request that was sent but not answered. */
enum side_effect {
	EFFECT_NONE,		/* read-only */
	EFFECT_EVAL,
	EFFECT_RELOAD,
	EFFECT_PUSH,
	EFFECT_NATIVE
};

struct command_row {
	const char		*name;
	const char		*args;	/* argument syntax for --help, or "" */
	const char		*help;
	enum command_bit	 bit;
	unsigned		 flags;	/* a set of command_flag bits */
	enum command_action	 action;
	enum command_words	 words;
	/* The fields below are used only by commands that send requests. */
	const char		*script; /* a Lua script in src/lua/commands */
	/*
	 * The script to run with --quiet, when no report is printed.  If
	 * NULL, `script` is run.
	 */
	const char		*quiet_script;
	enum side_effect	 effect;
	/* The outcomes that count as a success: a set of OUTCOME_BIT bits. */
	unsigned		 expected;
	enum output_view	 view;
};

/* In the last row, the name is NULL. */
extern const struct command_row	command_table[];

/* Finds a command by its name.  Returns NULL if there is none. */
const struct command_row	*commands_find(const char *name);

/*
 * Return whether a command is available on the command line (commands_in_cli)
 * or in the console (commands_in_repl).
 */
int	commands_in_cli(const struct command_row *);
int	commands_in_repl(const struct command_row *);

#endif
