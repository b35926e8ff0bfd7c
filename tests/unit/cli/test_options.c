/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"

#define ARGV_MAX	16

/* Parses the words after the program's name; the last is NULL. */
static int
parse(struct options *options, struct error *error, ...)
{
	static char program[] = "cartridge-reload";
	char *argv[ARGV_MAX] = { program };
	int argc = 1;
	va_list ap;

	memset(error, 0, sizeof(*error));
	va_start(ap, error);
	while (argc < ARGV_MAX && (argv[argc] = va_arg(ap, char *)) != NULL)
		argc++;
	va_end(ap);
	return options_parse(options, argc, argv, error);
}

#define assert_usage(expected, ...) do {				\
	struct options o_;						\
	struct error e_;						\
	assert_int_equal(parse(&o_, &e_, __VA_ARGS__, (char *)0), -1);	\
	assert_int_equal(e_.outcome, OUTCOME_USAGE);			\
	assert_string_equal(e_.message, expected);			\
} while (0)

static void
test_no_arguments_are_a_reload_with_the_defaults(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, (char *)0), 0);
	assert_string_equal(options.command->name, "reload");
	assert_int_equal(options.sockets.count, 0);
	assert_true(options.timeout > 59.9 && options.timeout < 60.1);
	assert_true(options.wait >= 0 && options.wait < 0.001);
	assert_string_equal(options.method, "staged");
	assert_string_equal(options.stale, "patch");
	assert_ptr_equal(options.output, &output_text);
	assert_int_equal(options.color, TERM_AUTO);
	assert_int_equal(options.progress, TERM_AUTO);
	assert_false(options.quiet || options.verbose || options.rocks ||
	    options.no_stop || options.if_changed || options.print_lua);
	options_finish(&options);
}

static void
test_options_stand_before_and_after_the_command(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "-s", "a", "plan", "-v",
	    "--socket=b", "-sc", (char *)0), 0);
	assert_string_equal(options.command->name, "plan");
	assert_int_equal(options.sockets.count, 3);
	assert_string_equal(options.sockets.list[0], "a");
	assert_string_equal(options.sockets.list[1], "b");
	assert_string_equal(options.sockets.list[2], "c");
	assert_int_equal(options.verbose, 1);
	options_finish(&options);
}

static void
test_every_option_of_a_reload_is_read(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "-t", "1.5", "--wait", "0",
	    "-m", "app.*", "-x", "app.x", "--rocks", "--no-stop",
	    "--if-changed", (char *)0), 0);
	assert_true(options.timeout > 1.49 && options.timeout < 1.51);
	assert_string_equal(options.modules.list[0], "app.*");
	assert_string_equal(options.excludes.list[0], "app.x");
	assert_true(options.rocks && options.no_stop && options.if_changed);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "--method", "native", "-o",
	    "json", "--color=always", "--progress", "never", "--print-lua",
	    (char *)0), 0);
	assert_string_equal(options.method, "native");
	assert_ptr_equal(options.output, &output_json);
	assert_int_equal(options.color, TERM_ALWAYS);
	assert_int_equal(options.progress, TERM_NEVER);
	assert_int_equal(options.print_lua, 1);
	options_finish(&options);
}

static void
test_short_options_can_be_joined(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "-nvs", "a", (char *)0), 0);
	assert_string_equal(options.command->name, "plan");
	assert_int_equal(options.verbose, 1);
	assert_string_equal(options.sockets.list[0], "a");
	options_finish(&options);
}

static void
test_the_last_of_quiet_and_verbose_counts(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "-qv", (char *)0), 0);
	assert_true(options.verbose && !options.quiet);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "-vq", (char *)0), 0);
	assert_true(options.quiet && !options.verbose);
	options_finish(&options);
}

static void
test_long_options_can_be_shortened_if_one_is_meant(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "--sock", "a", "--verb",
	    (char *)0), 0);
	assert_int_equal(options.sockets.count, 1);
	assert_int_equal(options.verbose, 1);
	options_finish(&options);
	assert_usage("option '--pr' is ambiguous: --prune, --progress, "
	    "--print-lua",
	    "--pr");
	assert_usage("option '--ver' is ambiguous: --verbose, --version",
	    "--ver");
	assert_usage("unknown option '--'", "--=x");
}

