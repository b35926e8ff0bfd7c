/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The command line: a table of commands and a table of options.  Parsing,
 * --help, the console and the completions read these tables.  A test fails if
 * the manual lacks a command or an option, or if the manual or the README has
 * an unknown option.
 */

#ifndef CR_OPTIONS_H
#define CR_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "util/error.h"
#include "output/output.h"
#include "output/term.h"

/* Bits for `struct option_row.commands` and `struct command_row.bit`. */
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
	/* All commands that talk to instances. */
	COMMAND_ALL = COMMAND_RELOAD | COMMAND_PLAN | COMMAND_STATUS |
	    COMMAND_EVAL | COMMAND_STALE | COMMAND_PUSH | COMMAND_CONSOLE
};

enum command_flag {
	CMD_MUTATES = 1 << 0,		/* may change an instance */
	CMD_LOCKS = 1 << 1,		/* takes the lock of the instance */
	CMD_ONE_TARGET = 1 << 2,
	CMD_INSTANCES = 1 << 3,		/* INSTANCE arguments select targets */
	CMD_PAGED = 1 << 4,		/* its report is shown in the pager */
	CMD_LOCAL = 1 << 5,		/* needs no connection */
	CMD_NO_REPL = 1 << 6,		/* not available in the console */
	CMD_REPL_ONLY = 1 << 7		/* only available in the console */
};

struct command_row {
	const char		*name;
	const char		*args;	/* arguments in the help, or "" */
	const char		*help;
	enum command_bit	 bit;
	unsigned		 flags;	/* enum command_flag */
};

/* The type of the field that `struct option_row.offset` refers to. */
enum option_type {
	OPTION_FLAG,		/* int, 0 or 1 */
	OPTION_TEXT,		/* const char * */
	OPTION_LIST,		/* struct string_list; repeatable */
	OPTION_COUNT,		/* size_t, at least 1 */
	OPTION_TIME,		/* double, seconds, at least 0 */
	OPTION_TIME_LIMIT,	/* double, seconds, more than 0 */
	OPTION_WHEN,		/* enum term_color_mode */
	OPTION_FORMAT		/* const struct output * */
};

enum option_flag {
	OPT_CLI_ONLY = 1 << 0,	/* not available in the console */
	OPT_IN_FULL = 1 << 1	/* must not be abbreviated */
};

struct option_row {
	int			 key;	/* the letter, or a number above 255 */
	const char		*name;	/* the long name */
	const char		*arg;	/* its value in the help, or NULL */
	const char		*values; /* allowed values, as "a|b" */
	const char		*help;
	unsigned		 commands; /* bits of commands that take it */
	enum option_type	 type;
	size_t			 offset; /* of the field in struct options */
	unsigned		 flags;	/* enum option_flag */
};

/* The last row of each table has no name. */
extern const struct command_row	command_table[];
extern const struct option_row	option_table[];

struct string_list {
	const char	**list;
	size_t		  count;
};

struct options {
	const struct command_row *command;
	struct string_list	 sockets;
	struct string_list	 apps;
	struct string_list	 instances;	/* [APP:]INSTANCE */
	const char		*run_dir;
	const char		*user;		/* for binary ports */
	const char		*password_file;	/* "-" is standard input */
	size_t			 jobs;		/* 0 if not given */
	int			 keep_going;
	int			 cluster;
	int			 allow_mixed;
	struct string_list	 modules;
	struct string_list	 excludes;
	double			 timeout;	/* seconds */
	double			 wait;		/* seconds */
	int			 run_main;
	int			 rocks;
	int			 no_stop;
	int			 if_changed;
	const char		*method;	/* "staged" or "native" */
	const char		*stale;		/* "patch", "report" or "fail" */
	const struct output	*output;
	int			 quiet;
	int			 verbose;
	enum term_color_mode	 color;
	enum term_color_mode	 progress;
	int			 print_lua;
	int			 help;
	const struct command_row *help_command;	/* NULL for all commands */
	int			 version;
	const char		*eval_file;	/* eval -f; or "-", stdin */
	const char		*eval_text;	/* eval LUA */
	struct string_list	 eval_args;	/* eval ... -- ARG ... */
	const char		*push_dir;	/* push DIR */
	int			 prune;		/* push */
	int			 dry_run;	/* push */
	int			 exit_code;	/* plan, push --dry-run */
};

/*
 * Parses the command line; options may stand before and after the command.
 * Strings are not copied from argv.  Missing options get the defaults of the
 * manual; --dry-run turns the command into `plan`, except for `push`; `eval`
 * without Lua and --file reads standard input if that is a pipe.
 *
 * Returns 0, or -1 with a usage error: an unknown command or option, an option
 * that the command does not take or that is given twice, a missing or invalid
 * value, or a wrong number of arguments.
 */
int	options_parse(struct options *, int argc, char *argv[],
	    struct error *);

/*
 * Parses the words of a known command; the first is argv[1].  The defaults of
 * time limit, format, colours and verbosity are those of `settings`.
 */
int	options_parse_command(struct options *, const struct command_row *,
	    const struct options *settings, int argc, char *argv[],
	    struct error *);

/* Frees the lists in the options. */
void	options_finish(struct options *);

/* Returns the command with that name, or NULL. */
const struct command_row	*options_find_command(const char *name);

/* Whether a command is available on the command line, and in the console. */
int	options_in_cli(const struct command_row *);
int	options_in_repl(const struct command_row *);

#endif
