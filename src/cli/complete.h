/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Shell completion of the values of the --app and --instance options. */

#ifndef CR_COMPLETE_H
#define CR_COMPLETE_H

#include <stdio.h>

#include "cli/options.h"

/*
 * Prints the possible values of --app or --instance (`kind` is "app" or
 * "instance"): one per line, in byte order, without duplicates.  Obeys
 * --run-dir and, for instances, --app.  Omits names that need quotes in a
 * shell, because they may be malicious: any user who can create a socket can
 * choose its name.  Does not connect.  Returns 0, or -1 if no name was found or
 * `kind` is unknown.
 */
int	complete_print(FILE *, const char *kind, const struct options *);

#endif
