/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "repl/backslash.h"

static struct options defaults;

static int
set_up(void **state)
{
	static char program[] = "cartridge-reload", conn[] = "console";
	static char timeout[] = "-t2.5", quiet[] = "-q";
	char *argv[] = { program, conn, timeout, quiet };
	struct error error;

	(void)state;
	return options_parse(&defaults, 4, argv, &error);
}

static int
tear_down(void **state)
{
	(void)state;
	options_finish(&defaults);
	return 0;
}

static void
parse(struct backslash *backslash, const char *line)
{
	struct error error;

	if (backslash_parse(backslash, line, &defaults, &error) == -1)
		fail_msg("%s: %s", line, error.message);
}

/* The line is wrong, and the message has this part. */
static void
assert_wrong(const char *line, const char *part)
{
	struct backslash backslash;
	struct error error;

	assert_int_equal(backslash_parse(&backslash, line, &defaults,
	    &error), -1);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_non_null(strstr(error.message, part));
}

static void
test_backslash_line_is_recognised(void **state)
{
	(void)state;
	assert_true(backslash_begins("\\x"));
	assert_true(backslash_begins(" \t\\"));
	assert_false(backslash_begins(""));
	assert_false(backslash_begins("x\\"));
}

static void
test_backslash_command_has_command_line_options(void **state)
{
	struct backslash backslash;

	(void)state;
	parse(&backslash, "\\reload --stale fail -m 'a b' --module=c");
	assert_int_equal(backslash.options.command->bit, COMMAND_RELOAD);
	assert_string_equal(backslash.options.stale, "fail");
	assert_int_equal(backslash.options.modules.count, 2);
	assert_string_equal(backslash.options.modules.list[0], "a b");
	backslash_finish(&backslash);

	parse(&backslash, "  \\reload -n");
	assert_int_equal(backslash.options.command->bit, COMMAND_PLAN);
	backslash_finish(&backslash);

	parse(&backslash, "\\eval -f \"a file\"");
	assert_int_equal(backslash.options.command->bit, COMMAND_EVAL);
	assert_string_equal(backslash.options.eval_file, "a file");
	backslash_finish(&backslash);
}

static void
test_backslash_console_options_are_defaults(void **state)
{
	struct backslash backslash;

	(void)state;
	parse(&backslash, "\\status");
	assert_true(backslash.options.timeout > 2.49 &&
	    backslash.options.timeout < 2.51);
	assert_true(backslash.options.quiet);
	assert_false(backslash.options.verbose);
	assert_ptr_equal(backslash.options.output, &output_text);
	backslash_finish(&backslash);

	parse(&backslash, "\\status -v -t 3 -o json");
	assert_true(backslash.options.timeout > 2.99);
	assert_true(backslash.options.verbose && !backslash.options.quiet);
	assert_ptr_equal(backslash.options.output, &output_json);
	backslash_finish(&backslash);
}

static void
test_backslash_unique_prefix_is_expanded(void **state)
{
	struct backslash backslash;

	(void)state;
	parse(&backslash, "\\q");
	assert_int_equal(backslash.options.command->bit, COMMAND_QUIT);
	backslash_finish(&backslash);
	parse(&backslash, "\\r");
	assert_int_equal(backslash.options.command->bit, COMMAND_RELOAD);
	backslash_finish(&backslash);
	parse(&backslash, "\\pl");
	assert_int_equal(backslash.options.command->bit, COMMAND_PLAN);
	backslash_finish(&backslash);
	assert_wrong("\\p", "command '\\p' is ambiguous: \\plan, \\push");
	assert_wrong("\\s", "command '\\s' is ambiguous: \\status, \\stale, "
	    "\\set");
	assert_wrong("\\sta", "command '\\sta' is ambiguous: \\status, "
	    "\\stale");
}

static void
test_backslash_unknown_name_is_reported(void **state)
{
	(void)state;
	assert_wrong("\\console", "'\\console'");
	assert_wrong("\\quits", " \\quit?");
	assert_wrong("\\relaod", " \\reload?");
	assert_wrong("\\reload 'x", "unterminated quote");
	assert_wrong("\\reload x",
	    "\\reload: another instance is not available in the console");
	/* Of the command line. */
	assert_wrong("\\status --stale=fail", "--stale");
	assert_wrong("\\status -v -v", "--verbose");
	assert_wrong("\\eval -f -",
	    "\\eval: standard input is not available in the console");
	assert_wrong("\\eval", "--file");
	assert_wrong("\\quit now", "\\quit: unexpected argument 'now'");
	assert_wrong("\\help plan now", "\\help: unexpected argument 'now'");
	assert_wrong("\\set colour on",
	    "\\set: unknown setting 'colour' (available: output)");
	assert_wrong("\\set output xml",
	    "\\set output: invalid value 'xml' (text or json)");
	assert_wrong("\\set output json x",
	    "\\set: unexpected argument 'x'");
}

static void
test_backslash_alone_is_no_command(void **state)
{
	static const char *const lines[] = { "\\", "\\ reload", " \\\t" };
	struct backslash backslash;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(backslash_parse(&backslash, lines[i],
		    &defaults, &error), -1);
		assert_non_null(strstr(error.message, "'\\'"));
	}
}

static void
test_backslash_target_options_are_rejected(void **state)
{
	static const char *const words[] = {
		"-s x", "--app=x", "-i x", "--run-dir x", "--print-lua",
		"--version"
	};
	struct backslash backslash;
	struct error error;
	char line[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(line, sizeof(line), "\\status %s", words[i]);
		assert_int_equal(backslash_parse(&backslash, line, &defaults,
		    &error),
		    -1);
		assert_non_null(strstr(error.message,
		    "is not available in the console"));
	}
}

