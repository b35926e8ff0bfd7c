/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/nearest.h"
#include "cli/options.h"
#include "target/target.h"

/* About eleven days, more than any reload takes. */
#define SECONDS_MAX	1e6

/* More than any machine or cluster can use. */
#define JOBS_MAX	10000

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define CHANGES		(COMMAND_RELOAD | COMMAND_PLAN)
#define CLUSTER		(CHANGES | COMMAND_STATUS | COMMAND_STALE)
/* Commands that accept several targets. */
#define MANY		((unsigned)COMMAND_ALL & ~(unsigned)(COMMAND_PUSH | \
			    COMMAND_CONSOLE))
/* Commands that send a single request. */
#define REQUEST		((unsigned)COMMAND_ALL & ~(unsigned)COMMAND_CONSOLE)

enum option_key {
	KEY_RUN_DIR = 256,
	KEY_PASSWORD_FILE,
	KEY_CLUSTER,
	KEY_ALLOW_MIXED,
	KEY_PRUNE,
	KEY_MAIN,
	KEY_ROCKS,
	KEY_METHOD,
	KEY_STALE,
	KEY_NO_STOP,
	KEY_IF_CHANGED,
	KEY_EXIT_CODE,
	KEY_COLOR,
	KEY_PROGRESS,
	KEY_PRINT_LUA
};

const struct command_row command_table[] = {
	{ "reload", "[INSTANCE ...]",
	    "reload the application's code; the default command",
	    COMMAND_RELOAD, CMD_MUTATES | CMD_LOCKS | CMD_INSTANCES },
	{ "plan", "[INSTANCE ...]",
	    "show what a reload would do; changes nothing",
	    COMMAND_PLAN, CMD_INSTANCES | CMD_PAGED },
	{ "status", "[INSTANCE ...]",
	    "show whether instances are up and serving",
	    COMMAND_STATUS, CMD_INSTANCES | CMD_PAGED },
	{ "stale", "[INSTANCE ...]",
	    "scan for references to earlier generations",
	    COMMAND_STALE, CMD_INSTANCES | CMD_PAGED },
	{ "push", "DIR", "deploy the code in DIR as the cluster's extensions",
	    COMMAND_PUSH, CMD_MUTATES | CMD_LOCKS | CMD_ONE_TARGET },
	{ "eval", "LUA | -f FILE [-- ARG ...]",
	    "run Lua in the instance and print the results",
	    COMMAND_EVAL, CMD_MUTATES },
	{ "console", "", "interactive Lua console",
	    COMMAND_CONSOLE, CMD_MUTATES | CMD_ONE_TARGET | CMD_NO_REPL },
	{ "set", "output text|json", "format of results and reports",
	    COMMAND_SET, CMD_LOCAL | CMD_REPL_ONLY },
	{ "help", "[COMMAND]", "show this help, or the help of one command",
	    COMMAND_HELP, CMD_LOCAL },
	{ "version", "", "show the version",
	    COMMAND_VERSION, CMD_LOCAL | CMD_NO_REPL },
	{ "quit", "", "leave, as Ctrl-D does",
	    COMMAND_QUIT, CMD_LOCAL | CMD_REPL_ONLY },
	{ NULL, NULL, NULL, 0, 0 }
};

#define AT(field)	offsetof(struct options, field)

