/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The history of the command `console`: a file with one line per entry, in
 * which a newline is written as \n and a backslash as \\.  Several processes
 * may append to it concurrently.
 */

#ifndef CR_HISTORY_H
#define CR_HISTORY_H

#include <stddef.h>

#include "util/error.h"

/*
 * The maximum size of the file, in bytes.  If it grows larger, the older half
 * is dropped.
 */
#define HISTORY_SIZE_MAX	((size_t)256 * 1024)
/* Longer entries are not saved. */
#define HISTORY_ENTRY_MAX	((size_t)16 * 1024)

struct history {
	char	*path;		/* NULL: history is disabled */
	/* Length of the part of the path that comes from the environment. */
	size_t	 base_len;
	char	*last;		/* entry added last, or NULL */
};

/*
 * Opens the file, $XDG_STATE_HOME/cartridge-reload/history or that below
 * ~/.local/state, and calls `each` with every entry, oldest first.  Creates
 * missing directories with mode 0700 and the file with mode 0600.
 *
 * The home directory, everything below it on the way, and the file must belong
 * to the user, and the file must not be a symbolic link: root, with the HOME of
 * another user, must not write where that user's links lead.  If there is no
 * home directory, or if the file is not a regular one, such as /dev/null,
 * history is disabled.
 *
 * Returns 0, or -1 with an error, in which case history is disabled, too.
 */
int	history_open(struct history *, void (*each)(const char *entry,
	    void *arg), void *arg, struct error *);
void	history_close(struct history *);

/*
 * Whether an entry must not be saved: it starts with a blank, is too long, or
 * appears to contain a password.
 */
int	history_is_private(const char *entry);

/*
 * Whether the entry equals the last one of this process.  If not, it is
 * remembered as the last one.
 */
int	history_repeats(struct history *, const char *entry);

/*
 * Appends an entry to the file.  Blocks while another process has the lock on
 * the file.  Returns 0, or -1 with an error.
 */
int	history_add(struct history *, const char *entry, struct error *);

#endif
