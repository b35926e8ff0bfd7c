/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <string.h>

#include "util/outcome.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

struct outcome_row {
	const char	*word;
	int		 exit;
	int		 gravity;	/* a greater value is worse */
};

static const struct outcome_row outcome_table[] = {
	[OUTCOME_RELOADED] =	{ "reloaded",		0, 0 },
	[OUTCOME_UNCHANGED] =	{ "unchanged",		0, 0 },
	[OUTCOME_PLANNED] =	{ "planned",		0, 1 },
	[OUTCOME_OK] =		{ "ok",			0, 0 },
	[OUTCOME_USAGE] =	{ "usage",		1, 9 },
	[OUTCOME_UNREACHABLE] =	{ "unreachable",	2, 4 },
	[OUTCOME_FAILED] =	{ "failed",		3, 6 },
	[OUTCOME_TIMEOUT] =	{ "timeout",		4, 7 },
	[OUTCOME_REFUSED] =	{ "refused",		5, 3 },
	[OUTCOME_DEGRADED] =	{ "degraded",		6, 8 },
	[OUTCOME_STALE] =	{ "stale",		7, 2 },
	[OUTCOME_PROTOCOL] =	{ "protocol",		8, 5 },
};

const char *
outcome_word(enum outcome outcome)
{
	return outcome_table[outcome].word;
}

int
outcome_exit(enum outcome outcome)
{
	return outcome_table[outcome].exit;
}

int
outcome_exit_for(enum outcome outcome, int exit_code)
{
	return exit_code && outcome == OUTCOME_PLANNED ?
	    EXIT_WOULD_CHANGE : outcome_exit(outcome);
}

int
outcome_parse(const char *word, enum outcome *outcome)
{
	size_t i;

	for (i = 0; i < nitems(outcome_table); i++) {
		if (strcmp(outcome_table[i].word, word) == 0) {
			*outcome = (enum outcome)i;
			return 0;
		}
	}
	return -1;
}

enum outcome
outcome_graver(enum outcome a, enum outcome b)
{
	return outcome_table[b].gravity > outcome_table[a].gravity ? b : a;
}
