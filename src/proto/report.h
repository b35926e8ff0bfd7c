/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The report on one instance: a JSON object that follows the schema of the
 * manual, built from the reply of the instance or from a local error.  Replies
 * are untrusted until they pass this file: unknown fields are dropped, and a
 * field of the wrong type is a protocol error.
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
 * Builds a report from a reply, which is expected to be `[{"cartridge_reload":
 * 1, "outcome": ..., ...}]`, or `[{"error": ...}]`, the console's reply to a
 * Lua error.  Never fails: an invalid reply, or one that exceeds
 * REPORT_TOTAL_MAX, becomes a report with the outcome `protocol`.  `relayed`:
 * the reply comes from a gateway, which may report the outcome `unreachable`.
 */
void	report_from_reply(struct report *, const char *target,
	    const json_t *reply, int relayed);

/* Builds a report from a local error. */
void	report_from_error(struct report *, const char *target,
	    const struct error *);

/*
 * Replaces the results of `eval`, a text, by their tree, for formats that need
 * it.  If they cannot be parsed, replaces the report by one with that error.
 */
void	report_parse_results(struct report *);

/*
 * Turns the report into a failure, keeping its other fields.  An earlier error
 * is replaced.
 */
void	report_fail(struct report *, const struct error *);

/*
 * Sets the instance name if it is missing and `alias` is not NULL.  If that
 * runs out of memory, the report is lost.
 */
void	report_name(struct report *, const char *alias);

/* Whether an object of the report ended with this outcome. */
int	 report_ended(const json_t *, enum outcome);

/* Whether the report of an instance has an error with this code. */
int	 report_has_error(const json_t *instance, enum error_code);

/*
 * Whether this program ran out of memory for the report, so that a retry is
 * useless.
 */
int	 report_is_short(const struct report *);

/*
 * Converts a string of this program to JSON.  Bytes that are not UTF-8 are
 * escaped.  Returns a new reference, or NULL if out of memory.
 */
json_t	*report_text(const char *);

/* Frees the contents of the report. */
void	report_finish(struct report *);

/*
 * Builds the document `{"ok", "exit", "command", "instances"}`.  If they are
 * not empty, adds "not_touched", the names of instances that were not
 * attempted, and "skipped", `[{"target", "reason"}]`.  Does not take ownership
 * of the arguments.  Returns a new reference, or NULL if out of memory.
 */
json_t	*report_document(const char *command, int exit_status,
	    const json_t *instances, const json_t *not_touched,
	    const json_t *skipped);

#endif
