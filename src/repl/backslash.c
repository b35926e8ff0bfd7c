/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repl/backslash.h"

#define PROGRAM	"cartridge-reload"

struct own_row {
	const char	*name;
	const char	*args;
	const char	*help;
	enum slash_kind	 kind;
};

static const struct own_row own_table[] = {
	{ "set", "output text|json", "format of results and reports",
	    SLASH_SET },
	{ "help", "[COMMAND]", "this list, or the options of a command",
	    SLASH_HELP },
	{ "quit", "", "leave, as Ctrl-D does", SLASH_QUIT },
	{ NULL, NULL, NULL, SLASH_QUIT }
};

/* Options of a command that are for a command line only. */
static const char *const outer_options[] = {
	"socket", "app", "instance", "run-dir", "print-lua", "version"
};

/* A name and what it stands for: a command, or one of our own. */
struct found {
	const char			*name;
	const struct command_row	*command;
	const struct own_row		*own;
};

int
slash_begins(const char *line)
{
	return line[strspn(line, " \t")] == '\\';
}

static int
is_outer(const struct option_row *row)
{
	size_t i;

	for (i = 0; i < sizeof(outer_options) / sizeof(outer_options[0]); i++)
		if (strcmp(row->name, outer_options[i]) == 0)
			return 1;
	return 0;
}

/* All there is, one after the other.  Returns 0 at the end. */
static int
next(size_t *at, struct found *found)
{
	const struct command_row *command = command_table;
	const struct own_row *own = own_table;
	size_t left;

	for (left = (*at)++; command->name != NULL; command++) {
		/* There is no console in the console. */
		if (command->bit == COMMAND_CONSOLE || left-- > 0)
			continue;
		*found = (struct found){ command->name, command, NULL };
		return 1;
	}
	for (; own->name != NULL; own++) {
		if (left-- > 0)
			continue;
		*found = (struct found){ own->name, NULL, own };
		return 1;
	}
	return 0;
}

static int
find(const char *name, struct found *found, struct error *error)
{
	struct found row;
	char known[256] = "";
	size_t at, len = strlen(name), used = 0;
	int matches = 0;

	for (at = 0; next(&at, &row);) {
		if (strcmp(row.name, name) == 0) {
			*found = row;
			return 0;
		}
		if (strncmp(row.name, name, len) == 0) {
			*found = row;
			matches++;
		}
	}
	if (matches == 1 && len > 0)
		return 0;
	for (at = 0; next(&at, &row);)
		if ((matches == 0 || strncmp(row.name, name, len) == 0) &&
		    used < sizeof(known))
			used += (size_t)snprintf(known + used,
			    sizeof(known) - used, "%s\\%s",
			    used == 0 ? "" : ", ", row.name);
	return error_set(error, OUTCOME_USAGE, "usage",
	    matches == 0 ? "unknown command '\\%s'; commands are %s" :
	    "command '\\%s' is ambiguous: %s", name, known);
}

/* Puts the words of an argv before those of the line. */
static int
add_defaults(struct words *words, const struct options *defaults,
    struct error *error)
{
	static const char *const modes[] = {
		[TERM_AUTO] = "auto", [TERM_ALWAYS] = "always",
		[TERM_NEVER] = "never"
	};
	char text[4][64];
	size_t i;

	snprintf(text[0], sizeof(text[0]), "--timeout=%.9f",
	    defaults->timeout);
	snprintf(text[1], sizeof(text[1]), "--output=%s",
	    defaults->output->name);
	snprintf(text[2], sizeof(text[2]), "--color=%s",
	    modes[defaults->color]);
	snprintf(text[3], sizeof(text[3]), "--progress=%s",
	    modes[defaults->progress]);
	if (words_add(words, PROGRAM, strlen(PROGRAM), error) == -1)
		return -1;
	for (i = 0; i < 4; i++)
		if (words_add(words, text[i], strlen(text[i]), error) == -1)
			return -1;
	if (defaults->quiet && words_add(words, "-q", 2, error) == -1)
		return -1;
	if (defaults->verbose && words_add(words, "-v", 2, error) == -1)
		return -1;
	return 0;
}

