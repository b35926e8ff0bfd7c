/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The outcomes of a command: one table of words, exit codes and severities,
 * shared by the report, the JSON document and the exit status.
 */

#ifndef CR_OUTCOME_H
#define CR_OUTCOME_H

/* Exit code with --exit-code if nothing failed and something would change. */
#define EXIT_WOULD_CHANGE	9

enum outcome {
	OUTCOME_RELOADED,	/* the new generation is serving */
	OUTCOME_UNCHANGED,	/* --if-changed found no change */
	OUTCOME_PLANNED,
	OUTCOME_OK,
	OUTCOME_USAGE,		/* bad command line, or a local error */
	OUTCOME_UNREACHABLE,
	OUTCOME_FAILED,		/* the old code is still serving */
	OUTCOME_TIMEOUT,	/* no final reply in time */
	OUTCOME_REFUSED,
	OUTCOME_DEGRADED,	/* failed, and not fully rolled back */
	OUTCOME_STALE,
	OUTCOME_PROTOCOL	/* the reply could not be understood */
};

/* Returns the word of an outcome in the report; a static string. */
const char	*outcome_word(enum outcome);

/* Returns the exit code of an outcome. */
int		 outcome_exit(enum outcome);

/* Returns the exit code of a command; `exit_code`: --exit-code was given. */
int		 outcome_exit_for(enum outcome, int exit_code);

/* Looks up an outcome by its word.  Returns 0, or -1 if it is unknown. */
int		 outcome_parse(const char *word, enum outcome *);

/*
 * Returns the worse of two outcomes, in the manual's order of exit codes (6, 4,
 * 3, 8, 2, 5, 7, 9, 0).  A usage error counts as the worst, because the command
 * did nothing.
 */
enum outcome	 outcome_graver(enum outcome, enum outcome);

#endif
