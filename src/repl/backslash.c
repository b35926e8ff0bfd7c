/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repl/backslash.h"
#include "util/nearest.h"

/* The width of the command column in the output of \help, in characters. */
#define LEFT_WIDTH	22

int
backslash_begins(const char *line)
{
	return line[strspn(line, " \t")] == '\\';
}

static int
begins(const char *name, const char *word)
{
	return strncmp(name, word, strlen(word)) == 0;
}

/*
 * Finds a command by its name or by an unambiguous abbreviation.  Returns NULL
 * with an error if no command matches, or if several do.
 */
static const struct command_row *
find_command(const char *name, struct error *error)
{
	const struct command_row *row, *found = NULL;
	struct nearest nearest;
	char known[256] = "";
	int matches = 0;

	nearest_init(&nearest, name);
	for (row = command_table; row->name != NULL; row++) {
		if (!commands_in_repl(row))
			continue;
		if (strcmp(row->name, name) == 0)
			return row;
		nearest_add(&nearest, row->name);
		if (!begins(row->name, name))
			continue;
		found = row;
		matches++;
	}
	if (matches == 1 && name[0] != '\0')
		return found;
	for (row = command_table; row->name != NULL; row++) {
		if (!commands_in_repl(row) ||
		    (matches > 0 && !begins(row->name, name)))
			continue;
		strlcat(known, known[0] == '\0' ? "\\" : ", \\",
		    sizeof(known));
		strlcat(known, row->name, sizeof(known));
	}
	if (matches == 0 && nearest.name != NULL)
		error_set(error, ERROR_USAGE,
		    "unknown command '\\%s'; did you mean \\%s?", name,
		    nearest.name);
	else
		error_set(error, ERROR_USAGE, matches == 0 ?
		    "unknown command '\\%s' (commands: %s)" :
		    "command '\\%s' is ambiguous: %s", name, known);
	return NULL;
}

static int
unexpected(const char *name, const char *word, struct error *error)
{
	return error_set(error, ERROR_USAGE,
	    "\\%s: unexpected argument '%s'", name, word);
}

static int
parse_set(struct backslash *backslash, const struct strlist *given,
    struct error *error)
{
	const char *name;

	if (given->count == 1)
		return 0;
	if (strcmp(given->list[1], "output") != 0)
		return error_set(error, ERROR_USAGE,
		    "\\set: unknown setting '%s' (available: output)",
		    given->list[1]);
	if (given->count == 2)
		return 0;
	if (given->count > 3)
		return unexpected("set", given->list[3], error);
	name = given->list[2];
	if ((backslash->output = output_find(name)) == NULL)
		return error_set(error, ERROR_USAGE,
		    "\\set output: invalid value '%s' (text or json)", name);
	return 0;
}

static int
parse_help(struct backslash *backslash, const struct strlist *given,
    struct error *error)
{
	const char *name;

	if (given->count == 1)
		return 0;
	name = given->list[1];
	if (given->count > 2)
		return unexpected("help", given->list[2], error);
	backslash->help = find_command(name[0] == '\\' ? name + 1 : name,
	    error);
	return backslash->help != NULL ? 0 : -1;
}

static int
parse_command(struct backslash *backslash, const struct command_row *command,
    const struct options *settings, struct error *error)
{
	if (options_parse_command(&backslash->options, command, settings,
	    (int)backslash->words.count, backslash->words.list, error) == -1)
		return -1;
	if (backslash->options.help) {
		backslash->help = command;
		backslash->options.command = commands_find("help");
	}
	return 0;
}

static int
parse(struct backslash *backslash, const struct options *settings,
    struct error *error)
{
	const struct strlist *words = &backslash->words;
	const struct command_row *command;

	if ((command = find_command(words->list[0], error)) == NULL)
		return -1;
	backslash->options.command = command;
	switch (command->action) {
	case ACTION_SET:
		return parse_set(backslash, words, error);
	case ACTION_HELP:
		return parse_help(backslash, words, error);
	case ACTION_QUIT:
		return words->count == 1 ? 0 :
		    unexpected(command->name, words->list[1], error);
	default:
		return parse_command(backslash, command, settings, error);
	}
}

int
backslash_parse(struct backslash *backslash, const char *line,
    const struct options *settings, struct error *error)
{
	int result;

	memset(backslash, 0, sizeof(*backslash));
	line += strcspn(line, "\\");
	line += line[0] != '\0';
	/* No blank is allowed between the backslash and the name. */
	if (strchr(" \t", line[0]) != NULL)
		result = strlist_add(&backslash->words, "", 0, error);
	else
		result = strlist_split(&backslash->words, line, error);
	if (result == 0)
		result = parse(backslash, settings, error);
	if (result == -1)
		strlist_finish(&backslash->words);
	return result;
}

void
backslash_finish(struct backslash *backslash)
{
	options_finish(&backslash->options);
	strlist_finish(&backslash->words);
}

/* --- Completion ------------------------------------------------------------*/

struct search {
	struct backslash_names	*names;
	const char		*word;
	size_t			 len;
	struct error		 error;
};

/*
 * Appends the first `len` bytes of `second` to `first`.  Adds the result to the
 * candidates if it starts with the word that is being completed.
 */
