/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * From what the user typed to targets: sockets, applications, instances, the
 * environment, and the project in the current directory.
 */

#ifndef CR_SELECTION_H
#define CR_SELECTION_H

#include "util/error.h"
#include "cli/options.h"
#include "target/target.h"

/*
 * Adds the targets that the options name or, where they name none, that the
 * environment or, for a command that changes nothing, the project in the
 * current directory does.
 *
 * Returns 0, or -1 with an error: usage (no target, or more than the command
 * takes), or those of targets_add and discover_targets.
 */
int	selection_find(const struct options *, struct targets *,
	    struct error *);

/* Whether the options name targets other than by --socket. */
int	selection_is_named(const struct options *);

/* Overwrites passwords in the targets of the environment. */
void	selection_hide_passwords(void);

#endif
