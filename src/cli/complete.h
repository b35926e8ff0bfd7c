/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Names of applications and instances on this machine, for the completion of
 * --app and --instance in a shell.
 */

#ifndef CR_COMPLETE_H
#define CR_COMPLETE_H

#include <stdio.h>

#include "cli/options.h"

/*
 * Prints the names that --app ("app") or --instance ("instance") could be
 * given, one on each line, each once, in the order of their bytes.  Of the
 * options, --run-dir and, for instances, --app are respected.  A name that
 * would need quotes in a shell is left out: it may be anybody's who can make
 * a socket.  Connects to nothing.
 *
 * Returns 0, or -1 if nothing was found or kind is something else.
 */
int	names_print(FILE *, const char *kind, const struct options *);

#endif
