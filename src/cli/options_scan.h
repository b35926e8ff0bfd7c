/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Scans a command line, as the first step of options_parse.  Recognises options
 * and their values, but does not know which options a command takes.
 */

#ifndef CR_OPTIONS_SCAN_H
#define CR_OPTIONS_SCAN_H

#include <stddef.h>

#include "cli/options.h"
#include "util/error.h"

struct parser {
	struct options	 *options;
	struct error	 *error;
	int		  in_repl;
	/* given[i] is set if option_table[i] is on the command line. */
	int		  given[OPTIONS_MAX];
	const char	**words;	/* the arguments that are not options */
	size_t		  count;
	size_t		  separated;	/* number of words after "--" */
};

/*
 * Stores the values of the options.  Collects all other words in parser->words,
 * which the caller frees.  Stops after --help or --version, so that later
 * mistakes are not reported.  Sets *next to the index of the first unread
 * argument.  Returns 0, or -1 with an error.
 */
int	options_scan(struct parser *, int argc, char *argv[], int *next);

/* Adds a string of argv to a list.  Returns 0, or -1 if out of memory. */
int	options_add(struct parser *, struct arg_list *, const char *text);

/* Sets a usage error and returns -1. */
int	options_usage(struct parser *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Sets the usage error "WHAT is not available in the console".  Returns -1. */
int	options_not_in_repl(struct parser *, const char *what);

#endif