static void
test_what_follows_two_dashes_is_no_option(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "eval", "--", "-1",
	    (char *)0), 0);
	assert_string_equal(options.eval_text, "-1");
	options_finish(&options);
	assert_usage("unknown command '-s'; commands are reload, plan, status, "
	    "stale, push, eval, console", "--", "-s");
}

static void
test_eval_takes_lua_or_a_file_and_not_both(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "eval", "return 1",
	    (char *)0), 0);
	assert_string_equal(options.eval_text, "return 1");
	assert_null(options.eval_file);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "-f", "-", "eval",
	    (char *)0), 0);
	assert_string_equal(options.eval_file, "-");
	assert_null(options.eval_text);
	options_finish(&options);
	assert_usage("eval: needs the Lua to run, or --file", "eval");
	assert_usage("eval: unexpected argument 'b'", "eval", "a", "b");
	assert_usage("eval: unexpected argument 'a'", "eval", "a", "-f", "x");
	assert_usage("reload does not take --file", "-f", "x");
}

static void
test_a_dry_run_is_the_plan(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "reload", "--dry-run",
	    (char *)0), 0);
	assert_string_equal(options.command->name, "plan");
	options_finish(&options);
	assert_usage("status does not take --dry-run", "status", "-n");
}

static void
test_push_takes_a_folder_and_options_of_its_own(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "push", "ext",
	    (char *)0), 0);
	assert_string_equal(options.command->name, "push");
	assert_string_equal(options.push_dir, "ext");
	assert_false(options.prune);
	assert_false(options.dry_run);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "--prune", "-n", "push",
	    "ext", (char *)0), 0);
	assert_string_equal(options.command->name, "push");
	assert_true(options.prune);
	assert_true(options.dry_run);
	options_finish(&options);
	assert_usage("push: needs the folder with the code", "push");
	assert_usage("push: needs the folder with the code", "push", "");
	assert_usage("push: unexpected argument 'b'", "push", "a", "b");
	assert_usage("push does not take --cluster", "push", "a", "--cluster");
	assert_usage("push does not take --jobs", "push", "a", "-j2");
	assert_usage("push does not take --if-changed", "push", "a",
	    "--if-changed");
	assert_usage("reload does not take --prune", "--prune");
	assert_usage("plan does not take --prune", "plan", "--prune");
}

static void
test_an_option_of_another_command_is_named_with_the_command(void **state)
{
	(void)state;
	assert_usage("status does not take --rocks", "--rocks", "status");
	assert_usage("eval does not take --no-stop", "eval", "1", "--no-stop");
	assert_usage("status does not take --module", "status", "-m", "x");
}

static void
test_the_native_method_stands_alone(void **state)
{
	(void)state;
	assert_usage("--method native cannot be combined with plan",
	    "plan", "--method", "native");
	assert_usage("--method native cannot be combined with --module",
	    "--method", "native", "-m", "x");
	assert_usage("--method native cannot be combined with --if-changed",
	    "--if-changed", "--method", "native");
}

static void
test_a_reload_is_told_what_to_do_about_stale_references(void **state)
{
	static char *const actions[] = { "patch", "report", "fail" };
	struct options options;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		assert_int_equal(parse(&options, &error, "--stale", actions[i],
		    (char *)0), 0);
		assert_string_equal(options.command->name, "reload");
		assert_string_equal(options.stale, actions[i]);
		options_finish(&options);
	}
	assert_int_equal(parse(&options, &error, "--stale=fail", "--method",
	    "native", (char *)0), 0);
	assert_string_equal(options.stale, "fail");
	options_finish(&options);
	assert_usage("--stale: 'mend' is none of patch|report|fail",
	    "--stale", "mend");
	assert_usage("--stale: 'Fail' is none of patch|report|fail",
	    "--stale=Fail");
	assert_usage("option --stale needs a value: ACTION", "--stale");
	assert_usage("plan does not take --stale", "plan", "--stale=fail");
	/* Which is the same. */
	assert_usage("plan does not take --stale", "-n", "--stale=fail");
}

