/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The progress line: one line on a terminal, which is erased when the work is
 * done.
 */

#ifndef CR_PROGRESS_H
#define CR_PROGRESS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The line appears only if the work takes longer than this, in milliseconds. */
#define PROGRESS_AFTER_MS	500
/* Interval between two redraws, in milliseconds. */
#define PROGRESS_EVERY_MS	1000
/* Minimum interval between redraws after a change, in milliseconds. */
#define PROGRESS_CHANGE_MS	100

struct progress {
	FILE		*out;
	int		 on;
	const char	*target;
	char		 doing[24];
	size_t		 done;
	size_t		 total;
	int64_t		 started;	/* clock_ms */
	int64_t		 drawn;
	int64_t		 due;		/* when to draw next */
	int		 shown;
};

/* Starts the progress of `total` targets.  Draws nothing yet. */
void	progress_start(struct progress *, FILE *, int on, size_t total,
	    int64_t now);

/*
 * Sets the current target and phase.  The phase may be unescaped and of any
 * length.
 */
void	progress_doing(struct progress *, const char *target,
	    const char *doing);

/* Sets the number of finished targets. */
void	progress_done(struct progress *, size_t done);

/* Draws the line if it is due. */
void	progress_tick(struct progress *, int64_t now);

/* Erases the line.  Call it before printing anything else. */
void	progress_clear(struct progress *);

#endif
