/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The progress line shows the current target and phase on a terminal.  It is
 * erased when the work is done.
 */

#ifndef CR_PROGRESS_H
#define CR_PROGRESS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The delay before the progress line first appears, in milliseconds. */
#define PROGRESS_AFTER_MS	500
/*
 * The interval between redraws, in milliseconds, while nothing changes or if
 * there is only one target.
 */
#define PROGRESS_EVERY_MS	1000
/*
 * The minimum interval between redraws when the current target, the phase or
 * the number of finished targets changes, in milliseconds.
 */
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
	int64_t		 due;		/* time of next redraw */
	int		 shown;
};

/* Starts the progress line for `total` targets.  Draws nothing yet. */
void	progress_start(struct progress *, FILE *, int on, size_t total,
	    int64_t now);

/*
 * Sets the current target and phase.  The target is not copied.  The phase is
 * copied; it may be unescaped and of any length.
 */
void	progress_doing(struct progress *, const char *target,
	    const char *doing);

/* Sets the number of finished targets. */
void	progress_done(struct progress *, size_t done);

/* Draws the progress line if a redraw is due. */
void	progress_tick(struct progress *, int64_t now);

/* Erases the progress line.  Call this before printing anything else. */
void	progress_clear(struct progress *);

#endif
