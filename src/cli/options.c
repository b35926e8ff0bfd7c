/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

/* No reload takes longer than eleven days. */
#define SECONDS_MAX	1e6

/* More instances are not on one machine, nor in one cluster. */
#define JOBS_MAX	10000

#define CHANGES		(COMMAND_RELOAD | COMMAND_PLAN)
#define CLUSTER		(CHANGES | COMMAND_STATUS | COMMAND_STALE)
/* All that can have more than one target. */
#define MANY		((unsigned)COMMAND_ALL & ~(unsigned)(COMMAND_PUSH | \
			    COMMAND_CONSOLE))
/* All that send one request. */
#define REQUEST		((unsigned)COMMAND_ALL & ~(unsigned)COMMAND_CONSOLE)

enum option_key {
	KEY_RUN_DIR = 256,
	KEY_CLUSTER,
	KEY_ALLOW_MIXED,
	KEY_PRUNE,
	KEY_ROCKS,
	KEY_METHOD,
	KEY_STALE,
	KEY_NO_STOP,
	KEY_IF_CHANGED,
	KEY_COLOR,
	KEY_PROGRESS,
	KEY_PRINT_LUA
};

const struct command_row command_table[] = {
	{ "reload", "", "reload the application's code; the default command",
	    COMMAND_RELOAD },
	{ "plan", "", "show what a reload would do, change nothing",
	    COMMAND_PLAN },
	{ "status", "", "tell whether the instance is up and serves",
	    COMMAND_STATUS },
	{ "stale", "", "scan for references to earlier generations",
	    COMMAND_STALE },
	{ "push", "DIR", "install the code in DIR as extensions of the cluster",
	    COMMAND_PUSH },
	{ "eval", "LUA | -f FILE", "run Lua in the instance, print its results",
	    COMMAND_EVAL },
	{ "console", "", "type Lua to the instance, and these commands",
	    COMMAND_CONSOLE },
	{ NULL, NULL, NULL, 0 }
};

const struct option_row option_table[] = {
	{ 's', "socket", "TARGET", NULL,
	    "admin console to connect to: a path, a glob of paths or HOST:PORT;"
	    " may be repeated", COMMAND_ALL },
	{ 'a', "app", "NAME", NULL,
	    "all instances of this application on this machine", COMMAND_ALL },
	{ 'i', "instance", "NAME", NULL,
	    "only instances of this name", COMMAND_ALL },
	{ KEY_RUN_DIR, "run-dir", "DIR", NULL,
	    "where to look for their sockets", COMMAND_ALL },
	{ KEY_CLUSTER, "cluster", NULL, NULL,
	    "through one target, all instances of its cluster", CLUSTER },
	{ KEY_ALLOW_MIXED, "allow-mixed", NULL, NULL,
	    "although the code differs between the instances", CHANGES },
	{ 'j', "jobs", "N", NULL,
	    "instances at a time (1; status, plan and stale: many)", MANY },
	{ 'k', "keep-going", NULL, NULL,
	    "go on with other instances after a failure", MANY },
	{ 't', "timeout", "SECONDS", NULL,
	    "for one instance, from connecting to the final reply (60);"
	    " of console: until lines can be sent",
	    COMMAND_ALL },
	{ 'w', "wait", "SECONDS", NULL,
	    "keep trying until the instance can be reached and is ready (0)",
	    COMMAND_ALL },
	{ 'm', "module", "GLOB", NULL,
	    "only modules with such a name; may be repeated", CHANGES },
	{ 'x', "exclude", "GLOB", NULL,
	    "no modules with such a name; may be repeated", CHANGES },
	{ KEY_ROCKS, "rocks", NULL, NULL,
	    "modules under .rocks too", CHANGES },
	{ KEY_METHOD, "method", "METHOD", "staged|native",
	    "this program's transaction, or Cartridge's reload_roles()"
	    " (staged)", CHANGES },
	{ KEY_STALE, "stale", "ACTION", "patch|report|fail",
	    "references to old code: mend what is exact and report the rest,"
	    " report only, or mend and fail if any is left (patch)",
	    COMMAND_RELOAD },
	{ KEY_NO_STOP, "no-stop", NULL, NULL,
	    "do not call the old roles' stop", CHANGES },
	{ KEY_IF_CHANGED, "if-changed", NULL, NULL,
	    "do nothing if no file of the application changed", CHANGES },
	{ 'n', "dry-run", NULL, NULL,
	    "the same as the command plan; of push: compare only",
	    CHANGES | COMMAND_PUSH },
	{ KEY_PRUNE, "prune", NULL, NULL,
	    "remove code from the cluster that DIR does not have",
	    COMMAND_PUSH },
	{ 'f', "file", "FILE", NULL,
	    "run the Lua in this file, - for standard input", COMMAND_EVAL },
	{ 'o', "output", "FORMAT", "text|json",
	    "format of the report on standard output (text)", COMMAND_ALL },
	{ 'q', "quiet", NULL, NULL,
	    "print nothing but errors", COMMAND_ALL },
	{ 'v', "verbose", NULL, NULL,
	    "print each phase and more details", COMMAND_ALL },
	{ KEY_COLOR, "color", "WHEN", "auto|always|never",
	    "colours in the report (auto)", COMMAND_ALL },
	{ KEY_PROGRESS, "progress", "WHEN", "auto|always|never",
	    "a progress line on standard error (auto)", COMMAND_ALL },
	{ KEY_PRINT_LUA, "print-lua", NULL, NULL,
	    "print the line of Lua that would be sent, connect to nothing",
	    REQUEST },
	{ 'h', "help", NULL, NULL,
	    "print this help, or only that of a command", COMMAND_ALL },
	{ 'V', "version", NULL, NULL,
	    "print the version", COMMAND_ALL },
	{ 0, NULL, NULL, NULL, NULL, 0 }
};

