/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Scans a command line: the part of options_parse that knows letters and
 * values, but not what a command does with them.
 */

#ifndef CR_OPTIONS_SCAN_H
#define CR_OPTIONS_SCAN_H

#include <stddef.h>

#include "cli/options.h"
#include "util/error.h"

/* The state of parsing one command line. */
struct parser {
	struct options	 *options;
	struct error	 *error;
	int		  in_repl;
	int		  given[OPTIONS_MAX];	/* by row of option_table */
	const char	**words;	/* in argv; those that are no options */
	size_t		  count;
	size_t		  separated;	/* how many came after "--" */
};

/*
 * Stores the values of options and collects words in an array, which the caller
 * frees.  Stops at --help and --version, so that later mistakes are not
 * reported; sets *next to the index of the next word.  Returns 0, or -1 with an
 * error.
 */
int	options_scan(struct parser *, int argc, char *argv[], int *next);

/* Adds a string of argv.  Returns 0, or -1 if out of memory. */
int	options_add(struct parser *, struct arg_list *, const char *text);

/* Sets a usage error and returns -1. */
int	options_usage(struct parser *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Sets the error that the console lacks something, and returns -1. */
int	options_not_in_repl(struct parser *, const char *what);

#endif
