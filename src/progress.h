/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * One line on a terminal that says what is going on, and goes away.
 */

#ifndef CR_PROGRESS_H
#define CR_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

/* Shorter work than this is not worth a line, milliseconds. */
#define PROGRESS_AFTER_MS	500
/* How often the line is to be drawn again, milliseconds. */
#define PROGRESS_EVERY_MS	1000

struct progress {
	FILE		*out;
	int		 on;
	const char	*target;
	char		 doing[24];
	int64_t		 started;	/* clock_ms */
	int64_t		 due;		/* when to draw next */
	int		 shown;
};

/* Work on a target begins; nothing is drawn yet. */
void	progress_start(struct progress *, FILE *, int on, const char *target,
	    int64_t now);

/* What is being done; raw text, cut if it is long. */
void	progress_doing(struct progress *, const char *);

/* Draws the line if it is time to. */
void	progress_tick(struct progress *, int64_t now);

/* Takes the line away, before anything else is printed. */
void	progress_clear(struct progress *);

#endif