/* One command line while it is read. */
struct parser {
	struct options	*options;
	struct error	*error;
	unsigned	 given[sizeof(option_table) / sizeof(option_table[0])];
	struct string_list words;	/* what is not an option */
};

static int
list_add(struct string_list *list, const char *text, struct error *error)
{
	const char **grown;

	grown = reallocarray(list->list, list->count + 1, sizeof(*grown));
	if (grown == NULL)
		return error_out_of_memory(error);
	list->list = grown;
	list->list[list->count++] = text;
	return 0;
}

static void
list_free(struct string_list *list)
{
	free(list->list);
	list->list = NULL;
	list->count = 0;
}

static const struct command_row *
find_command(const char *name)
{
	const struct command_row *row;

	for (row = command_table; row->name != NULL; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static const struct option_row *
find_short(int letter)
{
	const struct option_row *row;

	for (row = option_table; row->name != NULL; row++)
		if (row->key == letter)
			return row;
	return NULL;
}

/*
 * Finds a long option by its name of `len` bytes or by the beginning of it,
 * if no other option begins so.
 */
static const struct option_row *
find_long(const char *name, size_t len, struct error *error)
{
	const struct option_row *row, *found = NULL;
	char candidates[256];
	size_t used = 0;
	int matches = 0;

	for (row = option_table; row->name != NULL; row++) {
		if (strncmp(row->name, name, len) != 0)
			continue;
		if (row->name[len] == '\0')
			return row;
		found = row;
		matches++;
		if (used < sizeof(candidates))
			used += (size_t)snprintf(candidates + used,
			    sizeof(candidates) - used, "%s--%s",
			    matches > 1 ? ", " : "", row->name);
	}
	if (matches == 1)
		return found;
	if (matches == 0 || len == 0)
		error_set(error, OUTCOME_USAGE, "usage",
		    "unknown option '--%.*s'", (int)len, name);
	else
		error_set(error, OUTCOME_USAGE, "usage",
		    "option '--%.*s' is ambiguous: %s", (int)len, name,
		    candidates);
	return NULL;
}

/*
 * Reads a number of seconds.  strtod(3) alone would take hexadecimal digits,
 * "inf" and "nan" too.
 */
static int
read_seconds(const struct option_row *row, const char *text, int zero_allowed,
    double *seconds, struct error *error)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (text[strspn(text, "0123456789.")] != '\0' || end == text ||
	    *end != '\0')
		return error_set(error, OUTCOME_USAGE, "usage",
		    "--%s: '%s' is not a number of seconds", row->name, text);
	if (errno != 0 || !isfinite(value) || value > SECONDS_MAX)
		return error_set(error, OUTCOME_USAGE, "usage",
		    "--%s: '%s' is too large, at most %.0f seconds", row->name,
		    text, SECONDS_MAX);
	if (value <= 0 && !zero_allowed)
		return error_set(error, OUTCOME_USAGE, "usage",
		    "--%s: '%s' is not more than 0 seconds", row->name, text);
	*seconds = value;
	return 0;
}

static int
read_count(const struct option_row *row, const char *text, size_t *count,
    struct error *error)
{
	const char *problem;

	*count = (size_t)strtonum(text, 1, JOBS_MAX, &problem);
	if (problem == NULL)
		return 0;
	return error_set(error, OUTCOME_USAGE, "usage",
	    "--%s: '%s' is not a number from 1 to %d", row->name, text,
	    JOBS_MAX);
}

/* The text must be one of the row's values. */
static int
check_choice(const struct option_row *row, const char *text,
    struct error *error)
{
	const char *value;
	size_t len;

	for (value = row->values;; value += len + 1) {
		len = strcspn(value, "|");
		if (strlen(text) == len && strncmp(value, text, len) == 0)
			return 0;
		if (value[len] == '\0')
			break;
	}
	return error_set(error, OUTCOME_USAGE, "usage",
	    "--%s: '%s' is none of %s", row->name, text, row->values);
}

static enum term_color_mode
mode_of(const char *value)
{
	if (strcmp(value, "auto") == 0)
		return TERM_AUTO;
	return strcmp(value, "always") == 0 ? TERM_ALWAYS : TERM_NEVER;
}

/* The value is the empty string if the option takes none. */
static int
apply_option(struct parser *parser, const struct option_row *row,
    const char *value)
{
	struct options *options = parser->options;
	struct error *error = parser->error;

	parser->given[row - option_table] = 1;
	if (row->arg != NULL && value[0] == '\0')
		return error_set(error, OUTCOME_USAGE, "usage",
		    "--%s: the value is empty", row->name);
	if (row->values != NULL && check_choice(row, value, error) == -1)
		return -1;

	switch (row->key) {
	case 's':
		return list_add(&options->sockets, value, error);
	case 'a':
		options->app = value;
		break;
	case 'i':
		options->instance = value;
		break;
	case KEY_RUN_DIR:
		options->run_dir = value;
		break;
	case KEY_CLUSTER:
		options->cluster = 1;
		break;
	case KEY_ALLOW_MIXED:
		options->allow_mixed = 1;
		break;
	case 'j':
		return read_count(row, value, &options->jobs, error);
	case 'k':
		options->keep_going = 1;
		break;
	case 't':
		return read_seconds(row, value, 0, &options->timeout, error);
	case 'w':
		return read_seconds(row, value, 1, &options->wait, error);
	case 'm':
		return list_add(&options->modules, value, error);
	case 'x':
		return list_add(&options->excludes, value, error);
	case KEY_ROCKS:
		options->rocks = 1;
		break;
	case KEY_METHOD:
		options->method = value;
		break;
	case KEY_STALE:
		options->stale = value;
		break;
	case KEY_NO_STOP:
		options->no_stop = 1;
		break;
	case KEY_IF_CHANGED:
		options->if_changed = 1;
		break;
	case 'n':
		options->dry_run = 1;
		break;
	case KEY_PRUNE:
		options->prune = 1;
		break;
	case 'f':
		options->eval_file = value;
		break;
	case 'o':
		options->output = output_find(value);
		break;
	case 'q':
		options->quiet = 1;
		options->verbose = 0;
		break;
	case 'v':
		options->verbose = 1;
		options->quiet = 0;
		break;
	case KEY_COLOR:
		options->color = mode_of(value);
		break;
	case KEY_PROGRESS:
		options->progress = mode_of(value);
		break;
	case KEY_PRINT_LUA:
		options->print_lua = 1;
		break;
	case 'h':
		options->help = 1;
		break;
	case 'V':
		options->version = 1;
		break;
	}
	return 0;
}

/* Reads a long option at argv[*i] and its value, which may be the next word. */
static int
read_long(struct parser *parser, int argc, char *argv[], int *i)
{
	const struct option_row *row;
	const char *name = argv[*i] + 2, *value = NULL;
	size_t len = strcspn(name, "=");

	if ((row = find_long(name, len, parser->error)) == NULL)
		return -1;
	if (name[len] == '=')
		value = name + len + 1;
	if (row->arg == NULL && value != NULL)
		return error_set(parser->error, OUTCOME_USAGE, "usage",
		    "option --%s takes no value", row->name);
	if (row->arg != NULL && value == NULL) {
		if (*i + 1 >= argc)
			return error_set(parser->error, OUTCOME_USAGE, "usage",
			    "option --%s needs a value: %s", row->name,
			    row->arg);
		value = argv[++*i];
	}
	return apply_option(parser, row, value != NULL ? value : "");
}

/* Reads a cluster of short options at argv[*i]. */
static int
read_short(struct parser *parser, int argc, char *argv[], int *i)
{
	const struct option_row *row;
	const char *letters;

	for (letters = argv[*i] + 1; *letters != '\0'; letters++) {
		row = find_short((unsigned char)*letters);
		if (row == NULL)
			return error_set(parser->error, OUTCOME_USAGE, "usage",
			    "unknown option '-%c'", *letters);
		if (row->arg == NULL) {
			if (apply_option(parser, row, "") == -1)
				return -1;
			continue;
		}
		if (letters[1] != '\0')
			return apply_option(parser, row, letters + 1);
		if (*i + 1 >= argc)
			return error_set(parser->error, OUTCOME_USAGE, "usage",
			    "option -%c needs a value: %s", row->key, row->arg);
		return apply_option(parser, row, argv[++*i]);
	}
	return 0;
}

static int
unknown_command(const char *name, struct error *error)
{
	const struct command_row *row;
	char known[256] = "";
	size_t used = 0;

	/* A mistake that people coming from other tools make. */
	if (strchr(name, '/') != NULL)
		return error_set(error, OUTCOME_USAGE, "usage",
		    "unknown command '%s'; a target is given with --socket",
		    name);
	for (row = command_table; row->name != NULL; row++)
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used,
			    sizeof(known) - used, "%s%s",
			    row == command_table ? "" : ", ", row->name);
	return error_set(error, OUTCOME_USAGE, "usage",
	    "unknown command '%s'; commands are %s", name, known);
}

