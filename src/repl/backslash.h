/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Parses and completes the backslash commands of the console.  Most of them
 * exist on the command line, too; a few, such as \set, exist only in the
 * console.  A name may be abbreviated if the abbreviation is unambiguous.
 */

#ifndef CR_BACKSLASH_H
#define CR_BACKSLASH_H

#include <stdio.h>

#include "cli/options.h"
#include "output/output.h"
#include "util/error.h"
#include "util/strlist.h"

/*
 * A parsed backslash command.  `options.command` is the command.  The rest of
 * `options` holds its options; it is unused for \set, \help and \quit.
 * `output` is the new format for \set, or NULL to show the current format.
 * `help` is the command that \help explains, or NULL to list all commands.
 */
struct backslash {
	struct strlist			 words;	/* storage for `options` */
	struct options			 options;
	const struct output		*output;
	const struct command_row	*help;
};

/* The candidates for completing a word. */
struct backslash_names {
	struct strlist	 words;
	int		 files;		/* also offer file names */
};

/* Whether a line is a backslash command.  Blanks may precede the backslash. */
int	backslash_begins(const char *line);

/*
 * Parses a backslash command.  A command takes the same options as on the
 * command line, except for those with the flag OPT_CLI_ONLY.  `settings`
 * provides the defaults.  Returns 0, or -1 with a usage error.  After success,
 * the caller must call backslash_finish.
 */
int	backslash_parse(struct backslash *, const char *line,
	    const struct options *settings, struct error *);
void	backslash_finish(struct backslash *);

/*
 * Lists the candidates for the word from offset `start` to offset `end` of a
 * line.  Returns 0, or -1 if out of memory.  The caller must call
 * backslash_names_finish in either case.
 */
int	backslash_complete(struct backslash_names *, const char *line,
	    size_t start, size_t end);
void	backslash_names_finish(struct backslash_names *);

/* Prints a list of all backslash commands. */
void	backslash_help(FILE *);

#endif
