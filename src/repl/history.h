/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The history of the command `console`.  It is a file with one line per entry,
 * in which \n stands for a newline and \\ for a backslash.  Several processes
 * may append to it concurrently.
 */

#ifndef CR_HISTORY_H
#define CR_HISTORY_H

#include <stddef.h>

#include "util/error.h"

/*
 * The maximum size of the file, in bytes.  If the file grows larger, the older
 * half of the entries is dropped.
 */
#define HISTORY_SIZE_MAX	((size_t)256 * 1024)
/* The maximum length of an entry that is saved, in bytes. */
#define HISTORY_ENTRY_MAX	((size_t)16 * 1024)

struct history {
	char	*path;		/* NULL: history is disabled */
	/*
	 * The length of the part of the path that comes from $XDG_STATE_HOME or
	 * $HOME.
	 */
	size_t	 base_len;
	char	*last;		/* last entry of this process, or NULL */
};

/*
 * Opens the file and calls `each` with every entry, oldest first.  The file is
 * $XDG_STATE_HOME/cartridge-reload/history; $XDG_STATE_HOME defaults to
 * ~/.local/state.  Missing directories are created with mode 0700, and the file
 * with mode 0600.
 *
 * The file must not be a symbolic link.  The file, the base directory
 * ($XDG_STATE_HOME or the home directory) and all directories between them must
 * belong to the user.  Suppose that root runs the program with the HOME of
 * another user: without these checks, that user's symbolic links could make the
 * program write to any file.
 *
 * If there is no home directory, or if the file is not a regular one, such as
 * /dev/null, the history is disabled and no error is reported.  Returns 0, or
 * -1 with an error; an error disables the history, too.
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
 * Returns whether an entry equals that of the previous call.  If it does not,
 * remembers it for the next call.
 */
int	history_repeats(struct history *, const char *entry);

/*
 * Appends an entry to the file.  Blocks while another process has locked the
 * file.  Returns 0, or -1 with an error.
 */
int	history_add(struct history *, const char *entry, struct error *);

#endif
