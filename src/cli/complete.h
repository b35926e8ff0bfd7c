/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The names of applications and instances on this machine, for the shell
 * completion of --app and --instance.
 */

#ifndef CR_COMPLETE_H
#define CR_COMPLETE_H

#include <stdio.h>

#include "cli/options.h"

/*
 * Prints the possible values of --app (if `kind` is "app") or of --instance
 * ("instance"), one per line, without duplicates, in byte order.  Respects
 * --run-dir and, for instances, --app.  Any user who can create a socket
 * chooses its name: names that a shell would have to quote are therefore
 * omitted.  Does not connect.  Returns 0, or -1 if nothing was found or `kind`
 * is unknown.
 */
int	complete_print(FILE *, const char *kind, const struct options *);

#endif