/* The command and its arguments, from the words that are not options. */
static int
read_words(struct parser *parser)
{
	struct options *options = parser->options;
	const struct string_list *words = &parser->words;
	size_t args = 0;

	if (words->count > 0) {
		options->command = find_command(words->list[0]);
		if (options->command == NULL)
			return unknown_command(words->list[0], parser->error);
		args = words->count - 1;
	}
	if (options->command->bit == COMMAND_EVAL && args > 0 &&
	    options->eval_file == NULL) {
		options->eval_text = words->list[1];
		args--;
	}
	if (options->command->bit == COMMAND_PUSH && args > 0) {
		options->push_dir = words->list[1];
		args--;
	}
	if (args > 0)
		return error_set(parser->error, OUTCOME_USAGE, "usage",
		    "%s: unexpected argument '%s'", options->command->name,
		    words->list[words->count - args]);
	return 0;
}

/*
 * What the help is asked for: the command that was read already, or else one
 * that is the next word.
 */
static int
read_help_words(struct parser *parser, const char *next)
{
	struct options *options = parser->options;
	const char *name = NULL;

	if (parser->words.count > 0)
		name = parser->words.list[0];
	else if (next != NULL && next[0] != '-')
		name = next;
	if (name == NULL)
		return 0;
	options->help_command = find_command(name);
	if (options->help_command == NULL)
		return unknown_command(name, parser->error);
	return 0;
}

