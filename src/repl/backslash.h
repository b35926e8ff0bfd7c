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

enum slash_kind {
	SLASH_COMMAND,		/* run it with these options */
	SLASH_SET,		/* output is what was set, or NULL: show all */
	SLASH_HELP,		/* on that command, or NULL: on all of them */
	SLASH_QUIT
};

struct slash {
	enum slash_kind			 kind;
	struct words			 words;	/* what the options refer to */
	struct options			 options;
	const struct output		*output;
	const struct command_row	*help;
};

/* What can stand at a place of such a line. */
struct slash_names {
	struct words	 words;
	int		 files;		/* names of files, too */
};

/* Whether a line is one of these: its first character is a backslash. */
int	slash_begins(const char *line);

/*
 * Reads a line.  Options of a command are read as on a command line on which
 * those of `defaults` stand before them; what says where to connect to is not
 * taken.  Returns 0, or -1 with a usage error.
 */
int	slash_parse(struct slash *, const char *line,
	    const struct options *defaults, struct error *);
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
