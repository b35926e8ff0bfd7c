/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * One line on a terminal that says what is going on, and goes away.
 */

#ifndef CR_PROGRESS_H
#define CR_PROGRESS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Shorter work than this is not worth a line, milliseconds. */
#define PROGRESS_AFTER_MS	500
/* How often the line is to be drawn again, milliseconds. */
#define PROGRESS_EVERY_MS	1000
/* How often it may be if something has changed, milliseconds. */
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

/* Work on so many targets begins; nothing is drawn yet. */
void	progress_start(struct progress *, FILE *, int on, size_t total,
	    int64_t now);

/* What is being worked on, and what is done to it; raw text, may be cut. */
void	progress_doing(struct progress *, const char *target,
	    const char *doing);

/* So many targets are done. */
void	progress_done(struct progress *, size_t done);

/* Draws the line if it is time to. */
void	progress_tick(struct progress *, int64_t now);

/* Takes the line away, before anything else is printed. */
void	progress_clear(struct progress *);

#endif
