/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The report on one instance: a JSON object that follows the schema of the
 * manual, built from the reply of the instance or from a local error.  A reply
 * that violates the schema is a protocol error.
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
	size_t		 size;		/* estimated heap size */
	enum outcome	 outcome;
	/* The failure is temporary and had no effect: --wait retries. */
	int		 transient;
};

/*
 * Builds a report from a reply, which has one of these forms:
 *
 *	[{"cartridge_reload": 1, "outcome": ..., ...}]
 *	[{"error": ...}]		a Lua error that the console reports
 *
 * Never fails: an invalid reply, or one that exceeds REPORT_TOTAL_MAX, becomes
 * a report with the outcome `protocol`.  `relayed` is set if the reply comes
 * from a gateway: only then may the outcome be `unreachable`.
 */
void	report_from_reply(struct report *, const char *target,
	    const json_t *reply, int relayed);

/* Builds a report from a local error. */
void	report_from_error(struct report *, const char *target,
	    const struct error *);

/*
 * Parses the results of `eval`, which the reply contains as text, for output
 * formats that need their values.  If parsing fails, replaces the report by one
 * that contains only the error.
 */
void	report_parse_results(struct report *);

/*
 * Turns the report into a failure.  Replaces an earlier error, and keeps the
 * other fields.
 */
void	report_fail(struct report *, const struct error *);

/*
 * Sets the instance name if the report has none and `alias` is not NULL.
 * Discards the report if out of memory.
 */
void	report_name(struct report *, const char *alias);

/* Whether the "outcome" of a JSON object in a report equals `outcome`. */
int	 report_ended(const json_t *, enum outcome);

/* Whether the report of an instance has an error with this code. */
int	 report_has_error(const json_t *instance, enum error_code);

/*
 * Whether the report is incomplete because this program is out of memory, so
 * that a retry is useless.
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
 * Builds the document `{"ok", "exit", "command", "instances"}`.  Adds two lists
 * unless they are empty: "not_touched", the names of the instances that were
 * not attempted, and "skipped", `[{"target", "reason"}]`.  Does not take
 * ownership of the arguments.  Returns a new reference, or NULL if out of
 * memory.
 */
json_t	*report_document(const char *command, int exit_status,
	    const json_t *instances, const json_t *not_attempted,
	    const json_t *skipped);

#endif