/* Whether the command takes all options that are given. */
static int
check_taken(const struct parser *parser)
{
	const struct command_row *command = parser->options->command;
	const struct option_row *row;

	for (row = option_table; row->name != NULL; row++)
		if (parser->given[row - option_table] &&
		    (row->commands & command->bit) == 0)
			return error_set(parser->error, OUTCOME_USAGE, "usage",
			    "%s does not take --%s", command->name, row->name);
	return 0;
}

/* What the parts of a command line must not be together. */
static int
check(struct parser *parser)
{
	struct options *options = parser->options;
	const char *alone = NULL;

	if (check_taken(parser) == -1)
		return -1;
	if (options->dry_run && options->command->bit != COMMAND_PUSH) {
		options->command = find_command("plan");
		if (check_taken(parser) == -1)
			return -1;
	}
	if (options->command->bit == COMMAND_EVAL &&
	    options->eval_text == NULL && options->eval_file == NULL)
		return error_set(parser->error, OUTCOME_USAGE, "usage",
		    "eval: needs the Lua to run, or --file");
	if (options->command->bit == COMMAND_PUSH && (options->push_dir ==
	    NULL || options->push_dir[0] == '\0'))
		return error_set(parser->error, OUTCOME_USAGE, "usage",
		    "push: needs the folder with the code");
	if (strcmp(options->method, "native") == 0) {
		/* Cartridge chooses the modules and has no dry run. */
		if (options->command->bit == COMMAND_PLAN)
			alone = "plan";
		else if (options->modules.count > 0)
			alone = "--module";
		else if (options->excludes.count > 0)
			alone = "--exclude";
		else if (options->rocks)
			alone = "--rocks";
		else if (options->no_stop)
			alone = "--no-stop";
		else if (options->if_changed)
			alone = "--if-changed";
	}
	if (options->allow_mixed && !options->cluster)
		return error_set(parser->error, OUTCOME_USAGE, "usage",
		    "--allow-mixed needs --cluster");
	if (options->cluster && options->print_lua)
		return error_set(parser->error, OUTCOME_USAGE, "usage",
		    "--cluster cannot be combined with --print-lua");
	if (alone != NULL)
		return error_set(parser->error, OUTCOME_USAGE, "usage",
		    "--method native cannot be combined with %s", alone);
	return 0;
}

