/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The ways a command can end: one table of words, exit codes and gravity,
 * the same for the report, the JSON document and the exit status.
 */

#ifndef CR_OUTCOME_H
#define CR_OUTCOME_H

/* With --exit-code: nothing failed, and something would change. */
#define EXIT_WOULD_CHANGE	9

enum outcome {
	OUTCOME_RELOADED,	/* the new generation serves */
	OUTCOME_UNCHANGED,	/* --if-changed, and nothing had changed */
	OUTCOME_PLANNED,
	OUTCOME_OK,
	OUTCOME_USAGE,		/* bad command line, or a local error */
	OUTCOME_UNREACHABLE,
	OUTCOME_FAILED,		/* the old code serves on */
	OUTCOME_TIMEOUT,	/* no final reply in time */
	OUTCOME_REFUSED,
	OUTCOME_DEGRADED,	/* failed, and not fully rolled back */
	OUTCOME_STALE,
	OUTCOME_PROTOCOL	/* the reply could not be understood */
};

/* The word of an outcome as it stands in the report; a static string. */
const char	*outcome_word(enum outcome);

/* The exit code of an outcome. */
int		 outcome_exit(enum outcome);

/* The same for a whole command, as --exit-code, if it is given, wants it. */
int		 outcome_exit_for(enum outcome, int exit_code);

/* Finds the outcome with that word.  Returns 0, or -1 if there is none. */
int		 outcome_parse(const char *word, enum outcome *);

/*
 * The graver of two outcomes in the order of the manual (6, 4, 3, 8, 2, 5, 7,
 * 9, 0); a usage error is the gravest of all, as nothing was done then.
 */
enum outcome	 outcome_graver(enum outcome, enum outcome);

#endif
