/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The outcomes of a command, each with its name, exit code and severity.
 * Reports, the JSON document and the exit status all use this table.
 */

#ifndef CR_OUTCOME_H
#define CR_OUTCOME_H

/* With --exit-code, the exit code of a command that would change something. */
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

/*
 * Returns the name of an outcome, as it appears in reports.  The name is a
 * static string.
 */
const char	*outcome_word(enum outcome);

/* Returns the exit code of an outcome. */
int		 outcome_exit(enum outcome);

/*
 * Returns the exit code of a command that ends with this outcome.  `exit_code`
 * is set if --exit-code was given.
 */
int		 outcome_exit_for(enum outcome, int exit_code);

/* Finds the outcome with this name.  Returns 0, or -1 if there is none. */
int		 outcome_parse(const char *word, enum outcome *);

/*
 * Returns the worse of two outcomes.  From worst to best, the exit codes are 6,
 * 4, 3, 8, 2, 5, 7, 9 and 0, as the manual says.  A usage error is worse than
 * all of these, because the command did nothing.
 */
enum outcome	 outcome_graver(enum outcome, enum outcome);

#endif
