/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The report on one instance: a JSON object by the schema of the manual, made
 * either from the reply of the instance or from an error on our side.  What
 * the instance says is hostile until it went through here: fields that are
 * not in the schema are dropped, fields of a wrong type make it a protocol
 * error.
 */

#ifndef CR_REPORT_H
#define CR_REPORT_H

#include <jansson.h>

#include "util/error.h"
#include "util/outcome.h"

/*
 * The most that all reports of this process may take of the heap together, by
 * an estimate: many instances can say much.
 */
#define REPORT_TOTAL_MAX	((size_t)512 * 1024 * 1024)

struct report {
	json_t		*instance;	/* owned; NULL if memory was out */
	size_t		 size;		/* counted for it */
	enum outcome	 outcome;
	/*
	 * May pass by itself, and nothing was done: --wait retries.
	 */
	int		 transient;
};

/*
 * Makes a report from a reply tree.  The reply is expected to be
 * `[{"cartridge_reload": 1, "outcome": ..., ...}]`; a lone `[{"error": ...}]`
 * is what the console itself says when Lua broke.  Never fails: a reply that
 * is not understood, or for which REPORT_TOTAL_MAX leaves no room, gives a
 * report whose outcome is protocol.  Only a relayed one may be of an instance
 * that could not be reached.
 */
void	report_from_reply(struct report *, const char *target,
	    const json_t *reply, int relayed);

/* Makes a report from an error of ours. */
void	report_from_error(struct report *, const char *target,
	    const struct error *);

/*
 * Makes the tree of what `eval` returned from its text, for formats that want
 * it.  If it is not to be understood, the report becomes one of that error.
 */
void	report_parse_results(struct report *);

/*
 * Makes it one of a failure, with all else that the instance has said.  What
 * the instance has said of a failure of its own is lost.
 */
void	report_fail(struct report *, const struct error *);

/*
 * Gives the instance a name, if it has none and this is not NULL.  Without
 * memory for it, nothing is left of the report.
 */
void	report_name(struct report *, const char *alias);

/* Whether this is how an object of the report says that it ended. */
int	 report_ended(const json_t *, enum outcome);

/* Whether the report on an instance has an error with the word of this code. */
int	 report_has_error(const json_t *instance, enum error_code);

/*
 * Whether it is for lack of memory here that the report tells nothing of the
 * instance, so that to ask again is of no use.
 */
int	 report_is_short(const struct report *);

/* Text of ours as JSON; bytes that are not UTF-8 become escapes. */
json_t	*report_text(const char *);

/* Frees what the report holds. */
void	report_finish(struct report *);

/*
 * Makes the whole document `{"ok", "exit", "command", "instances"}`, with
 * "not_touched", the names of those that nothing was done to, and "skipped",
 * `[{"target", "reason"}]`, if there are such; takes new references.  Returns
 * a new reference, or NULL if memory is out.
 */
json_t	*report_document(const char *command, int exit_status,
	    const json_t *instances, const json_t *not_touched,
	    const json_t *skipped);

#endif
