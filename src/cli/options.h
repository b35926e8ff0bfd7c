/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The command line: one table of commands and one of options.  Parsing and
 * --help read them, and so does the test that compares the manual, the README
 * and the completions with them.
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
	COMMAND_ALL = COMMAND_RELOAD | COMMAND_PLAN | COMMAND_STATUS |
	    COMMAND_EVAL | COMMAND_STALE | COMMAND_PUSH | COMMAND_CONSOLE
};

struct command_row {
	const char		*name;
	const char		*args;	/* as shown in the help, or "" */
	const char		*help;
	enum command_bit	 bit;
};

struct option_row {
	int		 key;		/* short letter, or a value above 255 */
	const char	*name;		/* the long name */
	const char	*arg;		/* as shown in the help, or NULL */
	const char	*values;	/* "a|b" if the choice is closed, or NULL */
	const char	*help;
	unsigned	 commands;	/* which commands take it */
};

/* Both closed by an entry whose name is NULL. */
extern const struct command_row	command_table[];
extern const struct option_row	option_table[];

struct string_list {
	const char	**list;
	size_t		  count;
};

struct options {
	const struct command_row *command;
	struct string_list	 sockets;
	const char		*app;		/* NULL if not given */
	const char		*instance;
	const char		*run_dir;
	size_t			 jobs;		/* 0 if not given */
	int			 keep_going;
	int			 cluster;
	int			 allow_mixed;
	struct string_list	 modules;
	struct string_list	 excludes;
	double			 timeout;	/* seconds */
	double			 wait;		/* seconds */
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
	const struct command_row *help_command;	/* NULL if for all of them */
	int			 version;
	const char		*eval_file;	/* of eval -f, "-" is stdin */
	const char		*eval_text;	/* of eval LUA */
	const char		*push_dir;	/* of push DIR */
	int			 prune;		/* of push */
	int			 dry_run;	/* of push */
};

/*
 * Reads the command line; options may stand before and after the command.
 * The strings of argv are referred to, not copied.  Options not given get the
 * defaults of the manual; --dry-run makes the command `plan`, but for `push`.
 *
 * Returns 0, or -1 with a usage error that names what was wrong: an unknown
 * command or option, an option that the command does not take, a missing or
 * bad value, too few or too many arguments.
 */
int	options_parse(struct options *, int argc, char *argv[],
	    struct error *);

/* Frees the lists. */
void	options_finish(struct options *);

/*
 * Prints the help: usage, commands, options, exit status; of one command, or
 * of all if it is NULL.
 */
void	options_help(FILE *, const struct command_row *);

#endif
