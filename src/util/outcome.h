/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The outcomes of a command, each with its name, exit code and severity.
 * Reports and the exit status use this table.
 */

#ifndef CR_OUTCOME_H
#define CR_OUTCOME_H

/* With --exit-code, the exit code if something would change. */
#define EXIT_WOULD_CHANGE	9

enum outcome {
	OUTCOME_RELOADED,	/* the new generation is serving */
	OUTCOME_UNCHANGED,	/* --if-changed found no change */
	OUTCOME_PLANNED,
	OUTCOME_OK,
	OUTCOME_USAGE,		/* bad command line, or a local error */
	OUTCOME_UNREACHABLE,
	OUTCOME_FAILED,		/* the old code is still serving */
	OUTCOME_TIMEOUT,	/* no final reply arrived in time */
	OUTCOME_REFUSED,
	OUTCOME_DEGRADED,	/* failed without a complete rollback */
	OUTCOME_STALE,
	OUTCOME_PROTOCOL	/* the reply could not be understood */
};

/* The bit of an outcome in a set of outcomes. */
#define OUTCOME_BIT(outcome)	(1U << (outcome))

/* Returns the name that reports use for an outcome.  The string is static. */
const char	*outcome_word(enum outcome);

/* Returns the exit code of an outcome. */
int		 outcome_exit(enum outcome);

/*
 * Returns the exit code of a command that ends with this outcome.  `exit_code`
 * says whether --exit-code was given.
 */
int		 outcome_exit_for(enum outcome, int exit_code);

/* Finds an outcome by its name.  Returns 0, or -1 if none has this name. */
int		 outcome_parse(const char *word, enum outcome *);

/*
 * Returns the worse of two outcomes.  From worst to best, the exit codes are 1,
 * 6, 4, 3, 8, 2, 5, 7, 9 and 0.  Code 1 is the worst, because for an instance
 * it can mean that this program had no memory for the report.  The manual lists
 * the same order, without code 1.
 */
enum outcome	 outcome_graver(enum outcome, enum outcome);

#endif
