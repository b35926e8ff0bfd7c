/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The console's backslash commands: commands of this program, from the table of
 * commands, and a few that only the console has.  A name may be abbreviated if
 * that is unambiguous.
 */

#ifndef CR_BACKSLASH_H
#define CR_BACKSLASH_H

#include <stdio.h>

#include "cli/options.h"
#include "output/output.h"
#include "util/error.h"
#include "util/strlist.h"

/*
 * A parsed line.  The command in the options is one that runs with these
 * options, or one of the console's own: COMMAND_SET sets the output format to
 * `output`, or shows it if that is NULL; COMMAND_HELP prints the help of
 * `help`, or of all commands if that is NULL; COMMAND_QUIT.
 */
struct backslash {
	struct strlist			 words;	/* storage of the options */
	struct options			 options;
	const struct output		*output;
	const struct command_row	*help;
};

/* The candidates of a completion. */
struct backslash_names {
	struct strlist	 words;
	int		 files;		/* file names are candidates, too */
};

/*
 * Whether a line is a backslash command: its first character other than a blank
 * is a backslash.
 */
int	backslash_begins(const char *line);

/*
 * Parses a line.  A command takes the options that it has on the command line,
 * except for those that select targets; their defaults come from `settings`.
 * Returns 0, or -1 with a usage error.
 */
int	backslash_parse(struct backslash *, const char *line,
	    const struct options *settings, struct error *);
void	backslash_finish(struct backslash *);

/*
 * Lists the candidates for the word from `start` to `end` of the line.  Returns
 * 0, or -1 if out of memory; backslash_names_finish frees the names.
 */
int	backslash_complete(struct backslash_names *, const char *line,
	    size_t start, size_t end);
void	backslash_names_finish(struct backslash_names *);

/* Prints all commands, one per line. */
void	backslash_help(FILE *);

#endif
