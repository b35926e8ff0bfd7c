/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "term.h"

/* With what is being done, it must fit 80 columns: a line that wraps stays. */
#define TARGET_MAX	40

void
progress_start(struct progress *progress, FILE *out, int on,
    const char *target, int64_t now)
{
	progress->out = out;
	progress->on = on;
	progress->target = target;
	progress->doing[0] = '\0';
	progress->started = now;
	progress->due = now + PROGRESS_AFTER_MS;
	progress->shown = 0;
}

void
progress_doing(struct progress *progress, const char *doing)
{
	char *escaped;

	escaped = term_escape(doing, strlen(doing), 0);
	if (escaped != NULL)
		strlcpy(progress->doing, escaped, sizeof(progress->doing));
	free(escaped);
}

void
progress_tick(struct progress *progress, int64_t now)
{
	size_t len = strlen(progress->target);

	if (!progress->on || now < progress->due)
		return;
	fputs("\r", progress->out);
	/* The end of a path tells more than its beginning. */
	if (len > TARGET_MAX)
		fputs("...", progress->out);
	term_print(progress->out, progress->target +
	    (len > TARGET_MAX ? len - TARGET_MAX : 0));
	fprintf(progress->out, ": %s%s%lld s\033[K", progress->doing,
	    progress->doing[0] != '\0' ? ", " : "",
	    (long long)(now - progress->started) / 1000);
	fflush(progress->out);
	progress->shown = 1;
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
