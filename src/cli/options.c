/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/options_scan.h"
#include "target/target.h"
#include "util/nearest.h"

static int
unknown_command(struct parser *parser, const char *name)
{
	const struct command_row *row;
	struct nearest nearest;
	char known[256] = "", *shown;

	/*
	 * The user may have typed a target instead of a command.  A target can
	 * contain a password: do not print it.
	 */
	if ((shown = target_without_password(name)) == NULL)
		return error_out_of_memory(parser->error);
	nearest_init(&nearest, name);
	for (row = command_table; row->name != NULL; row++) {
		if (!commands_in_cli(row))
			continue;
		nearest_add(&nearest, row->name);
		strlcat(known, row == command_table ? "" : ", ",
		    sizeof(known));
		strlcat(known, row->name, sizeof(known));
	}
	if (strchr(name, '/') != NULL || strchr(name, '@') != NULL)
		options_usage(parser,
		    "unknown command '%s' (use --socket to specify a "
		    "target)", shown);
	else if (strchr(name, ':') != NULL)
		options_usage(parser,
		    "unknown command '%s' (use --socket to specify a "
		    "target, or put an instance name after the command)",
		    shown);
	else if (nearest.name != NULL)
		options_usage(parser,
		    "unknown command '%s'; did you mean %s?", shown,
		    nearest.name);
	else
		options_usage(parser,
		    "unknown command '%s' (commands: %s)", shown,
		    known);
	free(shown);
	return -1;
}

static const struct command_row *
find_cli_command(struct parser *parser, const char *name)
{
	const struct command_row *row = commands_find(name);

	if (row != NULL && commands_in_cli(row))
		return row;
	unknown_command(parser, name);
	return NULL;
}

/*
 * Rejects a positional argument.  Hides any password in it, because the
 * argument may be a target.
 */
static int
refuse_word(struct parser *parser, const char *word, const char *why)
{
	char *shown;

	if ((shown = target_without_password(word)) == NULL)
		return error_out_of_memory(parser->error);
	options_usage(parser,
	    "%s: %s '%s'", parser->options->command->name, why,
	    shown);
	free(shown);
	return -1;
}

static int
unexpected(struct parser *parser, const char *word)
{
	return refuse_word(parser, word, "unexpected argument");
}

/*
 * Reads the arguments of `eval`.  Without --file, the first argument is the Lua
 * code.  Code that starts with a dash must follow "--".
 */
static int
read_eval(struct parser *parser, const char **words, size_t count)
{
	struct options *options = parser->options;
	size_t i = 0, separated = parser->separated, unseparated;

	unseparated = count > separated ? count - separated : 0;
	if (options->eval_file == NULL && count > 0) {
		options->eval_text = words[i++];
		if (unseparated == 0) {
			if (i < count && strcmp(words[i], "--") != 0)
				return unexpected(parser, words[i]);
			i += i < count ? 1 : 0;
		}
	}
	if (i < unseparated)
		return options_usage(parser, "eval: unexpected argument '%s' "
		    "(put arguments for the Lua code after --)", words[i]);
	for (; i < count; i++)
		if (options_add(parser, &options->eval_args, words[i]) == -1)
			return -1;
	return 0;
}

static int
read_help(struct parser *parser, const char **words, size_t count)
{
	struct options *options = parser->options;

	options->help = 1;
	if (count > 1)
		return unexpected(parser, words[1]);
	if (count == 1 && (options->help_command = find_cli_command(parser,
	    words[0])) == NULL)
		return -1;
	return 0;
}

static int
read_instances(struct parser *parser, const char **words, size_t count)
{
	size_t i;

	if (count > 0 && parser->in_repl)
		return options_not_in_repl(parser, "another instance");
	for (i = 0; i < count; i++) {
		if (strchr(words[i], '/') != NULL)
			return refuse_word(parser, words[i], "not an instance "
			    "name (use --socket to specify a target):");
		if (options_add(parser, &parser->options->instances,
		    words[i]) == -1)
			return -1;
	}
	return 0;
}

static int
read_arguments(struct parser *parser, const char **words, size_t count)
{
	struct options *options = parser->options;

	switch (options->command->words) {
	case WORDS_INSTANCES:
		return read_instances(parser, words, count);
	case WORDS_LUA:
		return read_eval(parser, words, count);
	case WORDS_COMMAND:
		return read_help(parser, words, count);
	case WORDS_DIR:
		if (count == 0 || words[0][0] == '\0')
			return options_usage(parser, "%s: missing %s",
			    options->command->name, options->command->args);
		options->push_dir = *words++;
		count--;
		break;
	case WORDS_SETTING:
	case WORDS_NONE:
		break;
	}
	if (options->command->action == ACTION_VERSION)
		options->version = 1;
	return count > 0 ? unexpected(parser, words[0]) : 0;
}

/*
 * Finds the command to print help for.  Its name is the first positional
 * argument before --help or, if there is none, the argument after --help.
 */
static int
read_help_words(struct parser *parser, const char *next)
{
	struct options *options = parser->options;
	const char *name = NULL;

	if (options->help_command != NULL)
		return 0;
	if (parser->count > 0)
		name = parser->words[0];
	else if (next != NULL && next[0] != '-')
		name = next;
	if (name == NULL)
		return 0;
	options->help_command = find_cli_command(parser, name);
	return options->help_command != NULL ? 0 : -1;
}