static int
parse_command(struct slash *slash, const struct command_row *command,
    const struct words *given, const struct options *defaults,
    struct error *error)
{
	const struct options *options = &slash->options;
	size_t i;

	if (add_defaults(&slash->words, defaults, error) == -1 ||
	    words_add(&slash->words, command->name, strlen(command->name),
	    error) == -1)
		return -1;
	for (i = 1; i < given->count; i++)
		if (words_add(&slash->words, given->list[i],
		    strlen(given->list[i]), error) == -1)
			return -1;
	if (options_parse(&slash->options, (int)slash->words.count,
	    slash->words.list, error) == -1)
		return -1;
	if (options->help) {
		slash->kind = SLASH_HELP;
		slash->help = options->help_command;
		options_finish(&slash->options);
		return 0;
	}
	if (options->eval_file != NULL &&
	    strcmp(options->eval_file, "-") == 0) {
		options_finish(&slash->options);
		return error_set(error, OUTCOME_USAGE, "usage",
		    "\\eval: standard input is where lines come from");
	}
	if (options->sockets.count == 0 && options->app == NULL &&
	    options->instance == NULL && options->run_dir == NULL &&
	    !options->print_lua && !options->version)
		return 0;
	options_finish(&slash->options);
	return error_set(error, OUTCOME_USAGE, "usage",
	    "\\%s is for this instance, and shows what comes of it: "
	    "--socket, --app, --instance, --run-dir, --print-lua and "
	    "--version are not taken here", command->name);
}

static int
parse_set(struct slash *slash, const struct words *given, struct error *error)
{
	const char *name;

	slash->output = NULL;
	if (given->count == 1)
		return 0;
	if (strcmp(given->list[1], "output") != 0)
		return error_set(error, OUTCOME_USAGE, "usage",
		    "\\set: unknown setting '%s'; there is output",
		    given->list[1]);
	if (given->count == 2)
		return 0;
	name = given->list[2];
	if (given->count > 3 || (slash->output = output_find(name)) == NULL)
		return error_set(error, OUTCOME_USAGE, "usage",
		    "\\set output: '%s' is neither text nor json",
		    given->count > 3 ? given->list[3] : name);
	return 0;
}

static int
parse_help(struct slash *slash, const struct words *given,
    struct error *error)
{
	struct found found;
	const char *name;

	slash->help = NULL;
	if (given->count == 1)
		return 0;
	name = given->list[1];
	if (given->count > 2)
		return error_set(error, OUTCOME_USAGE, "usage",
		    "\\help: unexpected argument '%s'", given->list[2]);
	if (find(name[0] == '\\' ? name + 1 : name, &found, error) == -1)
		return -1;
	slash->help = found.command;
	return 0;
}

static int
parse(struct slash *slash, const struct words *given,
    const struct options *defaults, struct error *error)
{
	struct found found;

	if (find(given->list[0], &found, error) == -1)
		return -1;
	if (found.command != NULL) {
		slash->kind = SLASH_COMMAND;
		return parse_command(slash, found.command, given, defaults,
		    error);
	}
	slash->kind = found.own->kind;
	if (slash->kind == SLASH_SET)
		return parse_set(slash, given, error);
	if (slash->kind == SLASH_HELP)
		return parse_help(slash, given, error);
	if (given->count > 1)
		return error_set(error, OUTCOME_USAGE, "usage",
		    "\\%s: unexpected argument '%s'", found.name,
		    given->list[1]);
	return 0;
}

int
slash_parse(struct slash *slash, const char *line,
    const struct options *defaults, struct error *error)
{
	struct words given = { NULL, 0 };
	int result;

	memset(slash, 0, sizeof(*slash));
	line = strchr(line, '\\') + 1;
	/* "\ reload" is not a name with a blank before it. */
	if (strchr(" \t", line[0]) != NULL)
		result = words_add(&given, "", 0, error);
	else
		result = words_split(&given, line, error);
	if (result == 0)
		result = parse(slash, &given, defaults, error);
	words_finish(&given);
	if (result == -1)
		words_finish(&slash->words);
	return result;
}