const struct option_row option_table[] = {
	{ 's', "socket", "TARGET", NULL,
	    "console or binary port to connect to: a path, a glob of paths or"
	    " [USER@]HOST:PORT; may be repeated",
	    COMMAND_ALL, OPTION_LIST, AT(sockets), OPT_CLI_ONLY },
	{ 'a', "app", "NAME", NULL,
	    "all instances of this application on this machine;"
	    " may be repeated",
	    COMMAND_ALL, OPTION_LIST, AT(apps), OPT_CLI_ONLY },
	{ 'i', "instance", "NAME", NULL,
	    "only instances with this name; may be repeated",
	    COMMAND_ALL, OPTION_LIST, AT(instances), OPT_CLI_ONLY },
	{ KEY_RUN_DIR, "run-dir", "DIR", NULL,
	    "directory to search for sockets",
	    COMMAND_ALL, OPTION_TEXT, AT(run_dir), OPT_CLI_ONLY },
	{ 'u', "user", "NAME", NULL,
	    "user for a binary port ($TT_CLI_USERNAME; admin if a cluster"
	    " cookie is known; guest)",
	    COMMAND_ALL, OPTION_TEXT, AT(user), OPT_CLI_ONLY },
	{ KEY_PASSWORD_FILE, "password-file", "FILE", NULL,
	    "read the password from FILE, - for standard input"
	    " ($TT_CLI_PASSWORD, $TARANTOOL_CLUSTER_COOKIE, a prompt)",
	    COMMAND_ALL, OPTION_TEXT, AT(password_file), OPT_CLI_ONLY },
	{ KEY_CLUSTER, "cluster", NULL, NULL,
	    "act on the whole cluster, through one of its instances",
	    CLUSTER, OPTION_FLAG, AT(cluster), 0 },
	{ KEY_ALLOW_MIXED, "allow-mixed", NULL, NULL,
	    "proceed even if instances have different code on disk",
	    CHANGES, OPTION_FLAG, AT(allow_mixed), OPT_IN_FULL },
	{ 'j', "jobs", "N", NULL,
	    "instances to work on in parallel (1; 64 for read-only commands)",
	    MANY, OPTION_COUNT, AT(jobs), 0 },
	{ 'k', "keep-going", NULL, NULL,
	    "continue with other instances after a failure",
	    MANY, OPTION_FLAG, AT(keep_going), OPT_IN_FULL },
	{ 't', "timeout", "SECONDS", NULL,
	    "time limit for each instance (60)",
	    COMMAND_ALL, OPTION_TIME_LIMIT, AT(timeout), 0 },
	{ 'w', "wait", "SECONDS", NULL,
	    "retry for up to SECONDS until the instance is reachable and"
	    " ready (0)",
	    COMMAND_ALL, OPTION_TIME, AT(wait), 0 },
	{ 'm', "module", "GLOB", NULL,
	    "reload only modules that match; may be repeated",
	    CHANGES, OPTION_LIST, AT(modules), 0 },
	{ 'x', "exclude", "GLOB", NULL,
	    "skip modules that match; may be repeated",
	    CHANGES, OPTION_LIST, AT(excludes), 0 },
	{ KEY_MAIN, "main", NULL, NULL,
	    "run the main script again (applications without a framework)",
	    CHANGES, OPTION_FLAG, AT(run_main), 0 },
	{ KEY_ROCKS, "rocks", NULL, NULL,
	    "reload modules under .rocks too",
	    CHANGES, OPTION_FLAG, AT(rocks), 0 },
	{ KEY_METHOD, "method", "METHOD", "staged|native",
	    "staged: a transaction; native: the application's own reload,"
	    " Cartridge's reload_roles() or package.reload (staged)",
	    CHANGES, OPTION_TEXT, AT(method), 0 },
	{ KEY_STALE, "stale", "ACTION", "patch|report|fail",
	    "references to old code: patch the unambiguous ones, only report"
	    " them, or patch and exit with 7 if any remain (patch)",
	    COMMAND_RELOAD, OPTION_TEXT, AT(stale), 0 },
	{ KEY_NO_STOP, "no-stop", NULL, NULL,
	    "do not call stop() of the old roles",
	    CHANGES, OPTION_FLAG, AT(no_stop), OPT_IN_FULL },
	{ KEY_IF_CHANGED, "if-changed", NULL, NULL,
	    "do nothing if no file of the application changed",
	    CHANGES, OPTION_FLAG, AT(if_changed), 0 },
	{ 'n', "dry-run", NULL, NULL,
	    "the same as plan; with push, only show the changes",
	    CHANGES | COMMAND_PUSH, OPTION_FLAG, AT(dry_run), 0 },
	{ KEY_EXIT_CODE, "exit-code", NULL, NULL,
	    "with plan and push -n: exit with 9 if something would change",
	    CHANGES | COMMAND_PUSH, OPTION_FLAG, AT(exit_code),
	    OPT_CLI_ONLY },
	{ KEY_PRUNE, "prune", NULL, NULL,
	    "with push, also remove files that are not in DIR",
	    COMMAND_PUSH, OPTION_FLAG, AT(prune), OPT_IN_FULL },
	{ 'f', "file", "FILE", NULL,
	    "run the Lua in this file, - for standard input",
	    COMMAND_EVAL, OPTION_TEXT, AT(eval_file), 0 },
	{ 'o', "output", "FORMAT", "text|json",
	    "format of the report on standard output (text)",
	    COMMAND_ALL, OPTION_FORMAT, AT(output), 0 },
	{ 'q', "quiet", NULL, NULL,
	    "print nothing but errors",
	    COMMAND_ALL, OPTION_FLAG, AT(quiet), 0 },
	{ 'v', "verbose", NULL, NULL,
	    "print each phase and more details",
	    COMMAND_ALL, OPTION_FLAG, AT(verbose), 0 },
	{ KEY_COLOR, "color", "WHEN", "auto|always|never",
	    "colours in the report (auto)",
	    COMMAND_ALL, OPTION_WHEN, AT(color), 0 },
	{ KEY_PROGRESS, "progress", "WHEN", "auto|always|never",
	    "a progress line on standard error (auto)",
	    COMMAND_ALL, OPTION_WHEN, AT(progress), 0 },
	{ KEY_PRINT_LUA, "print-lua", NULL, NULL,
	    "print the line of Lua that would be sent, without connecting",
	    REQUEST, OPTION_FLAG, AT(print_lua), OPT_CLI_ONLY },
	{ 'h', "help", NULL, NULL,
	    "show this help, or the help of one command",
	    COMMAND_ALL, OPTION_FLAG, AT(help), 0 },
	{ 'V', "version", NULL, NULL,
	    "show the version",
	    COMMAND_ALL, OPTION_FLAG, AT(version), OPT_CLI_ONLY },
	{ 0, NULL, NULL, NULL, NULL, 0, OPTION_FLAG, 0, 0 }
};

