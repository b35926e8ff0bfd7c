/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The output formats for reports.  Each format is a table of functions, none of
 * which is NULL.  The code of a format knows the schema of the reports, but not
 * how commands produce them.
 */

#ifndef CR_OUTPUT_H
#define CR_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "util/error.h"
#include "util/outcome.h"

/* The layouts of a report in the text format. */
enum output_view {
	VIEW_RESULTS,
	VIEW_RELOAD,
	VIEW_PLAN,
	VIEW_STATUS,
	VIEW_STALE,
	VIEW_PUSH
};

struct output_context {
	FILE		*out;		/* the report */
	FILE		*err;		/* diagnostics */
	const char	*command;	/* "reload", "plan", ... */
	enum output_view	 view;
	int		 color;		/* for `out` */
	int		 quiet;
	int		 verbose;
	size_t		 targets;	/* how many targets the command has */
	int		 exit_code;	/* --exit-code was given */
};

/* The results of a finished command. */
struct output_run {
	enum outcome	 outcome;	/* the worst outcome */
	/*
	 * The reports of the instances that finished, in the order of the
	 * targets or, with --cluster, sorted by name.
	 */
	const json_t	*instances;
	const json_t	*not_attempted;	/* array of instance names, or NULL */
	const json_t	*skipped;	/* array of {target, reason}, or NULL */
	const json_t	*preflights;	/* preflight reports, or NULL */
	const struct error *error;	/* error of the whole run, or NULL */
};

struct output {
	const char	*name;		/* as given to --output */
	int		 wants_tree;	/* parse the results of `eval` */
	/* Called with the report of each instance that has finished. */
	void		(*instance)(const struct output_context *,
			    const json_t *report);
	/* Called once at the end.  Returns 0, or -1 if out of memory. */
	int		(*end)(const struct output_context *,
			    const struct output_run *);
};

extern const struct output	output_text;
extern const struct output	output_json;

/* Returns the format with the given name, or NULL. */
const struct output	*output_find(const char *name);

/*
 * Prints a value as JSON in ASCII, followed by a newline.  If `indent` is 0,
 * the JSON is on one line.  Returns 0, or -1 if out of memory.
 */
int	output_json_value(FILE *, const json_t *, size_t indent);

/*
 * Flushes a stream, usually standard output.  Returns 0, or -1 with errno set
 * if this flush or an earlier write to the stream has failed.  All streams
 * share one stored errno, so use this function for a single stream only.
 */
int	output_flush(FILE *);

/*
 * Prints `cartridge-reload: TARGET: message` to a diagnostics stream.  Omits
 * `TARGET: ` if `target` is NULL.  Escapes the message, which may have several
 * lines.
 */
void	output_message(FILE *, const char *target, const char *message);

/*
 * Prints a report's error in the same format as output_message.  Adds the
 * effect of the error on the application, and the traceback.
 */
void	output_error(const struct output_context *, const json_t *report);

#endif