int
options_parse(struct options *options, int argc, char *argv[],
    struct error *error)
{
	struct parser parser = { options, error, { 0 }, { NULL, 0 } };
	const char *word;
	int i, only_words = 0, result = 0;

	memset(options, 0, sizeof(*options));
	options->command = &command_table[0];
	options->timeout = 60;
	options->method = "staged";
	options->stale = "patch";
	options->output = &output_text;

	for (i = 1; i < argc && result == 0; i++) {
		word = argv[i];
		if (only_words || word[0] != '-' || word[1] == '\0')
			result = list_add(&parser.words, word, error);
		else if (strcmp(word, "--") == 0)
			only_words = 1;
		else if (word[1] == '-')
			result = read_long(&parser, argc, argv, &i);
		else
			result = read_short(&parser, argc, argv, &i);
		/* Whoever asks for help is not told of mistakes further on. */
		if (options->help || options->version)
			break;
	}
	if (result == 0 && options->help) {
		result = read_help_words(&parser, i + 1 < argc ? argv[i + 1] :
		    NULL);
	} else if (result == 0 && !options->version) {
		result = read_words(&parser);
		if (result == 0)
			result = check(&parser);
	}
	list_free(&parser.words);
	if (result == -1)
		options_finish(options);
	return result;
}

void
options_finish(struct options *options)
{
	list_free(&options->sockets);
	list_free(&options->modules);
	list_free(&options->excludes);
}

/* Prints a text from a column on, broken at spaces to fit 80 columns. */
static void
print_wrapped(FILE *out, const char *text, int column)
{
	int at = column;
	size_t len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (at > column && at + 1 + (int)len > 79) {
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
	int code, found;

	for (code = 0, found = 1; found; code++) {
		found = 0;
		for (outcome = OUTCOME_RELOADED; outcome <= OUTCOME_PROTOCOL;
		    outcome++) {
			if (outcome_exit(outcome) != code)
				continue;
			if (found)
				fprintf(out, ", %s", outcome_word(outcome));
			else
				fprintf(out, "  %d  %s", code,
				    outcome_word(outcome));
			found = 1;
		}
		if (found)
			putc('\n', out);
	}
}

static void
print_commands(FILE *out)
{
	const struct command_row *command;
	char left[64];

	fputs("\nCommands:\n", out);
	for (command = command_table; command->name != NULL; command++) {
		snprintf(left, sizeof(left), "%s%s%s", command->name,
		    command->args[0] != '\0' ? " " : "", command->args);
		fprintf(out, "  %-26s  ", left);
		print_wrapped(out, command->help, 30);
	}
}

/* The options that one of these commands takes. */
static void
print_options(FILE *out, unsigned commands)
{
	const struct option_row *row;
	const char *arg;
	char left[64];

	fputs("\nOptions:\n", out);
	for (row = option_table; row->name != NULL; row++) {
		if ((row->commands & commands) == 0)
			continue;
		arg = row->values != NULL ? row->values : row->arg;
		if (row->key < KEY_RUN_DIR)
			fprintf(out, "  -%c, ", row->key);
		else
			fputs("      ", out);
		snprintf(left, sizeof(left), "--%s%s%s", row->name,
		    arg != NULL ? " " : "", arg != NULL ? arg : "");
		if (strlen(left) > 22)
			fprintf(out, "%s\n%30s", left, "");
		else
			fprintf(out, "%-22s  ", left);
		print_wrapped(out, row->help, 30);
	}
	fputs("\nWithout --socket, --app, --instance and --run-dir, the target "
	    "is\n$CARTRIDGE_RELOAD_SOCKET or else $TARANTOOL_CONSOLE_SOCK.\n",
	    out);
}

void
options_help(FILE *out, const struct command_row *command)
{
	if (command == NULL) {
		fputs("usage: cartridge-reload [options] [command "
		    "[argument ...]]\n\nReloads the code of a running "
		    "Tarantool Cartridge application through its\n"
		    "admin console.\n", out);
		print_commands(out);
		print_options(out, COMMAND_ALL);
		fputs("\nExit status:\n", out);
		print_exit_status(out);
	} else {
		fprintf(out, "usage: cartridge-reload [options] %s%s%s\n\n"
		    "%c%s.\n", command->name,
		    command->args[0] != '\0' ? " " : "", command->args,
		    toupper((unsigned char)command->help[0]),
		    command->help + 1);
		print_options(out, command->bit);
	}
	fputs("\nSee cartridge-reload(1) for all details.\n", out);
}