/* Options that --method native does not support. */
static const int native_excludes[] = {
	'm', 'x', KEY_MAIN, KEY_ROCKS, KEY_NO_STOP, KEY_IF_CHANGED
};

/* The state of parsing one command line. */
struct parser {
	struct options	*options;
	struct error	*error;
	unsigned	 given[nitems(option_table)];
	int		 in_repl;
	struct string_list words;	/* arguments that are not options */
	size_t		 separated;	/* how many came after "--" */
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

static int __attribute__((format(printf, 2, 3)))
usage(struct parser *parser, const char *fmt, ...)
{
	char text[2 * sizeof(parser->error->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return error_set(parser->error, ERROR_USAGE, "%s", text);
}

int
options_in_cli(const struct command_row *row)
{
	return (row->flags & CMD_REPL_ONLY) == 0;
}

int
options_in_repl(const struct command_row *row)
{
	return (row->flags & CMD_NO_REPL) == 0;
}

const struct command_row *
options_find_command(const char *name)
{
	const struct command_row *row;

	for (row = command_table; row->name != NULL; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static const struct option_row *
find_key(int key)
{
	const struct option_row *row;

	for (row = option_table; row->name != NULL; row++)
		if (row->key == key)
			return row;
	return NULL;
}

static int
is_given(const struct parser *parser, int key)
{
	return parser->given[find_key(key) - option_table] != 0;
}

/* --- Values ----------------------------------------------------------------*/

/*
 * Reads NUMBER[UNIT] as seconds.  Checks the digits first, because strtod(3)
 * also accepts hexadecimal numbers, "inf" and "nan".
 */
static int
read_time(struct parser *parser, const struct option_row *row,
    const char *text, double *seconds)
{
	static const struct {
		const char	*name;
		double		 seconds;
	} units[] = { { "", 1 }, { "ms", 0.001 }, { "s", 1 }, { "m", 60 },
	    { "h", 3600 } };
	size_t i, digits = strspn(text, "0123456789.");
	double value;
	char *end;

	for (i = 0; i < nitems(units); i++)
		if (strcmp(text + digits, units[i].name) == 0)
			break;
	errno = 0;
	value = strtod(text, &end);
	if (i == nitems(units) || digits == 0 || end != text + digits)
		return usage(parser, "--%s: '%s' is not a duration such as 30, "
		    "10s or 5m", row->name, text);
	value *= units[i].seconds;
	if (errno != 0 || !isfinite(value) || value > SECONDS_MAX)
		return usage(parser, "--%s: '%s' is out of range (at most %.0f "
		    "seconds)", row->name, text, SECONDS_MAX);
	if (value <= 0 && row->type == OPTION_TIME_LIMIT)
		return usage(parser, "--%s: must be greater than 0", row->name);
	*seconds = value;
	return 0;
}

static int
read_count(struct parser *parser, const struct option_row *row,
    const char *text, size_t *count)
{
	const char *problem;

	*count = (size_t)strtonum(text, 1, JOBS_MAX, &problem);
	if (problem == NULL)
		return 0;
	return usage(parser, "--%s: '%s' is not a number from 1 to %d",
	    row->name, text, JOBS_MAX);
}

/* Checks that the text is one of the values that the row allows. */
static int
check_choice(struct parser *parser, const struct option_row *row,
    const char *text)
{
	const char *value, *separator = "";
	char known[128] = "";
	size_t len;

	for (value = row->values;; value += len + 1) {
		len = strcspn(value, "|");
		if (strlen(text) == len && strncmp(value, text, len) == 0)
			return 0;
		strlcat(known, separator, sizeof(known));
		strncat(known, value, len);
		if (value[len] == '\0')
			break;
		separator = strchr(value + len + 1, '|') != NULL ? ", " :
		    " or ";
	}
	return usage(parser, "--%s: invalid value '%s' (%s)", row->name, text,
	    known);
}

static enum term_color_mode
mode_of(const char *value)
{
	if (strcmp(value, "auto") == 0)
		return TERM_AUTO;
	return strcmp(value, "always") == 0 ? TERM_ALWAYS : TERM_NEVER;
}

/*
 * Stores an option's value, which is NULL for a flag, in the field that its row
 * names.
 */
static int
store(struct parser *parser, const struct option_row *row, const char *value)
{
	void *field = (char *)parser->options + row->offset;
	unsigned *given = &parser->given[row - option_table];

	if (row->arg != NULL && value[0] == '\0')
		return usage(parser, "--%s: the value is empty", row->name);
	if (*given && row->type != OPTION_LIST)
		return usage(parser, "--%s is given twice", row->name);
	*given = 1;
	if (row->values != NULL && check_choice(parser, row, value) == -1)
		return -1;
	switch (row->type) {
	case OPTION_FLAG:
		*(int *)field = 1;
		break;
	case OPTION_TEXT:
		*(const char **)field = value;
		break;
	case OPTION_LIST:
		return list_add(field, value, parser->error);
	case OPTION_COUNT:
		return read_count(parser, row, value, field);
	case OPTION_TIME:
	case OPTION_TIME_LIMIT:
		return read_time(parser, row, value, field);
	case OPTION_WHEN:
		*(enum term_color_mode *)field = mode_of(value);
		break;
	case OPTION_FORMAT:
		*(const struct output **)field = output_find(value);
		break;
	}
	/* If both -q and -v are given, the last one wins. */
	if (row->key == 'q')
		parser->options->verbose = 0;
	else if (row->key == 'v')
		parser->options->quiet = 0;
	return 0;
}

/* --- Scanning --------------------------------------------------------------*/

/* The option table as arguments for getopt_long(3). */
struct scanner {
	char		 letters[2 + 2 * nitems(option_table)];
	struct option	 longs[nitems(option_table)];
};

static void
scanner_init(struct scanner *scanner)
{
	const struct option_row *row;
	struct option *option = scanner->longs;
	/*
	 * '-' makes getopt return words in their place, ':' makes it return ':'
	 * if a value is missing.
	 */
	char *letter = stpcpy(scanner->letters, "-:");

	memset(scanner->longs, 0, sizeof(scanner->longs));
	for (row = option_table; row->name != NULL; row++, option++) {
		option->name = row->name;
		option->has_arg = row->arg != NULL ? required_argument :
		    no_argument;
		option->val = row->key;
		if (row->key > 255)
			continue;
		*letter++ = (char)row->key;
		if (row->arg != NULL)
			*letter++ = ':';
	}
	*letter = '\0';
}

/*
 * Sets the error for a word that starts with "--" and is not an option.
 * Options that must be written in full count as candidates for an abbreviation,
 * so they can make it ambiguous, but are never selected by it.
 */
static int
unknown_long(struct parser *parser, const char *word)
{
	const struct option_row *row;
	struct nearest nearest;
	char candidates[256] = "", *name;
	int len = (int)strcspn(word, "="), matches = 0;

	for (row = option_table; row->name != NULL && len > 2; row++) {
		if (strncmp(row->name, word + 2, (size_t)len - 2) != 0)
			continue;
		strlcat(candidates, matches++ > 0 ? ", --" : "--",
		    sizeof(candidates));
		strlcat(candidates, row->name, sizeof(candidates));
	}
	if (matches > 1)
		return usage(parser, "option '%.*s' is ambiguous: %s", len,
		    word, candidates);
	if (matches == 1)
		return usage(parser, "unknown option '%.*s'; %s cannot be "
		    "abbreviated", len, word, candidates);
	if ((name = strndup(word + 2, (size_t)len - 2)) == NULL)
		return error_out_of_memory(parser->error);
	nearest_init(&nearest, name);
	for (row = option_table; row->name != NULL; row++)
		nearest_add(&nearest, row->name);
	free(name);
	if (nearest.name != NULL)
		return usage(parser, "unknown option '%.*s'; did you mean "
		    "--%s?", len, word, nearest.name);
	return usage(parser, "unknown option '%.*s'", len, word);
}

/* Whether the word may stand for the option: some must be written in full. */
static int
is_spelt_out(const char *word, const struct option_row *row)
{
	return (row->flags & OPT_IN_FULL) == 0 ||
	    strncmp(word, "--", 2) != 0 ||
	    strlen(row->name) == strcspn(word, "=") - 2;
}

/* Handles one result of getopt_long(3), found at `word`. */
static int
take(struct parser *parser, int key, const char *word)
{
	const struct option_row *row;
	int is_long = strncmp(word, "--", 2) == 0;

	if (key == 1)
		return list_add(&parser->words, optarg, parser->error);
	if (key == '?' && !is_long)
		return usage(parser, "unknown option '-%c'", optopt);
	row = find_key(key == '?' || key == ':' ? optopt : key);
	if (row == NULL || !is_spelt_out(word, row))
		return unknown_long(parser, word);
	if (key == '?')
		return usage(parser, "option --%s takes no value", row->name);
	if (key != ':')
		return store(parser, row, optarg);
	return is_long ?
	    usage(parser, "option --%s needs a value: %s", row->name,
	    row->arg) :
	    usage(parser, "option -%c needs a value: %s", row->key, row->arg);
}

/*
 * Reads options and collects words.  Stops at --help, so that later mistakes
 * are not reported, and sets *next to the index of the next word.
 */
static int
scan(struct parser *parser, int argc, char *argv[], int *next)
{
	struct options *options = parser->options;
	struct scanner scanner;
	int at, key, result = 0;

	scanner_init(&scanner);
	opterr = 0;
	/* Reset getopt_long(3), as the console parses many lines. */
	optind = 0;
	while (result == 0 && !options->help && !options->version) {
		at = optind > 0 ? optind : 1;
		key = getopt_long(argc, argv, scanner.letters, scanner.longs,
		    NULL);
		if (key == -1)
			break;
		result = take(parser, key, argv[at]);
	}
	*next = optind;
	if (options->help || options->version)
		return result;
	for (; optind < argc && result == 0; optind++) {
		result = list_add(&parser->words, argv[optind], parser->error);
		parser->separated++;
	}
	return result;
}

/* --- Meaning ---------------------------------------------------------------*/

static int
unknown_command(struct parser *parser, const char *name)
{
	const struct command_row *row;
	struct nearest nearest;
	char known[256] = "", *shown;

	/* Hide a password: the word may be a target. */
	if ((shown = target_without_password(name)) == NULL)
		return error_out_of_memory(parser->error);
	nearest_init(&nearest, name);
	for (row = command_table; row->name != NULL; row++) {
		if (!options_in_cli(row))
			continue;
		nearest_add(&nearest, row->name);
		strlcat(known, row == command_table ? "" : ", ",
		    sizeof(known));
		strlcat(known, row->name, sizeof(known));
	}
	if (strchr(name, '/') != NULL || strchr(name, '@') != NULL)
		usage(parser, "unknown command '%s' (use --socket to name a "
		    "target)", shown);
	else if (strchr(name, ':') != NULL)
		usage(parser, "unknown command '%s' (use --socket to name a "
		    "target; an instance follows the command)", shown);
	else if (nearest.name != NULL)
		usage(parser, "unknown command '%s'; did you mean %s?", shown,
		    nearest.name);
	else
		usage(parser, "unknown command '%s' (commands: %s)", shown,
		    known);
	free(shown);
	return -1;
}

static const struct command_row *
find_cli_command(struct parser *parser, const char *name)
{
	const struct command_row *row = options_find_command(name);

	if (row != NULL && options_in_cli(row))
		return row;
	unknown_command(parser, name);
	return NULL;
}

/* Rejects a word.  Hides a password, as the word may be a target. */
static int
refuse_word(struct parser *parser, const char *word, const char *why)
{
	char *shown;

	if ((shown = target_without_password(word)) == NULL)
		return error_out_of_memory(parser->error);
	usage(parser, "%s: %s '%s'", parser->options->command->name, why,
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
 * Reads the arguments of eval.  The first word is the Lua unless there is a
 * file, even after "--", where it may start with a dash.
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
		return usage(parser, "eval: unexpected argument '%s' "
		    "(arguments for the Lua code follow --)", words[i]);
	for (; i < count; i++)
		if (list_add(&options->eval_args, words[i],
		    parser->error) == -1)
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

/* Reads the words after the command. */
static int
read_arguments(struct parser *parser, const char **words, size_t count)
{
	struct options *options = parser->options;
	size_t i;

	if (options->command->bit == COMMAND_EVAL)
		return read_eval(parser, words, count);
	if (options->command->bit == COMMAND_HELP)
		return read_help(parser, words, count);
	if (options->command->bit == COMMAND_VERSION)
		options->version = 1;
	if (options->command->bit == COMMAND_PUSH && count > 0) {
		options->push_dir = *words++;
		count--;
	}
	if (count > 0 && (options->command->flags & CMD_INSTANCES) == 0)
		return unexpected(parser, words[0]);
	for (i = 0; i < count; i++) {
		if (strchr(words[i], '/') != NULL)
			return refuse_word(parser, words[i], "not an instance "
			    "name (use --socket to name a target):");
		if (list_add(&options->instances, words[i],
		    parser->error) == -1)
			return -1;
	}
	return 0;
}

/*
 * Determines which command to print the help of: one already read or, if there
 * is none, the next word.
 */
static int
read_help_words(struct parser *parser, const char *next)
{
	struct options *options = parser->options;
	const char *name = NULL;

	if (options->help_command != NULL)
		return 0;
	if (parser->words.count > 0)
		name = parser->words.list[0];
	else if (next != NULL && next[0] != '-')
		name = next;
	if (name == NULL)
		return 0;
	options->help_command = find_cli_command(parser, name);
	return options->help_command != NULL ? 0 : -1;
}

/* Checks that the command takes all the options given. */
static int
check_taken(struct parser *parser)
{
	const struct command_row *command = parser->options->command;
	const struct option_row *row;

	for (row = option_table; row->name != NULL; row++)
		if (parser->given[row - option_table] &&
		    (row->commands & command->bit) == 0)
			return usage(parser, "--%s cannot be used with %s",
			    row->name, command->name);
	return 0;
}

static int
check_native(struct parser *parser)
{
	const struct option_row *row;
	size_t i;

	if (strcmp(parser->options->method, "native") != 0)
		return 0;
	if (parser->options->command->bit == COMMAND_PLAN)
		return usage(parser, "--method native cannot be used with "
		    "plan");
	for (i = 0; i < nitems(native_excludes); i++) {
		row = find_key(native_excludes[i]);
		if (row != NULL && is_given(parser, row->key))
			return usage(parser, "--method native cannot be used "
			    "with --%s", row->name);
	}
	return 0;
}

/*
 * Checks that eval has its Lua.  Otherwise it reads standard input, provided
 * that this is a pipe or a file, not a terminal or /dev/null.
 */
static int
check_eval(struct parser *parser)
{
	struct options *options = parser->options;
	struct stat st;

	if (options->command->bit != COMMAND_EVAL ||
	    options->eval_text != NULL || options->eval_file != NULL)
		return 0;
	if (parser->in_repl || fstat(STDIN_FILENO, &st) == -1 ||
	    S_ISCHR(st.st_mode))
		return usage(parser, "eval: missing LUA or --file");
	options->eval_file = "-";
	return 0;
}

/* Rejects invalid combinations of options; --dry-run selects `plan`. */
static int
check(struct parser *parser)
{
	struct options *options = parser->options;

	if (check_taken(parser) == -1)
		return -1;
	if (options->dry_run && options->command->bit != COMMAND_PUSH) {
		options->command = options_find_command("plan");
		if (check_taken(parser) == -1)
			return -1;
	}
	if (options->command->bit == COMMAND_PUSH &&
	    (options->push_dir == NULL || options->push_dir[0] == '\0'))
		return usage(parser, "push: missing DIR");
	if (options->allow_mixed && !options->cluster)
		return usage(parser, "--allow-mixed needs --cluster");
	if (options->cluster && options->print_lua)
		return usage(parser, "--cluster cannot be used with "
		    "--print-lua");
	if (options->password_file != NULL && options->eval_file != NULL &&
	    strcmp(options->password_file, "-") == 0 &&
	    strcmp(options->eval_file, "-") == 0)
		return usage(parser, "--password-file and the Lua cannot both "
		    "come from standard input");
	if (options->exit_code && options->command->bit != COMMAND_PLAN &&
	    !options->dry_run)
		return usage(parser, "--exit-code needs plan or --dry-run");
	return check_eval(parser) == -1 ? -1 : check_native(parser);
}

static void
set_defaults(struct options *options)
{
	memset(options, 0, sizeof(*options));
	options->command = &command_table[0];
	options->timeout = 60;
	options->method = "staged";
	options->stale = "patch";
	options->output = &output_text;
}

/* Parses a whole line.  If `command` is NULL, the first word is its name. */
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
	result = scan(parser, argc, argv, &next);
	if (result == 0 && command != NULL && options->help) {
		options->help_command = command;
	} else if (result == 0 && options->help) {
		result = read_help_words(parser, next < argc ? argv[next] :
		    NULL);
	} else if (result == 0 && !options->version) {
		words = parser->words.list;
		count = parser->words.count;
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
	list_free(&parser->words);
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
