/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The outcomes of a command: one table of words, exit codes and severity,
 * shared by the report, the JSON document and the exit status.
 */

#ifndef CR_OUTCOME_H
#define CR_OUTCOME_H

/* With --exit-code: nothing failed, and something would change. */
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

/* The word of an outcome in the report; a static string. */
const char	*outcome_word(enum outcome);

/* The exit code of an outcome. */
int		 outcome_exit(enum outcome);

/* The exit code of a whole command, which --exit-code may change. */
int		 outcome_exit_for(enum outcome, int exit_code);

/* Looks up an outcome by its word.  Returns 0, or -1 if it is unknown. */
int		 outcome_parse(const char *word, enum outcome *);

/*
 * Returns the worse of two outcomes, in the order of the manual (6, 4, 3, 8, 2,
 * 5, 7, 9, 0).  A usage error is the worst: nothing was done then.
 */
enum outcome	 outcome_graver(enum outcome, enum outcome);

#endif