void
slash_finish(struct slash *slash)
{
	if (slash->kind == SLASH_COMMAND)
		options_finish(&slash->options);
	words_finish(&slash->words);
}

/* --- Completion ------------------------------------------------------------*/

/* A list that is being made for one word. */
struct search {
	struct slash_names	*names;
	const char		*word;
	size_t			 len;
	struct error		 error;
};

/* Offers a text made of two parts, if the word is its beginning. */
static int
offer(struct search *search, const char *first, const char *second,
    size_t len)
{
	char text[256];

	if ((size_t)snprintf(text, sizeof(text), "%s%.*s", first, (int)len,
	    second) >= sizeof(text) ||
	    strncmp(text, search->word, search->len) != 0)
		return 0;
	return words_add(&search->names->words, text, strlen(text),
	    &search->error);
}

/* Offers each of "a|b", after what stands before it. */
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
	struct found found;
	size_t at;

	for (at = 0; next(&at, &found);)
		if (offer(search, before, found.name,
		    strlen(found.name)) == -1)
			return -1;
	return 0;
}

/* The option that a word before the one to be completed names, or NULL. */
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
		if (row == NULL || row->arg == NULL || is_outer(row))
			return 0;
		snprintf(before, sizeof(before), "--%s=", row->name);
		return offer_value_of(search, row, before);
	}
	for (row = option_table; row->name != NULL; row++)
		if ((row->commands & command->bit) != 0 && !is_outer(row) &&
		    offer(search, "--", row->name, strlen(row->name)) == -1)
			return -1;
	return 0;
}

/* What can follow these words, the first of which is a name. */
static int
offer_argument(struct search *search, const struct words *before)
{
	const struct option_row *row;
	const char *last = before->list[before->count - 1];
	struct found found = { .name = NULL };

	if (find(before->list[0], &found, &search->error) == -1)
		return 0;
	if (found.own != NULL && found.own->kind == SLASH_HELP)
		return before->count > 1 ? 0 : offer_commands(search, "");
	if (found.own != NULL && found.own->kind == SLASH_SET) {
		if (before->count == 1)
			return offer_values(search, "", "output");
		return before->count > 2 ? 0 :
		    offer_values(search, "", "text|json");
	}
	if (found.command == NULL)
		return 0;
	row = before->count > 1 ? find_option(last, strlen(last)) : NULL;
	if (row != NULL && row->arg != NULL)
		return offer_value_of(search, row, "");
	if (search->len > 0 && search->word[0] == '-')
		return offer_options(search, found.command);
	search->names->files = strcmp(found.command->args, "DIR") == 0;
	return 0;
}

int
slash_complete(struct slash_names *names, const char *line, size_t start,
    size_t end)
{
	struct search search = { names, line + start, end - start,
	    { .code = NULL } };
	struct words before = { NULL, 0 };
	size_t name = strcspn(line, "\\") + 1;
	char *copy;
	int result = 0;

	memset(names, 0, sizeof(*names));
	if (start < name) {
		result = offer_commands(&search, "\\");
	} else if ((copy = strndup(line + name, start - name)) == NULL) {
		result = -1;
	} else {
		/* A quote that is open: no place for any of it. */
		if (words_split(&before, copy, &search.error) == 0 &&
		    before.count > 0)
			result = offer_argument(&search, &before);
		free(copy);
	}
	words_finish(&before);
	return result;
}

void
slash_names_finish(struct slash_names *names)
{
	words_finish(&names->words);
}

void
slash_help(FILE *out)
{
	struct found found;
	const char *args;
	char left[64];
	size_t at;

	fputs("Lua is run in the instance.  Commands of this program are:\n",
	    out);
	for (at = 0; next(&at, &found);) {
		args = found.own != NULL ? found.own->args :
		    found.command->args;
		snprintf(left, sizeof(left), "\\%s%s%s", found.name,
		    args[0] != '\0' ? " " : "", args);
		fprintf(out, "  %-22s  %s\n", left, found.own != NULL ?
		    found.own->help : found.command->help);
	}
	fputs("They take the options that they take on a command line, see "
	    "\\help COMMAND.\n", out);
}
