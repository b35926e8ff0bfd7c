/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The formats of the report on standard output.  Each is a table of functions,
 * with no slot empty.  A backend depends only on the schema of the report.
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
	int		 color;		/* for `out` */
	int		 quiet;
	int		 verbose;
	size_t		 targets;	/* the number of all targets */
	int		 exit_code;	/* --exit-code is given */
};

/* A finished command. */
struct output_run {
	enum outcome	 outcome;	/* the gravest */
	const json_t	*instances;	/* array of their reports, in order */
	const json_t	*not_touched;	/* array of names, or NULL */
	const json_t	*skipped;	/* array of {target, reason}, or NULL */
	const json_t	*surveys;	/* array of status reports, or NULL */
	const struct error *error;	/* of no instance, or NULL */
};

struct output {
	const char	*name;		/* as given to --output */
	int		 wants_tree;	/* parse `results` of eval */
	/*
	 * Called for each finished instance, with a report that follows the
	 * schema.
	 */
	void		(*instance)(const struct output_context *,
			    const json_t *report);
	/* Called once at the end.  Returns 0, or -1 if out of memory. */
	int		(*end)(const struct output_context *,
			    const struct output_run *);
};

extern const struct output	output_text;
extern const struct output	output_json;

/* Returns the format with that name, or NULL. */
const struct output	*output_find(const char *name);

/*
 * Prints a value as ASCII JSON, followed by a newline.  With `indent` 0 it is
 * on one line.  Returns 0, or -1 if out of memory.
 */
int	output_json_value(FILE *, const json_t *, size_t indent);

/*
 * Flushes standard output.  Returns 0, or -1 with errno if any write since the
 * start of the process failed.  Only one stream may be used.
 */
int	output_flush(FILE *);

/*
 * Prints `cartridge-reload: TARGET: message` to a diagnostics stream; without a
 * target if it is NULL.  The message may be unescaped and have several lines.
 */
void	output_message(FILE *, const char *target, const char *message);

/*
 * Prints the error of a report in that form, with its consequence and
 * traceback.
 */
void	output_error(const struct output_context *, const json_t *report);

#endif
