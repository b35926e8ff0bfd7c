/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Finds the targets of a command. */

#ifndef CR_SELECTION_H
#define CR_SELECTION_H

#include "cli/options.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Adds the targets that the options name.  If the options name none, adds the
 * target that an environment variable names.  For read-only commands, the last
 * resort is the project in the current directory.  Returns 0, or -1 with an
 * error: a usage error if the number of targets does not suit the command, or
 * an error of targets_add or discover_targets.
 */
int	selection_find(const struct options *, struct targets *,
	    struct error *);

/* Whether the options name an application, an instance or a run directory. */
int	selection_is_named(const struct options *);

/* Overwrites the passwords in environment variables that name a target. */
void	selection_hide_passwords(void);

#endif
