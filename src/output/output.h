/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A format of the report on standard output: one table of functions each,
 * every slot filled.  Backends know the schema of the report and nothing of
 * how it came about.
 */

#ifndef CR_OUTPUT_H
#define CR_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "util/error.h"
#include "util/outcome.h"

struct output_context {
	FILE		*out;		/* the report */
	FILE		*err;		/* diagnostics */
	const char	*command;	/* "reload", "plan", ... */
	int		 color;		/* on out */
	int		 quiet;
	int		 verbose;
	size_t		 targets;	/* how many there are in all */
	int		 exit_code;	/* --exit-code is given */
};

/* A command that is over. */
struct output_run {
	enum outcome	 outcome;	/* the gravest */
	const json_t	*instances;	/* an array of their reports, in order */
	const json_t	*not_touched;	/* an array of names, or NULL */
	const json_t	*skipped;	/* of {target, reason}, or NULL */
	const json_t	*surveys;	/* reports on their status, or NULL */
	const struct error *error;	/* of no instance, or NULL */
};

struct output {
	const char	*name;		/* as given to --output */
	int		 wants_tree;	/* `results` of eval parsed, not text */
	/* One instance is done.  The report is by the schema of the manual. */
	void		(*instance)(const struct output_context *,
			    const json_t *report);
	/* All are done.  Returns 0, or -1 if memory is out. */
	int		(*end)(const struct output_context *,
			    const struct output_run *);
};

extern const struct output	output_text;
extern const struct output	output_json;

/* The format of that name, or NULL. */
const struct output	*output_find(const char *name);

/*
 * Prints a value as JSON in ASCII, indented by so much or else on one line, and
 * a newline.  Returns 0, or -1 if memory is out.
 */
int	output_json_value(FILE *, const json_t *, size_t indent);

/*
 * Flushes standard output.  Returns 0, or -1 with errno if anything printed
 * so far could not be written.  There is one such stream in a process.
 */
int	output_flush(FILE *);

/*
 * Prints `cartridge-reload: TARGET: message` on a stream of diagnostics; a
 * NULL target is left out.  The message may be raw and have several lines.
 */
void	output_message(FILE *, const char *target, const char *message);

/* Prints the error of a report like that, with all that is known of it. */
void	output_error(const struct output_context *, const json_t *report);

#endif
