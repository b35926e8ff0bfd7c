/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The report on one instance, as a JSON object that follows the schema in the
 * manual.  A report is built from the reply of the instance or from a local
 * error.  A reply that violates the schema is a protocol error.
 */

#ifndef CR_REPORT_H
#define CR_REPORT_H

#include <jansson.h>

#include "util/error.h"
#include "util/outcome.h"

/* The maximum estimated heap size of all reports together, in bytes. */
#define REPORT_TOTAL_MAX	((size_t)512 * 1024 * 1024)

struct report {
	json_t		*instance;	/* owned; NULL if out of memory */
	size_t		 size;		/* estimated heap size, in bytes */
	enum outcome	 outcome;
	/*
	 * The request had no effect and may succeed later, so --wait retries.
	 */
	int		 transient;
};

/*
 * Builds a report from a reply, which has one of these forms:
 *
 *	[{"cartridge_reload": 1, "outcome": ..., ...}]
 *	[{"error": ...}]		a Lua error that the console reports
 *
 * Never fails.  If the reply is invalid, or if all reports together would
 * exceed REPORT_TOTAL_MAX, the report has the outcome `protocol`.  `relayed` is
 * set if a gateway sent the reply.  Only then may the outcome be `unreachable`.
 */
void	report_from_reply(struct report *, const char *target,
	    const json_t *reply, int relayed);

/* Builds a report from a local error. */
void	report_from_error(struct report *, const char *target,
	    const struct error *);

/*
 * Parses the results of `eval`, which are text in the reply, for output formats
 * that need values.  If parsing fails, replaces the report with an error.
 */
void	report_parse_results(struct report *);

/*
 * Turns the report into a failure.  Replaces an earlier error, and keeps the
 * other fields.
 */
void	report_fail(struct report *, const struct error *);

/*
 * Sets the alias of the instance, unless the report already has one or `alias`
 * is NULL.  If out of memory, discards the report.
 */
void	report_name(struct report *, const char *alias);

/*
 * Whether a JSON object has the given outcome in its field "outcome".  The
 * object is a report or a part of one.
 */
int	 report_ended(const json_t *, enum outcome);

/* Whether the report of an instance has an error with the given code. */
int	 report_has_error(const json_t *instance, enum error_code);

/*
 * Whether the report is incomplete because this program ran out of memory.  A
 * retry is then useless.
 */
int	 report_is_short(const struct report *);

/*
 * Converts a string, such as a path or an error message, to JSON.  Bytes that
 * are not UTF-8 are escaped.  Returns a new reference, or NULL if out of
 * memory.
 */
json_t	*report_text(const char *);

/* Frees the contents of the report. */
void	report_finish(struct report *);

/*
 * Builds the JSON document of a command, `{"ok", "exit", "command",
 * "instances"}`.  Adds two more lists, each only if it is not empty:
 * "not_touched" contains the names of the instances on which the command was
 * not attempted, and "skipped" is `[{"target", "reason"}]`.  Does not take
 * ownership of the arguments.  Returns a new reference, or NULL if out of
 * memory.
 */
json_t	*report_document(const char *command, int exit_status,
	    const json_t *instances, const json_t *not_attempted,
	    const json_t *skipped);

#endif
