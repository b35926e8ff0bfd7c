/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options_scan.h"
#include "util/array.h"
#include "util/nearest.h"

/*
 * The maximum time that an option accepts, in seconds: more than eleven days.
 */
#define SECONDS_MAX	1e6

/* The maximum value of --jobs, more than any cluster can use. */
#define JOBS_MAX	10000

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

int
options_usage(struct parser *parser, const char *fmt, ...)
{
	char text[2 * sizeof(parser->error->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return error_set(parser->error, ERROR_USAGE, "%s", text);
}

int
options_add(struct parser *parser, struct arg_list *list, const char *text)
{
	const char **grown;

	grown = array_grow(list->list, list->count, sizeof(*grown));
	if (grown == NULL)
		return error_out_of_memory(parser->error);
	list->list = grown;
	list->list[list->count++] = text;
	return 0;
}

int
options_not_in_repl(struct parser *parser, const char *what)
{
	return options_usage(parser, "\\%s: %s is not available in the console",
	    parser->options->command->name, what);
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

/*
 * Converts a duration such as "10s" or "5m" to seconds.  Checks the digits
 * first, because strtod(3) also accepts hexadecimal numbers, "inf" and "nan".
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
		return options_usage(parser,
		    "--%s: '%s' is not a duration such as 30, "
		    "10s or 5m", row->name, text);
	value *= units[i].seconds;
	if (errno != 0 || !isfinite(value) || value > SECONDS_MAX)
		return options_usage(parser,
		    "--%s: '%s' is out of range (at most %.0f "
		    "seconds)", row->name, text, SECONDS_MAX);
	if (value <= 0 && row->type == OPTION_TIME_LIMIT)
		return options_usage(parser,
		    "--%s: must be greater than 0", row->name);
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
	return options_usage(parser, "--%s: '%s' is not a number from 1 to %d",
	    row->name, text, JOBS_MAX);
}

/*
 * Returns the index of `text` among the values that an option allows, or -1
 * with an error if the option does not allow it.
 */
static int
find_choice(struct parser *parser, const struct option_row *row,
    const char *text)
{
	const char *value, *separator = "";
	char known[128] = "";
	size_t len;
	int i;

	for (value = row->values, i = 0;; value += len + 1, i++) {
		len = strcspn(value, "|");
		if (strlen(text) == len && strncmp(value, text, len) == 0)
			return i;
		strlcat(known, separator, sizeof(known));
		strncat(known, value, len);
		if (value[len] == '\0')
			break;
		separator = strchr(value + len + 1, '|') != NULL ? ", " :
		    " or ";
	}
	return options_usage(parser,
	    "--%s: invalid value '%s' (%s)", row->name, text,
	    known);
}

/*
 * Stores the value of an option in its field of `struct options`.  `value` is
 * NULL for an option without a value.
 */
static int
store(struct parser *parser, const struct option_row *row, const char *value)
{
	void *field = (char *)parser->options + row->offset;
	int *given = &parser->given[row - option_table], choice = 0;
	char name[64];

	if (parser->in_repl && (row->flags & OPT_CLI_ONLY) != 0) {
		snprintf(name, sizeof(name), "--%s", row->name);
		return options_not_in_repl(parser, name);
	}
	if (row->arg != NULL && value[0] == '\0')
		return options_usage(parser,
		    "--%s: the value is empty", row->name);
	if (*given && row->type != OPTION_LIST)
		return options_usage(parser, 
		    "--%s can be given only once", row->name);
	*given = 1;
	if (row->values != NULL &&
	    (choice = find_choice(parser, row, value)) == -1)
		return -1;
	switch (row->type) {
	case OPTION_FLAG:
		*(int *)field = 1;
		break;
	case OPTION_TEXT:
		*(const char **)field = value;
		break;
	case OPTION_LIST:
		return options_add(parser, field, value);
	case OPTION_COUNT:
		return read_count(parser, row, value, field);
	case OPTION_TIME:
	case OPTION_TIME_LIMIT:
		return read_time(parser, row, value, field);
	case OPTION_CHOICE:
		*(int *)field = choice;
		break;
	case OPTION_FORMAT:
		*(const struct output **)field = output_find(value);
		break;
	}
	/* If both -q and -v are given, the later one wins. */
	if (row->key == 'q')
		parser->options->verbose = 0;
	else if (row->key == 'v')
		parser->options->quiet = 0;
	return 0;
}

/* The option table in the form that getopt_long(3) takes. */
struct scanner {
	char		 letters[2 + 2 * OPTIONS_MAX];
	struct option	 longs[OPTIONS_MAX];
};

static void
scanner_init(struct scanner *scanner)
{
	const struct option_row *row;
	struct option *option = scanner->longs;
	/*
	 * Flags for getopt_long(3).  With '-', it also returns words that are
	 * not options, in the order of the command line.  With ':', it reports
	 * a missing value as ':' instead of '?'.
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
 * Sets the error for a word that starts with "--" but selects no option: it is
 * unknown or ambiguous, or abbreviates an option that must not be abbreviated.
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
		return options_usage(parser,
		    "option '%.*s' is ambiguous: %s", len,
		    word, candidates);
	if (matches == 1)
		return options_usage(parser,
		    "unknown option '%.*s'; %s cannot be "
		    "abbreviated", len, word, candidates);
	if ((name = strndup(word + 2, (size_t)len - 2)) == NULL)
		return error_out_of_memory(parser->error);
	nearest_init(&nearest, name);
	for (row = option_table; row->name != NULL; row++)
		nearest_add(&nearest, row->name);
	free(name);
	if (nearest.name != NULL)
		return options_usage(parser,
		    "unknown option '%.*s'; did you mean "
		    "--%s?", len, word, nearest.name);
	return options_usage(parser, "unknown option '%.*s'", len, word);
}

/*
 * Returns 0 if the word abbreviates an option that must not be abbreviated, and
 * 1 in all other cases.
 */
static int
is_spelt_out(const char *word, const struct option_row *row)
{
	return (row->flags & OPT_IN_FULL) == 0 ||
	    strncmp(word, "--", 2) != 0 ||
	    strlen(row->name) == strcspn(word, "=") - 2;
}

/*
 * Handles one result of getopt_long(3).  `key` is the value returned, and
 * `word` is the argument that was read.
 */
static int
take(struct parser *parser, int key, const char *word)
{
	const struct option_row *row;
	int is_long = strncmp(word, "--", 2) == 0;

	if (key == 1) {
		parser->words[parser->count++] = optarg;
		return 0;
	}
	if (key == '?' && !is_long)
		return options_usage(parser, "unknown option '-%c'", optopt);
	row = find_key(key == '?' || key == ':' ? optopt : key);
	if (row == NULL || !is_spelt_out(word, row))
		return unknown_long(parser, word);
	if (key == '?')
		return options_usage(parser,
		    "option --%s takes no value", row->name);
	if (key != ':')
		return store(parser, row, optarg);
	return is_long ?
	    options_usage(parser, "option --%s requires a value: %s", row->name,
	    row->arg) :
	    options_usage(parser,
	    "option -%c requires a value: %s", row->key, row->arg);
}

int
options_scan(struct parser *parser, int argc, char *argv[], int *next)
{
	struct options *options = parser->options;
	struct scanner scanner;
	int at, key, result = 0;

	/* Allocate room for all arguments, in case none is an option. */
	parser->words = calloc((size_t)argc + 1, sizeof(*parser->words));
	if (parser->words == NULL)
		return error_out_of_memory(parser->error);
	scanner_init(&scanner);
	opterr = 0;
	/*
	 * Reset getopt_long(3), because the console parses many command lines
	 * in one process.
	 */
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
	while (result == 0 && optind < argc) {
		parser->words[parser->count++] = argv[optind++];
		parser->separated++;
	}
	return result;
}
