/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What was typed at the command `console` before: a file with a line for each
 * entry, in which a newline is \n and a backslash \\.  Several processes may
 * add to it at once.
 */

#ifndef CR_HISTORY_H
#define CR_HISTORY_H

#include <stddef.h>

#include "util/error.h"

/* The most bytes that the file may have; then the older half is dropped. */
#define HISTORY_SIZE_MAX	((size_t)256 * 1024)
/* Longer entries are not kept. */
#define HISTORY_ENTRY_MAX	((size_t)16 * 1024)

struct history {
	char	*path;		/* NULL: nothing is kept */
	size_t	 base_len;	/* of the directory in $HOME or the like */
	char	*last;		/* what was added last, or NULL */
};

/*
 * Finds the file, $XDG_STATE_HOME/cartridge-reload/history or else that below
 * ~/.local/state, makes the directories that are missing, with mode 0700, and
 * the file, with 0600, and calls `each` with all entries, the oldest first.
 * The home, what is below it on the way, and the file must belong to the user,
 * and the file must not be a symbolic link: root at the console with the HOME
 * of somebody else must not write where that user's links lead.
 * Without a home, or if the file is no regular one such as /dev/null, nothing
 * is kept.  Returns 0, or -1 with an error; then nothing is kept, either.
 */
int	history_open(struct history *, void (*each)(const char *entry,
	    void *arg), void *arg, struct error *);
void	history_close(struct history *);

/*
 * Whether an entry is one to keep out: it begins with a blank, it is too long,
 * or it seems to have a password in it.
 */
int	history_is_private(const char *entry);

/*
 * Whether the entry is the same as the one added before by this process; if it
 * is not, remembers it as that one.
 */
int	history_repeats(struct history *, const char *entry);

/*
 * Adds an entry to the file.  Locks it, so it may block for the time that
 * others take for the same.  Returns 0, or -1 with an error.
 */
int	history_add(struct history *, const char *entry, struct error *);

#endif
