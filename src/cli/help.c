/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <ctype.h>
#include <string.h>

#include "cli/help.h"

#define WIDTH	79
#define COLUMN	30	/* the descriptions start in this column */

/*
 * The explanations of the exit statuses.  --help prints each one after the
 * names of the outcomes with that exit status.
 */
static const char *const exit_table[] = {
	"done",
	"bad command line, or a local error",
	"Tarantool does not answer at the target, or denies access",
	"the new code was rejected; the old code is still serving",
	"no final reply in time; the outcome is unknown",
	"the instance cannot be reloaded in its current state",
	"the reload failed and the previous state was not fully restored",
	"stale references remain",
	"the reply could not be understood",
	"with --exit-code: something would change"
};

#define EXITS	(sizeof(exit_table) / sizeof(exit_table[0]))

/*
 * Prints text that starts at `column`, wrapped at spaces to fit into 80
 * columns.
 */
static void
print_wrapped(FILE *out, const char *text, int column)
{
	int at = column;
	size_t len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (at > column && at + 1 + (int)len > WIDTH) {
			fprintf(out, "\n%*s", column, "");
			at = column;
		} else if (at > column) {
			putc(' ', out);
			at++;
		}
		fwrite(text, 1, len, out);
		at += (int)len;
		text += len + strspn(text + len, " ");
	}
	putc('\n', out);
}

static void
print_exit_status(FILE *out)
{
	enum outcome outcome;
	const char *separator;
	size_t code;

	fputs("\nExit status:\n", out);
	for (code = 0; code < EXITS; code++) {
		fprintf(out, "  %zu  ", code);
		separator = "";
		for (outcome = OUTCOME_RELOADED; outcome <= OUTCOME_PROTOCOL;
		    outcome++) {
			if (outcome_exit(outcome) != (int)code)
				continue;
			fprintf(out, "%s%s", separator, outcome_word(outcome));
			separator = ", ";
		}
		fprintf(out, "%s%s\n", separator[0] != '\0' ? ": " : "",
		    exit_table[code]);
	}
}

/*
 * Prints a command or option with its arguments.  Prints the description to the
 * right of them or, if there is no room, below them.
 */
static void
print_row(FILE *out, const char *before, const char *name, const char *arg,
    const char *help)
{
	int width;

	width = fprintf(out, "  %s%s%s%s", before, name,
	    arg != NULL && arg[0] != '\0' ? " " : "", arg != NULL ? arg : "");
	if (width > COLUMN - 2) {
		putc('\n', out);
		width = 0;
	}
	fprintf(out, "%*s", COLUMN - width, "");
	print_wrapped(out, help, COLUMN);
}

static void
print_commands(FILE *out)
{
	const struct command_row *row;

	fputs("\nCommands:\n", out);
	for (row = command_table; row->name != NULL; row++)
		if (commands_in_cli(row))
			print_row(out, "", row->name, row->args, row->help);
}

/* Prints the options that at least one command in `commands` takes. */
static void
print_options(FILE *out, unsigned commands)
{
	const struct option_row *row;
	char before[16];
	int heading = 0;

	for (row = option_table; row->name != NULL; row++) {
		if ((row->commands & commands) == 0)
			continue;
		if (!heading++)
			fputs("\nOptions:\n", out);
		if (row->key <= 255)
			snprintf(before, sizeof(before), "-%c, --", row->key);
		else
			snprintf(before, sizeof(before), "    --");
		print_row(out, before, row->name,
		    row->values != NULL ? row->values : row->arg, row->help);
	}
	if (heading)
		fputs("\nIf no --socket, --app, --instance, --run-dir or "
		    "INSTANCE is given, the target\n"
		    "is $CARTRIDGE_RELOAD_SOCKET or else "
		    "$TARANTOOL_CONSOLE_SOCK.\n", out);
}

void
help_print(FILE *out, const struct command_row *command)
{
	if (command == NULL) {
		fputs("usage: cartridge-reload [options] [command "
		    "[argument ...]]\n\nReloads the code of a running "
		    "Tarantool application, with or without Cartridge,\n"
		    "through its admin console or binary port.\n", out);
		print_commands(out);
		print_options(out, COMMAND_ALL);
		print_exit_status(out);
	} else {
		fprintf(out, "usage: cartridge-reload [options] %s%s%s\n\n"
		    "%c%s.\n", command->name,
		    command->args[0] != '\0' ? " " : "", command->args,
		    toupper((unsigned char)command->help[0]),
		    command->help + 1);
		print_options(out, command->bit);
	}
	fputs("\nSee cartridge-reload(1) for details.\n", out);
}