static void
test_a_scan_takes_no_option_on_what_is_reloaded(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "stale", "-s", "a", "-t", "5",
	    "-w", "1", "-v", "-o", "json", "--color=never",
	    "--progress=never", (char *)0), 0);
	assert_string_equal(options.command->name, "stale");
	options_finish(&options);
	assert_usage("stale does not take --stale", "stale", "--stale=fail");
	assert_usage("stale does not take --module", "stale", "-m", "x");
	assert_usage("stale does not take --rocks", "stale", "--rocks");
	assert_usage("stale does not take --method", "stale", "--method",
	    "native");
	assert_usage("stale does not take --dry-run", "stale", "-n");
	assert_usage("stale does not take --file", "stale", "-f", "x");
	assert_usage("stale: unexpected argument 'x'", "stale", "x");
}

static void
test_seconds_are_plain_decimal_numbers(void **state)
{
	static char *const good[] = {
		"1", "0.5", ".5", "5.", "1000000", "007"
	};
	static char *const bad[] = {
		"x", "1x", "-1", "+1", "nan", "inf", "0x10", "1e3", " 1", "1 ",
		".", "1.2.3", "1,5"
	};
	struct options options;
	struct error error;
	char expected[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(&options, &error, "-t", good[i],
		    (char *)0), 0);
		assert_true(options.timeout > 0);
		options_finish(&options);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(expected, sizeof(expected),
		    "--timeout: '%s' is not a number of seconds", bad[i]);
		assert_usage(expected, "-t", bad[i]);
	}
	assert_usage("--timeout: '0' is not more than 0 seconds", "-t", "0");
	assert_usage("--timeout: '1000001' is too large, at most 1000000 "
	    "seconds", "-t", "1000001");
	assert_usage("--wait: '99999999999999999999' is too large, at most "
	    "1000000 seconds", "--wait=99999999999999999999");
}

static void
test_a_number_that_overflows_is_too_large(void **state)
{
	char digits[512], expected[768];

	(void)state;
	memset(digits, '9', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	snprintf(expected, sizeof(expected), "--timeout: '%s' is too large, "
	    "at most 1000000 seconds", digits);
	assert_usage(expected, "-t", digits);
}

static void
test_choices_are_closed(void **state)
{
	(void)state;
	assert_usage("--output: 'xml' is none of text|json", "-o", "xml");
	assert_usage("--output: 'tex' is none of text|json", "-o", "tex");
	assert_usage("--output: 'textx' is none of text|json", "-o", "textx");
	assert_usage("--method: 'text|json' is none of staged|native",
	    "--method", "text|json");
	assert_usage("--color: 'yes' is none of auto|always|never",
	    "--color", "yes");
}

static void
test_missing_and_surplus_values_are_errors(void **state)
{
	(void)state;
	assert_usage("option --socket needs a value: TARGET", "--socket");
	assert_usage("option -t needs a value: SECONDS", "-vt");
	assert_usage("option --rocks takes no value", "--rocks=1");
	assert_usage("--socket: the value is empty", "--socket=");
	assert_usage("--module: the value is empty", "-m", "");
}

static void
test_unknown_options_and_commands_are_named(void **state)
{
	(void)state;
	assert_usage("unknown option '--bogus'", "--bogus=1");
	assert_usage("unknown option '-z'", "-vz");
	assert_usage("unknown command 'restart'; commands are reload, plan, "
	    "status, stale, push, eval, console", "restart");
	assert_usage("unknown command '/run/a.control'; a target is given "
	    "with --socket", "/run/a.control");
	assert_usage("plan: unexpected argument 'x'", "plan", "x");
}

static void
test_several_instances_have_options_of_their_own(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, (char *)0), 0);
	assert_int_equal(options.jobs, 0);
	assert_null(options.app);
	assert_null(options.instance);
	assert_null(options.run_dir);
	assert_false(options.keep_going || options.cluster ||
	    options.allow_mixed);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "-a", "shop", "-iweb",
	    "--run-dir=/run", "-j", "12", "-k", "--cluster", "--allow-mixed",
	    "-n", (char *)0), 0);
	assert_string_equal(options.app, "shop");
	assert_string_equal(options.instance, "web");
	assert_string_equal(options.run_dir, "/run");
	assert_int_equal(options.jobs, 12);
	assert_true(options.keep_going && options.cluster &&
	    options.allow_mixed);
	options_finish(&options);
	assert_usage("--jobs: '0' is not a number from 1 to 10000",
	    "-j", "0");
	assert_usage("--jobs: '2x' is not a number from 1 to 10000",
	    "--jobs=2x");
	assert_usage("--jobs: '10001' is not a number from 1 to 10000",
	    "-j10001");
	assert_usage("--allow-mixed needs --cluster", "--allow-mixed");
	assert_usage("--cluster cannot be combined with --print-lua",
	    "--cluster", "--print-lua");
	assert_usage("eval does not take --cluster", "eval", "1", "--cluster");
	assert_usage("status does not take --allow-mixed", "status",
	    "--allow-mixed");
}

