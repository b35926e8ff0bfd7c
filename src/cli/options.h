/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The options.  Parsing, --help, the console and the completions all read this
 * table and that of the commands.  A test fails if the manual lacks a command
 * or an option, or if the manual or the README mentions an unknown option.
 */

#ifndef CR_OPTIONS_H
#define CR_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "cli/commands.h"
#include "output/output.h"
#include "output/term.h"
#include "util/error.h"

/* The type of the field of `struct options` that an option sets. */
enum option_type {
	OPTION_FLAG,		/* int, 0 or 1 */
	OPTION_TEXT,		/* const char * */
	OPTION_LIST,		/* struct arg_list; repeatable */
	OPTION_COUNT,		/* size_t, at least 1 */
	OPTION_TIME,		/* double, seconds, at least 0 */
	OPTION_TIME_LIMIT,	/* double, seconds, more than 0 */
	OPTION_CHOICE,		/* enum, in the order of the values */
	OPTION_FORMAT		/* const struct output * */
};

enum option_flag {
	OPT_CLI_ONLY = 1 << 0,	/* not available in the console */
	OPT_IN_FULL = 1 << 1,	/* must not be abbreviated */
	OPT_STAGED_ONLY = 1 << 2	/* not with --method native */
};

struct option_row {
	int			 key;	/* the letter, or a number above 255 */
	const char		*name;	/* the long name */
	const char		*arg;	/* name of its value, or NULL */
	const char		*values; /* allowed ones, as "a|b" */
	const char		*help;
	unsigned		 commands; /* bits: which commands take it */
	enum option_type	 type;
	size_t			 offset; /* of its field in struct options */
	unsigned		 flags;	/* enum option_flag */
};

/* Ends with a row whose name is NULL. */
extern const struct option_row	option_table[];

/* An upper bound on the number of options in option_table. */
#define OPTIONS_MAX	64

/*
 * Strings that point into argv.  No copies are made, because a password in a
 * copy would not be overwritten.
 */
struct arg_list {
	const char	**list;
	size_t		  count;
};

enum method { METHOD_STAGED, METHOD_NATIVE };

struct options {
	const struct command_row *command;
	struct arg_list		 sockets;
	struct arg_list		 apps;
	struct arg_list		 instances;	/* [APP:]INSTANCE */
	const char		*run_dir;
	const char		*user;		/* default for binary ports */
	const char		*password_file;	/* "-" is standard input */
	size_t			 jobs;		/* 0 if not given */
	int			 keep_going;
	int			 cluster;
	int			 allow_mixed;
	struct arg_list		 modules;
	struct arg_list		 excludes;
	double			 timeout;	/* seconds */
	double			 wait;		/* seconds */
	int			 run_main;
	int			 rocks;
	int			 no_stop;
	int			 if_changed;
	enum method		 method;
	const char		*stale;		/* patch, report or fail */
	const struct output	*output;
	int			 quiet;
	int			 verbose;
	enum term_color_mode	 color;
	enum term_color_mode	 progress;
	int			 print_lua;
	int			 help;
	const struct command_row *help_command;	/* NULL for all commands */
	int			 version;
	const char		*eval_file;	/* of eval; "-" is stdin */
	const char		*eval_text;	/* eval LUA */
	struct arg_list		 eval_args;	/* eval ... -- ARG ... */
	const char		*push_dir;	/* push DIR */
	int			 prune;		/* push */
	int			 dry_run;	/* push */
	int			 exit_code;	/* plan, push --dry-run */
};

/*
 * Parses the command line.  Options may stand before and after the command.
 * Strings are not copied from argv.  Options that are not given get the
 * defaults that the manual documents.  --dry-run turns the command into `plan`,
 * except for `push`.  `eval` with neither LUA nor --file reads standard input
 * if that is a pipe or a file.
 *
 * Returns 0, or -1 with a usage error: an unknown command or option, an option
 * that the command does not take or that is given twice, a missing or invalid
 * value, or a wrong number of arguments.
 */
int	options_parse(struct options *, int argc, char *argv[],
	    struct error *);

/*
 * Parses the arguments of a command that is already known.  argv[0] is not
 * parsed.  `settings` provides the default time limit, format, colours and
 * verbosity.
 */
int	options_parse_command(struct options *, const struct command_row *,
	    const struct options *settings, int argc, char *argv[],
	    struct error *);

/* Frees the lists in the options. */
void	options_finish(struct options *);

#endif
