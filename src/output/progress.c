/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/progress.h"
#include "output/term.h"
#include "util/escape.h"
#include "util/utf8.h"

/*
 * The maximum length of a target on the progress line, in bytes.  The line must
 * fit into 80 columns, because a wrapped line cannot be erased.
 */
#define TARGET_MAX	40

void
progress_start(struct progress *progress, FILE *out, int on, size_t total,
    int64_t now)
{
	memset(progress, 0, sizeof(*progress));
	progress->out = out;
	progress->on = on;
	progress->total = total;
	progress->started = now;
	progress->due = now + PROGRESS_AFTER_MS;
}

/*
 * Schedules a redraw after a change, but keeps a minimum interval between
 * redraws to prevent flicker.
 */
static void
redraw_soon(struct progress *progress)
{
	if (progress->shown && progress->total > 1 &&
	    progress->due > progress->drawn + PROGRESS_CHANGE_MS)
		progress->due = progress->drawn + PROGRESS_CHANGE_MS;
}

void
progress_doing(struct progress *progress, const char *target,
    const char *doing)
{
	size_t len;
	char *escaped;

	progress->target = target;
	if ((escaped = escape_text(doing, strlen(doing), 0)) != NULL) {
		len = strlcpy(progress->doing, escaped,
		    sizeof(progress->doing));
		/* Do not cut a UTF-8 character in the middle. */
		if (len >= sizeof(progress->doing)) {
			len = sizeof(progress->doing) - 1;
			while (len > 0 && utf8_continues(escaped[len]))
				len--;
			progress->doing[len] = '\0';
		}
	}
	free(escaped);
	redraw_soon(progress);
}

void
progress_done(struct progress *progress, size_t done)
{
	progress->done = done;
	redraw_soon(progress);
}

void
progress_tick(struct progress *progress, int64_t now)
{
	size_t len, most = TARGET_MAX;
	char count[48] = "";

	if (!progress->on || now < progress->due || progress->target == NULL)
		return;
	if (progress->total > 1) {
		snprintf(count, sizeof(count), "%zu/%zu ", progress->done,
		    progress->total);
		most = strlen(count) < most / 2 ? most - strlen(count) :
		    most / 2;
	}
	len = strlen(progress->target);
	fprintf(progress->out, "\r%s", count);
	/* Shorten a path at its beginning, because its end is more specific. */
	if (len > most)
		fputs("...", progress->out);
	term_print(progress->out, progress->target +
	    (len > most ? len - most : 0));
	fprintf(progress->out, ": %s%s%lld s\033[K", progress->doing,
	    progress->doing[0] != '\0' ? ", " : "",
	    (long long)(now - progress->started) / 1000);
	fflush(progress->out);
	progress->shown = 1;
	progress->drawn = now;
	progress->due = now + PROGRESS_EVERY_MS;
}

void
progress_clear(struct progress *progress)
{
	if (!progress->shown)
		return;
	fputs("\r\033[K", progress->out);
	fflush(progress->out);
	progress->shown = 0;
	progress->due += PROGRESS_EVERY_MS;
}
