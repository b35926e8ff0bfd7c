/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Finds the targets of a command: the sockets, applications and instances that
 * the user names, those in the environment, or those of the project in the
 * current directory.
 */

#ifndef CR_SELECTION_H
#define CR_SELECTION_H

#include "cli/options.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Adds the targets that the options name.  If the options name none, adds the
 * target in the environment or, for read-only commands, those of the project in
 * the current directory.  Returns 0, or -1 with an error: usage (no target, or
 * more targets than the command takes), or an error of targets_add or
 * discover_targets.
 */
int	selection_find(const struct options *, struct targets *,
	    struct error *);

/* Whether the options name an application, an instance or a run directory. */
int	selection_is_named(const struct options *);

/* Overwrites the passwords of targets in the environment. */
void	selection_hide_passwords(void);

#endif
