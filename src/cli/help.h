/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* The text of --help, generated from the tables of commands and options. */

#ifndef CR_HELP_H
#define CR_HELP_H

#include <stdio.h>

#include "cli/options.h"

/*
 * Prints the usage and options of one command.  If `command` is NULL, prints
 * the usage, commands, options and exit statuses of the program.
 */
void	help_print(FILE *, const struct command_row *);

#endif
