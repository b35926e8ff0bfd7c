/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The console's backslash commands: commands of this program, from the table of
 * options, and a few of its own.  A name may be abbreviated if that is
 * unambiguous.
 */

#ifndef CR_BACKSLASH_H
#define CR_BACKSLASH_H

#include <stdio.h>

#include "util/error.h"
#include "cli/options.h"
#include "output/output.h"
#include "util/strlist.h"

/*
 * A parsed line.  The command of the options is COMMAND_SET with an output
 * format, or NULL to show it; COMMAND_HELP with a command, or NULL for all;
 * COMMAND_QUIT; or one to run with these options.
 */
struct backslash {
	struct strlist			 words;	/* storage for the options */
	struct options			 options;
	const struct output		*output;
	const struct command_row	*help;
};

/* Candidates for completion. */
struct backslash_names {
	struct strlist	 words;
	int		 files;		/* offer file names, too */
};

/* Whether a line is a backslash command: it starts with a backslash. */
int	backslash_begins(const char *line);

/*
 * Parses a line.  A command takes its command line options, except for those
 * that select targets; its defaults are those of `settings`.  Returns 0, or -1
 * with a usage error.
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
