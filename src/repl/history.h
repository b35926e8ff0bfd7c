/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The history of the `console` command, stored in a file with one entry per
 * line.  The file contains \n for a newline in an entry, and \\ for a
 * backslash.  Several processes may append to the file concurrently.
 */

#ifndef CR_HISTORY_H
#define CR_HISTORY_H

#include <stddef.h>

#include "util/error.h"

/*
 * The maximum size of the history file, in bytes.  If the file grows larger,
 * the older half of it is dropped.
 */
#define HISTORY_SIZE_MAX	((size_t)256 * 1024)
/* The maximum length of an entry in the history file, in bytes. */
#define HISTORY_ENTRY_MAX	((size_t)16 * 1024)

struct history {
	char	*path;		/* NULL if history is disabled */
	/*
	 * The length of the base directory ($XDG_STATE_HOME or $HOME), with
	 * which `path` begins.
	 */
	size_t	 base_len;
	char	*last;		/* latest entry, or NULL */
};

/*
 * Opens the history file and calls `each` with every entry, oldest first.  The
 * file is $XDG_STATE_HOME/cartridge-reload/history; $XDG_STATE_HOME defaults to
 * ~/.local/state.  A missing directory is created with mode 0700, a missing
 * file with mode 0600.
 *
 * The file must not be a symbolic link.  The file, the base directory
 * ($XDG_STATE_HOME or the home directory) and all directories between them must
 * belong to the user.  Without these checks, if root ran the program with the
 * HOME of another user, that user could use symbolic links to make it write to
 * any file.
 *
 * The history is disabled without an error if there is no home directory, or if
 * the file is not a regular one (such as /dev/null).  Returns 0, or -1 with an
 * error.  An error also disables the history.
 */
int	history_open(struct history *, void (*each)(const char *entry,
	    void *arg), void *arg, struct error *);
void	history_close(struct history *);

/*
 * Whether an entry must not be saved: it starts with a blank, is too long, or
 * may contain a password.
 */
int	history_is_private(const char *entry);

/*
 * Returns 1 if an entry equals the latest entry.  Otherwise remembers it as the
 * latest entry and returns 0.
 */
int	history_repeats(struct history *, const char *entry);

/*
 * Appends an entry to the history file.  Does nothing if the history is
 * disabled.  Blocks while another process holds a lock on the file.  Returns 0,
 * or -1 with an error.
 */
int	history_add(struct history *, const char *entry, struct error *);

#endif
