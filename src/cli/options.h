/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The table of options.  The parser, --help, the console and the shell
 * completions use this table and the table of commands.
 */

#ifndef CR_OPTIONS_H
#define CR_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "cli/commands.h"
#include "output/output.h"
#include "output/term.h"
#include "util/error.h"

/* The type of the field that an option sets in `struct options`. */
enum option_type {
	OPTION_FLAG,		/* int, 0 or 1 */
	OPTION_TEXT,		/* a string, as a const char * */
	OPTION_LIST,		/* a struct arg_list of all the values */
	OPTION_COUNT,		/* a size_t, at least 1 */
	OPTION_TIME,		/* a double: seconds, at least 0 */
	OPTION_TIME_LIMIT,	/* a double: seconds, greater than 0 */
	OPTION_CHOICE,		/* an enum with one constant per value */
	OPTION_FORMAT		/* a const struct output * */
};

enum option_flag {
	OPT_CLI_ONLY = 1 << 0,	/* the console does not accept the option */
	OPT_IN_FULL = 1 << 1,	/* the option must not be abbreviated */
	OPT_STAGED_ONLY = 1 << 2	/* --method native forbids the option */
};

struct option_row {
	int			 key;	/* letter, or a number above 255 */
	const char		*name;	/* the long name, without dashes */
	const char		*arg;	/* value name in --help, or NULL */
	const char		*values; /* allowed values, as "a|b", or NULL */
	const char		*help;
	unsigned		 commands; /* commands that take the option */
	enum option_type	 type;
	size_t			 offset; /* byte offset within struct options */
	unsigned		 flags;	/* a set of option_flag bits */
};

/* In the last row, the name is NULL. */
extern const struct option_row	option_table[];

/* An upper bound on the number of rows in option_table. */
#define OPTIONS_MAX	64

/*
 * A list of strings in argv.  The strings are not copied, because passwords are
 * later overwritten only in argv.
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
	struct arg_list		 instances;	/* form: [APP:]INSTANCE */
	const char		*run_dir;
	/* The user for binary ports whose target names no user. */
	const char		*user;
	const char		*password_file;	/* "-" means standard input */
	size_t			 jobs;		/* 0 if --jobs is not given */
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
	const char		*stale;		/* the value of --stale */
	const struct output	*output;
	int			 quiet;
	int			 verbose;
	enum term_color_mode	 color;
	enum term_color_mode	 progress;
	int			 print_lua;
	int			 help;
	const struct command_row *help_command;	/* NULL for general help */
	int			 version;
	const char		*eval_file;	/* eval --file; "-" is stdin */
	const char		*eval_text;	/* eval LUA */
	struct arg_list		 eval_args;	/* arguments of eval after -- */
	const char		*push_dir;	/* push DIR */
	int			 prune;		/* push */
	int			 dry_run;	/* push */
	int			 exit_code;	/* the --exit-code option */
};

/*
 * Parses the command line.  Options may precede or follow the command.  The
 * strings in the result point into argv.  The manual documents the defaults of
 * options.  With --dry-run, changes the command to `plan`, unless the command
 * is `push`.  If neither LUA nor --file is given, `eval` reads standard input,
 * which must be a pipe or a file.
 *
 * Returns 0, or -1 with a usage error for an unknown command or option, an
 * option that is given twice or does not fit the command, a missing or invalid
 * value, or a wrong number of arguments.
 */
int	options_parse(struct options *, int argc, char *argv[],
	    struct error *);

/*
 * Parses the arguments of a console command, from argv[1] on.  `settings`
 * provides the default time limit, output format, colours, progress line and
 * verbosity.
 */
int	options_parse_command(struct options *, const struct command_row *,
	    const struct options *settings, int argc, char *argv[],
	    struct error *);

/* Frees the lists in the options. */
void	options_finish(struct options *);

#endif
