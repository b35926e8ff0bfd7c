/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Scans a command line: the first step of options_parse.  It recognises the
 * options and their values, but does not know which options a command takes.
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
	int		  given[OPTIONS_MAX];	/* per row of option_table */
	const char	**words;	/* arguments that are not options */
	size_t		  count;
	size_t		  separated;	/* those after "--" */
};

/*
 * Stores the values of the options, and collects all other words in an array
 * that the caller frees.  Stops after --help and --version, so that later
 * mistakes are not reported.  Sets *next to the index of the next word.
 * Returns 0, or -1 with an error.
 */
int	options_scan(struct parser *, int argc, char *argv[], int *next);

/* Adds a string of argv to a list.  Returns 0, or -1 if out of memory. */
int	options_add(struct parser *, struct arg_list *, const char *text);

/* Sets a usage error and returns -1. */
int	options_usage(struct parser *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * Sets the error that `what` is not available in the console, and returns -1.
 */
int	options_not_in_repl(struct parser *, const char *what);

#endif
