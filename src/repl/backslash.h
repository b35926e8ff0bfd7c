/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The backslash commands of the console.  Most are commands of this program,
 * from the table of commands; a few exist only in the console.  A name may be
 * abbreviated if that is unambiguous.
 */

#ifndef CR_BACKSLASH_H
#define CR_BACKSLASH_H

#include <stdio.h>

#include "cli/options.h"
#include "output/output.h"
#include "util/error.h"
#include "util/strlist.h"

/*
 * A parsed line.  `options` contains the command.  For a command of this
 * program, it also contains the options to run it with.  \set sets the output
 * format to `output`, or shows the current format if `output` is NULL.  \help
 * prints the help of the command `help`, or a list of all commands if `help` is
 * NULL.
 */
struct backslash {
	struct strlist			 words;	/* strings of `options` */
	struct options			 options;
	const struct output		*output;
	const struct command_row	*help;
};

/* The candidates of a completion. */
struct backslash_names {
	struct strlist	 words;
	int		 files;		/* offer file names, too */
};

/*
 * Whether a line is a backslash command.  It may have blanks before the
 * backslash.
 */
int	backslash_begins(const char *line);

/*
 * Parses a line.  A command takes the same options as on the command line,
 * except for those that select targets.  `settings` contains the defaults of
 * the options.  Returns 0, or -1 with a usage error.
 */
int	backslash_parse(struct backslash *, const char *line,
	    const struct options *settings, struct error *);
void	backslash_finish(struct backslash *);

/*
 * Lists the candidates for the word from `start` to `end` of the line.  Returns
 * 0, or -1 if out of memory.  The caller must call backslash_names_finish.
 */
int	backslash_complete(struct backslash_names *, const char *line,
	    size_t start, size_t end);
void	backslash_names_finish(struct backslash_names *);

/* Prints all commands, one per line. */
void	backslash_help(FILE *);

#endif
