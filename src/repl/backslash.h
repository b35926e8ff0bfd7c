/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The lines of the command `console` that begin with a backslash: commands of
 * this program, by the table of options, and a few of its own.  A name may be
 * cut short as long as no other begins so.
 */

#ifndef CR_BACKSLASH_H
#define CR_BACKSLASH_H

#include <stdio.h>

#include "util/error.h"
#include "cli/options.h"
#include "output/output.h"
#include "util/strlist.h"

/*
 * What a line asks for.  The command of the options is COMMAND_SET with an
 * output format, or NULL to show it; COMMAND_HELP with a command, or NULL for
 * all; COMMAND_QUIT; or one to be run with these options.
 */
struct slash {
	struct strlist			 words;	/* what the options refer to */
	struct options			 options;
	const struct output		*output;
	const struct command_row	*help;
};

/* What can stand at a place of such a line. */
struct slash_names {
	struct strlist	 words;
	int		 files;		/* names of files, too */
};

/* Whether a line is one of these: its first character is a backslash. */
int	slash_begins(const char *line);

/*
 * Reads a line.  A command has the options of the command line, except for
 * those that say where to connect to; its defaults are those of `settings`.
 * Returns 0, or -1 with a usage error.
 */
int	slash_parse(struct slash *, const char *line,
	    const struct options *settings, struct error *);
void	slash_finish(struct slash *);

/*
 * What can stand for the word from `start` to `end` of the line.  Returns 0, or
 * -1 if memory is out; slash_names_finish frees the names.
 */
int	slash_complete(struct slash_names *, const char *line, size_t start,
	    size_t end);
void	slash_names_finish(struct slash_names *);

/* Prints what there is, with a line on each. */
void	slash_help(FILE *);

#endif