static int
check_taken(struct parser *parser)
{
	const struct command_row *command = parser->options->command;
	const struct option_row *row;

	for (row = option_table; row->name != NULL; row++)
		if (parser->given[row - option_table] &&
		    (row->commands & command->bit) == 0)
			return options_usage(parser,
			    "--%s cannot be used with %s",
			    row->name, command->name);
	return 0;
}

/*
 * Checks that --method native is used only with commands and options that
 * support it.
 */
static int
check_native(struct parser *parser)
{
	const struct option_row *row;

	if (parser->options->method != METHOD_NATIVE)
		return 0;
	if ((parser->options->command->flags & CMD_RELOADS) == 0)
		return options_usage(parser, "--method native cannot be used "
		    "with %s", parser->options->command->name);
	for (row = option_table; row->name != NULL; row++)
		if ((row->flags & OPT_STAGED_ONLY) != 0 &&
		    parser->given[row - option_table])
			return options_usage(parser, "--method native cannot "
			    "be used with --%s", row->name);
	return 0;
}

/*
 * Checks that `eval` has Lua code to run.  If neither an argument nor --file
 * provides the code, selects standard input, but fails if that is a character
 * device, such as a terminal.  In the console, fails if the code would come
 * from standard input.
 */
static int
check_eval(struct parser *parser)
{
	struct options *options = parser->options;
	struct stat st;

	if (options->command->words != WORDS_LUA || options->eval_text != NULL)
		return 0;
	if (options->eval_file != NULL)
		return parser->in_repl && strcmp(options->eval_file, "-") == 0 ?
		    options_not_in_repl(parser, "standard input") : 0;
	if (parser->in_repl || fstat(STDIN_FILENO, &st) == -1 ||
	    S_ISCHR(st.st_mode))
		return options_usage(parser, "eval: missing LUA or --file");
	options->eval_file = "-";
	return 0;
}

/*
 * Rejects invalid combinations of options.  With --dry-run, changes the command
 * to `plan`, unless the command is `push`.
 */
static int
check(struct parser *parser)
{
	struct options *options = parser->options;

	if (check_taken(parser) == -1)
		return -1;
	if (options->dry_run && (options->command->flags & CMD_DRY_RUN) == 0) {
		options->command = commands_find("plan");
		if (check_taken(parser) == -1)
			return -1;
	}
	if (options->allow_mixed && !options->cluster)
		return options_usage(parser, "--allow-mixed requires "
		    "--cluster");
	if (options->cluster && options->print_lua)
		return options_usage(parser, "--cluster cannot be used with "
		    "--print-lua");
	if (options->password_file != NULL && options->eval_file != NULL &&
	    strcmp(options->password_file, "-") == 0 &&
	    strcmp(options->eval_file, "-") == 0)
		return options_usage(parser,
		    "--password-file and the Lua code "
		    "cannot both be read from standard input");
	if (options->exit_code && !options->dry_run &&
	    (options->command->flags & CMD_PLANS) == 0)
		return options_usage(parser,
		    "--exit-code requires the plan command or the "
		    "--dry-run option");
	return check_eval(parser) == -1 ? -1 : check_native(parser);
}

static void
list_free(struct arg_list *list)
{
	free(list->list);
	list->list = NULL;
	list->count = 0;
}

static void
set_defaults(struct options *options)
{
	memset(options, 0, sizeof(*options));
	options->command = &command_table[0];
	options->timeout = 60;
	options->method = METHOD_STAGED;
	options->stale = "patch";
	options->output = &output_text;
}

/*
 * Parses a command line.  If `command` is NULL, the first positional argument
 * names the command.
 */
static int
parse(struct parser *parser, const struct command_row *command, int argc,
    char *argv[])
{
	struct options *options = parser->options;
	const char **words;
	size_t count;
	int next, result;

	if (command != NULL)
		options->command = command;
	result = options_scan(parser, argc, argv, &next);
	if (result == 0 && command != NULL && options->help) {
		options->help_command = command;
	} else if (result == 0 && options->help) {
		result = read_help_words(parser, next < argc ? argv[next] :
		    NULL);
	} else if (result == 0 && !options->version) {
		words = parser->words;
		count = parser->count;
		if (command == NULL && count > 0) {
			options->command = find_cli_command(parser, *words++);
			count--;
			if (options->command == NULL)
				result = -1;
		}
		if (result == 0)
			result = read_arguments(parser, words, count);
		if (result == 0)
			result = check(parser);
	}
	free(parser->words);
	if (result == -1)
		options_finish(options);
	return result;
}

int
options_parse(struct options *options, int argc, char *argv[],
    struct error *error)
{
	struct parser parser = { .options = options, .error = error };

	set_defaults(options);
	return parse(&parser, NULL, argc, argv);
}

int
options_parse_command(struct options *options,
    const struct command_row *command, const struct options *settings,
    int argc, char *argv[], struct error *error)
{
	struct parser parser = { .options = options, .error = error,
	    .in_repl = 1 };

	set_defaults(options);
	options->timeout = settings->timeout;
	options->output = settings->output;
	options->color = settings->color;
	options->progress = settings->progress;
	options->quiet = settings->quiet;
	options->verbose = settings->verbose;
	return parse(&parser, command, argc, argv);
}

void
options_finish(struct options *options)
{
	list_free(&options->sockets);
	list_free(&options->apps);
	list_free(&options->instances);
	list_free(&options->modules);
	list_free(&options->excludes);
	list_free(&options->eval_args);
}