static int
offer(struct search *search, const char *first, const char *second,
    size_t len)
{
	char text[256];

	if ((size_t)snprintf(text, sizeof(text), "%s%.*s", first, (int)len,
	    second) >= sizeof(text) ||
	    strncmp(text, search->word, search->len) != 0)
		return 0;
	return strlist_add(&search->names->words, text, strlen(text),
	    &search->error);
}

/* Offers each value of a list such as "a|b", with `before` in front of it. */
static int
offer_values(struct search *search, const char *before, const char *values)
{
	size_t len;
	int result = 0;

	for (; result == 0; values += len + 1) {
		len = strcspn(values, "|");
		result = offer(search, before, values, len);
		if (values[len] == '\0')
			break;
	}
	return result;
}

static int
offer_commands(struct search *search, const char *before)
{
	const struct command_row *row;

	for (row = command_table; row->name != NULL; row++)
		if (commands_in_repl(row) && offer(search, before, row->name,
		    strlen(row->name)) == -1)
			return -1;
	return 0;
}

/*
 * Finds the option named by a word such as "--NAME" or "-LETTER".  Returns NULL
 * if there is none.
 */
static const struct option_row *
find_option(const char *word, size_t len)
{
	const struct option_row *row;

	for (row = option_table; row->name != NULL; row++) {
		if (len > 2 && strncmp(word, "--", 2) == 0 &&
		    strlen(row->name) == len - 2 &&
		    strncmp(word + 2, row->name, len - 2) == 0)
			return row;
		if (len == 2 && word[0] == '-' && word[1] == row->key)
			return row;
	}
	return NULL;
}

static int
offer_value_of(struct search *search, const struct option_row *row,
    const char *before)
{
	if (row->values != NULL)
		return offer_values(search, before, row->values);
	search->names->files = before[0] == '\0' &&
	    strcmp(row->arg, "FILE") == 0;
	return 0;
}

static int
offer_options(struct search *search, const struct command_row *command)
{
	const struct option_row *row;
	const char *equals = memchr(search->word, '=', search->len);
	char before[64];

	if (equals != NULL) {
		row = find_option(search->word, (size_t)(equals -
		    search->word));
		if (row == NULL || row->arg == NULL ||
		    (row->flags & OPT_CLI_ONLY) != 0)
			return 0;
		snprintf(before, sizeof(before), "--%s=", row->name);
		return offer_value_of(search, row, before);
	}
	for (row = option_table; row->name != NULL; row++)
		if ((row->commands & command->bit) != 0 &&
		    (row->flags & OPT_CLI_ONLY) == 0 &&
		    offer(search, "--", row->name, strlen(row->name)) == -1)
			return -1;
	return 0;
}

/*
 * Offers candidates for an argument of a command.  `before` lists the words
 * that precede the argument, starting with the command name.
 */
static int
offer_argument(struct search *search, const struct strlist *before)
{
	const struct option_row *row;
	const char *last = before->list[before->count - 1];
	const struct command_row *command;

	if ((command = find_command(before->list[0], &search->error)) == NULL)
		return 0;
	if (command->words == WORDS_COMMAND)
		return before->count > 1 ? 0 : offer_commands(search, "");
	if (command->words == WORDS_SETTING) {
		if (before->count == 1)
			return offer_values(search, "", "output");
		return before->count > 2 ? 0 :
		    offer_values(search, "", "text|json");
	}
	row = before->count > 1 ? find_option(last, strlen(last)) : NULL;
	if (row != NULL && row->arg != NULL)
		return offer_value_of(search, row, "");
	if (search->len > 0 && search->word[0] == '-')
		return offer_options(search, command);
	search->names->files = command->words == WORDS_DIR;
	return 0;
}

int
backslash_complete(struct backslash_names *names, const char *line,
    size_t start, size_t end)
{
	struct search search = { .names = names, .word = line + start,
	    .len = end - start };
	struct strlist before = { NULL, 0 };
	size_t name = strcspn(line, "\\") + 1;
	char *copy;
	int result = 0;

	memset(names, 0, sizeof(*names));
	if (start < name) {
		result = offer_commands(&search, "\\");
	} else if ((copy = strndup(line + name, start - name)) == NULL) {
		result = -1;
	} else {
		/* Offer no candidates if the line has an unclosed quote. */
		if (strlist_split(&before, copy, &search.error) == 0 &&
		    before.count > 0)
			result = offer_argument(&search, &before);
		free(copy);
	}
	strlist_finish(&before);
	return result;
}

void
backslash_names_finish(struct backslash_names *names)
{
	strlist_finish(&names->words);
}

void
backslash_help(FILE *out)
{
	const struct command_row *row;
	const char *args;
	char left[64];

	fputs("Each line is run as Lua code in the instance, except "
	    "for these commands:\n", out);
	for (row = command_table; row->name != NULL; row++) {
		if (!commands_in_repl(row))
			continue;
		args = row->words != WORDS_INSTANCES ? row->args : "";
		snprintf(left, sizeof(left), "\\%s%s%s", row->name,
		    args[0] != '\0' ? " " : "", args);
		if (strlen(left) > LEFT_WIDTH)
			fprintf(out, "  %s\n  %-*s  %s\n", left, LEFT_WIDTH,
			    "", row->help);
		else
			fprintf(out, "  %-*s  %s\n", LEFT_WIDTH, left,
			    row->help);
	}
	fputs("Commands take the same options as on the command line; see "
	    "\\help COMMAND.\n", out);
}