static void
test_the_console_takes_no_option_on_requests(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "console", "-s", "a", "-w2",
	    "-t1", "-o", "json", "-q", (char *)0), 0);
	assert_int_equal(options.command->bit, COMMAND_CONSOLE);
	options_finish(&options);
	assert_usage("console does not take --print-lua", "console",
	    "--print-lua");
	assert_usage("console does not take --jobs", "console", "-j2");
	assert_usage("console does not take --cluster", "console",
	    "--cluster");
	assert_usage("console does not take --stale", "console",
	    "--stale=fail");
	assert_usage("console: unexpected argument '1'", "console", "1");
}

static void
test_help_and_version_win_over_later_mistakes(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "--help", "--bogus",
	    (char *)0), 0);
	assert_int_equal(options.help, 1);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "eval", "-V", (char *)0), 0);
	assert_int_equal(options.version, 1);
	options_finish(&options);
}

static void
test_help_is_of_the_command_that_is_named(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "--help", (char *)0), 0);
	assert_null(options.help_command);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "-vh", "plan", "--bogus",
	    (char *)0), 0);
	assert_string_equal(options.help_command->name, "plan");
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "eval", "plan", "--help",
	    "status", (char *)0), 0);
	assert_string_equal(options.help_command->name, "eval");
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "--help", "--", "plan",
	    (char *)0), 0);
	assert_null(options.help_command);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "--help", "relaod",
	    (char *)0), -1);
	assert_non_null(strstr(error.message, "unknown command 'relaod'"));
	assert_int_equal(parse(&options, &error, "relaod", "--help",
	    (char *)0), -1);
	assert_non_null(strstr(error.message, "unknown command 'relaod'"));
}

static void
test_the_tables_are_consistent(void **state)
{
	const struct option_row *a, *b;
	const struct command_row *command;
	unsigned bits = 0;

	(void)state;
	for (a = option_table; a->name != NULL; a++) {
		assert_non_null(a->help);
		assert_int_not_equal(a->commands & COMMAND_ALL, 0);
		assert_true(a->values == NULL || a->arg != NULL);
		for (b = a + 1; b->name != NULL; b++) {
			assert_int_not_equal(a->key, b->key);
			assert_string_not_equal(a->name, b->name);
		}
	}
	for (command = command_table; command->name != NULL; command++) {
		assert_int_equal(bits & command->bit, 0);
		bits |= command->bit;
	}
	assert_int_equal(bits, COMMAND_ALL);
}

