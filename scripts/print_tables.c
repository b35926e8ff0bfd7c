/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Prints the tables of the program for scripts and tests, a row on a line,
 * separated by tabs, with "-" for what a row does not have:
 *
 *	command NAME ARGUMENTS HELP
 *	option LETTER NAME ARGUMENT VALUES COMMAND,COMMAND... HELP
 *	error WORD OUTCOME EXIT EXPLANATION
 *	env NAME
 */

#include <stdio.h>

#include "cli/options.h"
#include "util/environment.h"
#include "util/error.h"

static const char *
or_dash(const char *text)
{
	return text == NULL || text[0] == '\0' ? "-" : text;
}

static void
print_commands(void)
{
	const struct command_row *command;

	for (command = command_table; command->name != NULL; command++)
		if (commands_in_cli(command))
			printf("command\t%s\t%s\t%s\n", command->name,
			    or_dash(command->args), command->help);
}

static void
print_options(void)
{
	const struct command_row *command;
	const struct option_row *option;
	const char *separator;

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
}

static void
print_errors(void)
{
	enum outcome outcome;
	int code;

	for (code = 0; code < ERROR_COUNT; code++) {
		outcome = error_outcome(code);
		printf("error\t%s\t%s\t%d\t%s\n", error_word(code),
		    outcome_word(outcome), outcome_exit(outcome),
		    error_explanation(code));
	}
}

static void
print_environment(void)
{
	int variable;

	for (variable = 0; variable < ENV_COUNT; variable++)
		printf("env\t%s\n", env_name(variable));
}

int
main(void)
{
	print_commands();
	print_options();
	print_errors();
	print_environment();
	return 0;
}
