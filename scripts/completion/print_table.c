/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Prints the tables of commands and options for scripts, separated by tabs:
 *
 *	command NAME ARGUMENTS HELP
 *	option LETTER NAME ARGUMENT VALUES COMMAND,COMMAND... HELP
 *
 * with "-" for what a row does not have.
 */

#include <stdio.h>

#include "cli/options.h"

static const char *
or_dash(const char *text)
{
	return text == NULL || text[0] == '\0' ? "-" : text;
}

int
main(void)
{
	const struct command_row *command;
	const struct option_row *option;
	const char *separator;

	for (command = command_table; command->name != NULL; command++)
		if (options_in_cli(command))
			printf("command\t%s\t%s\t%s\n", command->name,
			    or_dash(command->args), command->help);
	for (option = option_table; option->name != NULL; option++) {
		printf("option\t%c\t%s\t%s\t%s",
		    option->key < 256 ? option->key : '-', option->name,
		    or_dash(option->arg), or_dash(option->values));
		separator = "\t";
		for (command = command_table; command->name != NULL;
		    command++) {
			if ((option->commands & command->bit) == 0)
				continue;
			printf("%s%s", separator, command->name);
			separator = ",";
		}
		printf("\t%s\n", option->help);
	}
	return 0;
}