static void
test_backslash_settings_and_help_are_parsed(void **state)
{
	struct backslash backslash;

	(void)state;
	parse(&backslash, "\\set output json");
	assert_int_equal(backslash.options.command->bit, COMMAND_SET);
	assert_ptr_equal(backslash.output, &output_json);
	backslash_finish(&backslash);
	parse(&backslash, "\\set");
	assert_null(backslash.output);
	backslash_finish(&backslash);
	parse(&backslash, "\\help");
	assert_int_equal(backslash.options.command->bit, COMMAND_HELP);
	assert_null(backslash.help);
	backslash_finish(&backslash);
	parse(&backslash, "\\help \\rel");
	assert_int_equal(backslash.help->bit, COMMAND_RELOAD);
	backslash_finish(&backslash);
	parse(&backslash, "\\status --help");
	assert_int_equal(backslash.options.command->bit, COMMAND_HELP);
	assert_int_equal(backslash.help->bit, COMMAND_STATUS);
	backslash_finish(&backslash);
}

/* What is offered for the last word of a line, separated by blanks. */
static const char *
offered(const char *line, int *files)
{
	static char text[2048];
	struct backslash_names names;
	const char *word = strrchr(line, ' ');
	size_t i, start = word == NULL ? 0 : (size_t)(word - line) + 1;

	assert_int_equal(backslash_complete(&names, line, start,
	    strlen(line)), 0);
	text[0] = '\0';
	for (i = 0; i < names.words.count; i++) {
		strlcat(text, i > 0 ? " " : "", sizeof(text));
		strlcat(text, names.words.list[i], sizeof(text));
	}
	if (files != NULL)
		*files = names.files;
	backslash_names_finish(&names);
	return text;
}

static void
test_backslash_complete_offers_names_options_and_values(void **state)
{
	const char *all;

	(void)state;
	assert_string_equal(offered("\\", NULL), "\\reload \\plan \\status "
	    "\\stale \\push \\eval \\set \\help \\quit");
	assert_string_equal(offered("\\st", NULL), "\\status \\stale");
	assert_string_equal(offered("\\reload --st", NULL), "--stale");
	assert_string_equal(offered("\\reload --stale ", NULL),
	    "patch report fail");
	assert_string_equal(offered("\\reload --stale f", NULL), "fail");
	assert_string_equal(offered("\\reload --stale=f", NULL),
	    "--stale=fail");
	assert_string_equal(offered("\\rel -o ", NULL), "text json");
	assert_string_equal(offered("\\status --st", NULL), "");
	assert_string_equal(offered("\\status x", NULL), "");
	assert_string_equal(offered("\\reload --timeout ", NULL), "");
	assert_string_equal(offered("\\set ", NULL), "output");
	assert_string_equal(offered("\\set output ", NULL), "text json");
	assert_string_equal(offered("\\set output text ", NULL), "");
	assert_string_equal(offered("\\help pl", NULL), "plan");
	assert_string_equal(offered("\\help plan ", NULL), "");
	assert_string_equal(offered("\\quit ", NULL), "");
	assert_string_equal(offered("\\nothing ", NULL), "");
	assert_string_equal(offered("\\reload 'a ", NULL), "");
	all = offered("\\reload --", NULL);
	assert_non_null(strstr(all, "--if-changed"));
	assert_null(strstr(all, "--socket"));
	assert_null(strstr(all, "--print-lua"));
}

static void
test_backslash_complete_offers_files_for_file_values(void **state)
{
	int files;

	(void)state;
	offered("\\push ", &files);
	assert_true(files);
	offered("\\eval -f ", &files);
	assert_true(files);
	offered("\\eval ", &files);
	assert_false(files);
	offered("\\plan ", &files);
	assert_false(files);
}

static void
test_backslash_help_lists_all_in_80_columns(void **state)
{
	char *text = NULL, *line, *rest;
	const struct command_row *row;
	char name[32];
	size_t size;
	FILE *out;

	(void)state;
	assert_non_null(out = open_memstream(&text, &size));
	backslash_help(out);
	fclose(out);
	for (row = command_table; row->name != NULL; row++) {
		snprintf(name, sizeof(name), "  \\%s ", row->name);
		assert_int_equal(strstr(text, name) != NULL,
		    commands_in_repl(row));
	}
	assert_non_null(strstr(text, "\\set output text|json "));
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;)
		assert_true(strlen(line) < 80);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backslash_line_is_recognised),
		cmocka_unit_test(
		    test_backslash_command_has_command_line_options),
		cmocka_unit_test(test_backslash_console_options_are_defaults),
		cmocka_unit_test(test_backslash_unique_prefix_is_expanded),
		cmocka_unit_test(test_backslash_unknown_name_is_reported),
		cmocka_unit_test(test_backslash_alone_is_no_command),
		cmocka_unit_test(test_backslash_target_options_are_rejected),
		cmocka_unit_test(test_backslash_settings_and_help_are_parsed),
		cmocka_unit_test(
		    test_backslash_complete_offers_names_options_and_values),
		cmocka_unit_test(
		    test_backslash_complete_offers_files_for_file_values),
		cmocka_unit_test(test_backslash_help_lists_all_in_80_columns)
	};

	return cmocka_run_group_tests_name("slash", tests, set_up, tear_down);
}
