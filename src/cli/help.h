/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Prints the text of --help, from the tables of commands and options. */

#ifndef CR_HELP_H
#define CR_HELP_H

#include <stdio.h>

#include "cli/options.h"

/*
 * Prints usage, commands, options and exit statuses.  If `command` is not NULL,
 * prints only the usage and options of that command.
 */
void	help_print(FILE *, const struct command_row *);

#endif