static void
test_the_help_has_all_rows_and_fits_80_columns(void **state)
{
	const struct option_row *option;
	const struct command_row *command;
	char *text = NULL, *line, *rest, name[64];
	size_t size = 0;
	FILE *file;

	(void)state;
	assert_non_null(file = open_memstream(&text, &size));
	options_help(file, NULL);
	assert_int_equal(fclose(file), 0);
	for (option = option_table; option->name != NULL; option++) {
		snprintf(name, sizeof(name), " --%s", option->name);
		assert_non_null(strstr(text, name));
	}
	for (command = command_table; command->name != NULL; command++) {
		snprintf(name, sizeof(name), "\n  %s ", command->name);
		assert_non_null(strstr(text, name));
	}
	assert_non_null(strstr(text, "\n  0  reloaded, unchanged, planned, ok\n"
	    "  1  usage\n  2  unreachable\n  3  failed\n  4  timeout\n"
	    "  5  refused\n  6  degraded\n  7  stale\n  8  protocol\n"));
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest))
		assert_in_range(strlen(line), 0, 79);
	free(text);
}

static void
test_the_help_of_a_command_has_its_options_and_no_others(void **state)
{
	const struct option_row *option;
	const struct command_row *command;
	char *text, *line, *rest, name[64];
	size_t size;
	FILE *file;

	(void)state;
	for (command = command_table; command->name != NULL; command++) {
		text = NULL;
		assert_non_null(file = open_memstream(&text, &size));
		options_help(file, command);
		assert_int_equal(fclose(file), 0);
		snprintf(name, sizeof(name), "usage: cartridge-reload "
		    "[options] %s", command->name);
		assert_int_equal(strncmp(text, name, strlen(name)), 0);
		for (option = option_table; option->name != NULL; option++) {
			/* They stand at the beginning of a line. */
			if (option->key < 256)
				snprintf(name, sizeof(name), "\n  -%c, --%s ",
				    option->key, option->name);
			else
				snprintf(name, sizeof(name), "\n      --%s ",
				    option->name);
			assert_int_equal(strstr(text, name) != NULL,
			    (option->commands & command->bit) != 0);
		}
		for (line = strtok_r(text, "\n", &rest); line != NULL;
		    line = strtok_r(NULL, "\n", &rest))
			assert_in_range(strlen(line), 0, 79);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_arguments_are_a_reload_with_the_defaults),
		cmocka_unit_test(test_options_stand_before_and_after_the_command),
		cmocka_unit_test(test_every_option_of_a_reload_is_read),
		cmocka_unit_test(test_short_options_can_be_joined),
		cmocka_unit_test(test_the_last_of_quiet_and_verbose_counts),
		cmocka_unit_test(test_long_options_can_be_shortened_if_one_is_meant),
		cmocka_unit_test(test_what_follows_two_dashes_is_no_option),
		cmocka_unit_test(test_eval_takes_lua_or_a_file_and_not_both),
		cmocka_unit_test(test_a_dry_run_is_the_plan),
		cmocka_unit_test(test_push_takes_a_folder_and_options_of_its_own),
		cmocka_unit_test(test_an_option_of_another_command_is_named_with_the_command),
		cmocka_unit_test(test_the_native_method_stands_alone),
		cmocka_unit_test(test_a_reload_is_told_what_to_do_about_stale_references),
		cmocka_unit_test(test_a_scan_takes_no_option_on_what_is_reloaded),
		cmocka_unit_test(test_seconds_are_plain_decimal_numbers),
		cmocka_unit_test(test_a_number_that_overflows_is_too_large),
		cmocka_unit_test(test_choices_are_closed),
		cmocka_unit_test(test_missing_and_surplus_values_are_errors),
		cmocka_unit_test(test_unknown_options_and_commands_are_named),
		cmocka_unit_test(test_several_instances_have_options_of_their_own),
		cmocka_unit_test(test_the_console_takes_no_option_on_requests),
		cmocka_unit_test(test_help_and_version_win_over_later_mistakes),
		cmocka_unit_test(test_help_is_of_the_command_that_is_named),
		cmocka_unit_test(test_the_tables_are_consistent),
		cmocka_unit_test(test_the_help_has_all_rows_and_fits_80_columns),
		cmocka_unit_test(
		    test_the_help_of_a_command_has_its_options_and_no_others)
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
