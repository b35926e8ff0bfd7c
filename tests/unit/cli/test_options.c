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

#include "cli/help.h"
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

/* The command line is wrong, and the message names this part of it. */
#define assert_usage(input, ...) do {					\
	struct options o_;						\
	struct error e_;						\
	assert_int_equal(parse(&o_, &e_, __VA_ARGS__, (char *)0), -1);	\
	assert_int_equal(e_.outcome, OUTCOME_USAGE);			\
	assert_non_null(strstr(e_.message, input));			\
} while (0)

static void
test_options_no_arguments_give_default_reload(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, (char *)0), 0);
	assert_string_equal(options.command->name, "reload");
	assert_int_equal(options.sockets.count, 0);
	assert_true(options.timeout > 59.9 && options.timeout < 60.1);
	assert_true(options.wait >= 0 && options.wait < 0.001);
	assert_int_equal(options.method, METHOD_STAGED);
	assert_string_equal(options.stale, "patch");
	assert_ptr_equal(options.output, &output_text);
	assert_int_equal(options.color, TERM_AUTO);
	assert_int_equal(options.progress, TERM_AUTO);
	assert_false(options.quiet || options.verbose || options.rocks ||
	    options.no_stop || options.if_changed || options.print_lua);
	options_finish(&options);
}

static void
test_options_before_and_after_command_are_read(void **state)
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
test_options_reload_all_given_are_read(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "-t", "1.5", "--wait", "0s",
	    "-m", "app.*", "-x", "app.x", "--rocks", "--no-stop",
	    "--if-changed", "--main", (char *)0), 0);
	assert_true(options.timeout > 1.49 && options.timeout < 1.51);
	assert_string_equal(options.modules.list[0], "app.*");
	assert_string_equal(options.excludes.list[0], "app.x");
	assert_true(options.rocks && options.no_stop && options.if_changed);
	assert_true(options.run_main);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "--method", "native", "-o",
	    "json", "--color=always", "--progress", "never", "--print-lua",
	    (char *)0), 0);
	assert_int_equal(options.method, METHOD_NATIVE);
	assert_ptr_equal(options.output, &output_json);
	assert_int_equal(options.color, TERM_ALWAYS);
	assert_int_equal(options.progress, TERM_NEVER);
	assert_int_equal(options.print_lua, 1);
	options_finish(&options);
}

static void
test_options_short_joined_are_split(void **state)
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
test_options_quiet_and_verbose_last_wins(void **state)
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
test_options_long_unique_prefix_is_expanded(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "--sock", "a", "--verb",
	    (char *)0), 0);
	assert_int_equal(options.sockets.count, 1);
	assert_int_equal(options.verbose, 1);
	options_finish(&options);
	assert_usage("'--pr'", "--pr");
	assert_usage("'--ver'", "--ver");
	assert_usage("'--'", "--=x");
}

static void
test_options_after_two_dashes_are_arguments(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "eval", "--", "-1",
	    (char *)0), 0);
	assert_string_equal(options.eval_text, "-1");
	options_finish(&options);
	assert_usage("'-s'", "--", "-s");
}

static void
test_options_eval_lua_and_file_are_exclusive(void **state)
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
	assert_usage("--file", "eval");
	assert_usage("'b'", "eval", "a", "b");
	assert_usage("'a'", "eval", "a", "-f", "x");
	assert_usage("--file", "-f", "x");
}

static void
test_options_dry_run_selects_plan(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "reload", "--dry-run",
	    (char *)0), 0);
	assert_string_equal(options.command->name, "plan");
	options_finish(&options);
	assert_usage("--dry-run", "status", "-n");
}

static void
test_options_push_takes_directory_and_own_options(void **state)
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
	assert_usage("DIR", "push");
	assert_usage("DIR", "push", "");
	assert_usage("'b'", "push", "a", "b");
	assert_usage("--cluster", "push", "a", "--cluster");
	assert_usage("--jobs", "push", "a", "-j2");
	assert_usage("--if-changed", "push", "a",
	    "--if-changed");
	assert_usage("--prune", "--prune");
	assert_usage("--prune", "plan", "--prune");
}

static void
test_options_of_another_command_are_rejected_by_name(void **state)
{
	(void)state;
	assert_usage("--rocks", "--rocks", "status");
	assert_usage("--no-stop", "eval", "1", "--no-stop");
	assert_usage("--module", "status", "-m", "x");
}

static void
test_options_method_native_excludes_staged_options(void **state)
{
	(void)state;
	assert_usage("--method", "plan", "--method", "native");
	assert_usage("--method", "--method", "native", "-m", "x");
	assert_usage("--method", "--if-changed", "--method", "native");
}

static void
test_options_stale_choice_is_read(void **state)
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
	assert_usage("'mend'", "--stale", "mend");
	assert_usage("'Fail'", "--stale=Fail");
	assert_usage("--stale", "--stale");
	assert_usage("--stale", "plan", "--stale=fail");
	/* Which is the same. */
	assert_usage("--stale", "-n", "--stale=fail");
}

static void
test_options_stale_command_rejects_module_filters(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "stale", "-s", "a", "-t", "5",
	    "-w", "1", "-v", "-o", "json", "--color=never",
	    "--progress=never", (char *)0), 0);
	assert_string_equal(options.command->name, "stale");
	options_finish(&options);
	assert_usage("--stale", "stale", "--stale=fail");
	assert_usage("--module", "stale", "-m", "x");
	assert_usage("--rocks", "stale", "--rocks");
	assert_usage("--method", "stale", "--method",
	    "native");
	assert_usage("--dry-run", "stale", "-n");
	assert_usage("--file", "stale", "-f", "x");
}

static void
test_options_seconds_not_plain_decimal_are_rejected(void **state)
{
	static char *const good[] = {
		"1", "0.5", ".5", "5.", "1000000", "007"
	};
	static char *const bad[] = {
		"x", "1x", "1S", "1 s", "s", "1m5", "1d", "-1", "+1", "nan", "inf", "0x10", "1e3", " 1", "1 ",
		".", "1.2.3", "1,5"
	};
	struct options options;
	struct error error;
	char quoted[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(&options, &error, "-t", good[i],
		    (char *)0), 0);
		assert_true(options.timeout > 0);
		options_finish(&options);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(quoted, sizeof(quoted), "'%s'", bad[i]);
		assert_usage(quoted, "-t", bad[i]);
	}
	assert_usage("--timeout", "-t", "0");
	assert_usage("'1000001'", "-t", "1000001");
	assert_usage("'99999999999999999999'", "--wait=99999999999999999999");
}

static void
test_options_number_overflow_is_too_large(void **state)
{
	char digits[512];

	(void)state;
	memset(digits, '9', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	assert_usage(digits, "-t", digits);
}

static void
test_options_choice_unknown_is_rejected(void **state)
{
	(void)state;
	assert_usage("'xml'", "-o", "xml");
	assert_usage("'tex'", "-o", "tex");
	assert_usage("'textx'", "-o", "textx");
	assert_usage("'text|json'", "--method", "text|json");
	assert_usage("'yes'", "--color", "yes");
}

static void
test_options_value_missing_or_surplus_is_rejected(void **state)
{
	(void)state;
	assert_usage("--socket", "--socket");
	assert_usage("-t", "-vt");
	assert_usage("--rocks", "--rocks=1");
	assert_usage("--socket", "--socket=");
	assert_usage("--module", "-m", "");
}

static void
test_options_unknown_option_or_command_is_named(void **state)
{
	(void)state;
	assert_usage("'--bogus'", "--bogus=1");
	assert_usage("'-z'", "-vz");
	assert_usage("'restart'", "restart");
	assert_usage("'/run/a.control'", "/run/a.control");
	assert_usage("'x'", "console", "x");
}

static void
test_options_fleet_are_read(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, (char *)0), 0);
	assert_int_equal(options.jobs, 0);
	assert_int_equal(options.apps.count, 0);
	assert_int_equal(options.instances.count, 0);
	assert_null(options.run_dir);
	assert_false(options.keep_going || options.cluster ||
	    options.allow_mixed);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "-a", "shop", "-iweb",
	    "--run-dir=/run", "-j", "12", "-k", "--cluster", "--allow-mixed",
	    "-n", (char *)0), 0);
	assert_string_equal(options.apps.list[0], "shop");
	assert_string_equal(options.instances.list[0], "web");
	assert_string_equal(options.run_dir, "/run");
	assert_int_equal(options.jobs, 12);
	assert_true(options.keep_going && options.cluster &&
	    options.allow_mixed);
	options_finish(&options);
	assert_usage("'0'", "-j", "0");
	assert_usage("'2x'", "--jobs=2x");
	assert_usage("'10001'", "-j10001");
	assert_usage("--allow-mixed", "--allow-mixed");
	assert_usage("--cluster", "--cluster", "--print-lua");
	assert_usage("--cluster", "eval", "1", "--cluster");
	assert_usage("--allow-mixed", "status",
	    "--allow-mixed");
}

static void
test_options_console_rejects_request_options(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "console", "-s", "a", "-w2",
	    "-t1", "-o", "json", "-q", (char *)0), 0);
	assert_int_equal(options.command->bit, COMMAND_CONSOLE);
	options_finish(&options);
	assert_usage("--print-lua", "console",
	    "--print-lua");
	assert_usage("--jobs", "console", "-j2");
	assert_usage("--cluster", "console",
	    "--cluster");
	assert_usage("--stale", "console",
	    "--stale=fail");
	assert_usage("'1'", "console", "1");
}

static void
test_options_help_and_version_win_over_later_errors(void **state)
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
test_options_help_names_the_command(void **state)
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
test_options_list_repeated_is_joined_others_rejected(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "-i", "web", "-a", "shop",
	    "--instance=web2", "--app", "crm", "-sx", "-sy", (char *)0), 0);
	assert_int_equal(options.instances.count, 2);
	assert_string_equal(options.instances.list[0], "web");
	assert_string_equal(options.instances.list[1], "web2");
	assert_int_equal(options.apps.count, 2);
	assert_int_equal(options.sockets.count, 2);
	options_finish(&options);
	assert_usage("--timeout", "-t", "1", "-t", "1");
	assert_usage("--run-dir", "--run-dir=a", "--run-dir=b");
	assert_usage("--verbose", "-vv");
	assert_usage("--rocks", "--rocks", "--rocks");
	assert_usage("--output", "-o", "json", "-ojson");
	assert_usage("--file", "eval", "-fa", "-fb");
	assert_usage("--color", "--color=never",
	    "--color=never");
	assert_usage("--jobs", "-j1", "--jobs=2");
}

static void
test_options_guarded_abbreviation_is_refused(void **state)
{
	static const char *const guarded[] = {
		"allow-mixed", "keep-going", "prune", "no-stop"
	};
	const struct option_row *row;
	struct options options;
	struct error error;
	char word[64];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++) {
		for (row = option_table; row->name != NULL; row++)
			if (strcmp(row->name, guarded[i]) == 0)
				break;
		assert_int_equal(row->flags & OPT_IN_FULL, OPT_IN_FULL);
		for (len = 1; len < strlen(guarded[i]); len++) {
			snprintf(word, sizeof(word), "--%.*s", (int)len,
			    guarded[i]);
			if (parse(&options, &error, word, (char *)0) == 0)
				fail_msg("%s is accepted", word);
			assert_null(strstr(error.message, "needs --cluster"));
			assert_null(strstr(error.message, "cannot be used"));
		}
	}
	assert_usage("'--all'", "--all", "--cluster");
	assert_usage("'--prun'", "push", "x", "--prun=1");
	assert_usage("'--a'", "--a", "shop");
}

static void
test_options_misspelt_name_suggests_nearest(void **state)
{
	(void)state;
	assert_usage("'--scoket'", "--scoket", "x");
	assert_usage("'--sockets'", "--sockets=x");
	assert_usage("'--if_changed'", "--if_changed");
	assert_usage("'relaod'", "relaod");
	assert_usage("'stat'", "stat");
	assert_usage("'--xyzzy'", "--xyzzy");
}

static void
test_options_times_with_units_are_seconds(void **state)
{
	static const struct {
		char	*text;
		double	 seconds;
	} times[] = {
		{ "10s", 10 }, { "5m", 300 }, { "1.5m", 90 }, { "500ms", 0.5 },
		{ "2h", 7200 }, { ".5s", 0.5 }, { "5.", 5 }
	};
	struct options options;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(parse(&options, &error, "-t", times[i].text,
		    "-w", times[i].text, (char *)0), 0);
		assert_true(options.timeout > times[i].seconds - 1e-6 &&
		    options.timeout < times[i].seconds + 1e-6);
		assert_true(options.wait > times[i].seconds - 1e-6 &&
		    options.wait < times[i].seconds + 1e-6);
		options_finish(&options);
	}
	assert_usage("'400h'", "-t400h");
	assert_usage("--timeout", "-t", "0ms");
}

static void
test_options_instances_are_arguments(void **state)
{
	static char *const commands[] = { "reload", "plan", "status", "stale" };
	struct options options;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_equal(parse(&options, &error, commands[i], "web",
		    "-i", "s1", "shop:db", (char *)0), 0);
		assert_int_equal(options.instances.count, 3);
		assert_string_equal(options.instances.list[0], "s1");
		assert_string_equal(options.instances.list[1], "web");
		assert_string_equal(options.instances.list[2], "shop:db");
		options_finish(&options);
	}
	assert_usage("'/run/a.control'", "status", "/run/a.control");
	assert_usage("'shop:web'", "shop:web");
	assert_usage("'web'", "push", "dir", "web");
}

static void
test_options_eval_arguments_follow_two_dashes(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "eval", "return ...", "--",
	    "a", "-b", "--", (char *)0), 0);
	assert_string_equal(options.eval_text, "return ...");
	assert_int_equal(options.eval_args.count, 3);
	assert_string_equal(options.eval_args.list[0], "a");
	assert_string_equal(options.eval_args.list[1], "-b");
	assert_string_equal(options.eval_args.list[2], "--");
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "eval", "-f", "x", "--", "1",
	    (char *)0), 0);
	assert_null(options.eval_text);
	assert_int_equal(options.eval_args.count, 1);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "eval", "--", "-1", "--", "x",
	    (char *)0), 0);
	assert_string_equal(options.eval_text, "-1");
	assert_int_equal(options.eval_args.count, 1);
	options_finish(&options);
	assert_usage("'x'", "eval", "--", "-1", "x");
}

static void
test_options_exit_code_without_plan_is_rejected(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "plan", "--exit-code",
	    (char *)0), 0);
	assert_true(options.exit_code);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "-n", "--exit-code",
	    (char *)0), 0);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "push", "x", "-n",
	    "--exit-code", (char *)0), 0);
	options_finish(&options);
	assert_usage("--exit-code", "--exit-code");
	assert_usage("--exit-code", "push", "x",
	    "--exit-code");
	assert_usage("--exit-code", "status",
	    "--exit-code");
}

static void
test_options_help_and_version_work_as_commands(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(parse(&options, &error, "help", (char *)0), 0);
	assert_true(options.help);
	assert_null(options.help_command);
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "help", "push", (char *)0),
	    0);
	assert_string_equal(options.help_command->name, "push");
	options_finish(&options);
	assert_int_equal(parse(&options, &error, "version", (char *)0), 0);
	assert_true(options.version);
	options_finish(&options);
	assert_usage("'x'", "help", "push", "x");
	assert_usage("'puhs'", "help",
	    "puhs");
	assert_usage("'quit'", "quit");
	assert_usage("'x'", "version", "x");
}

static void
test_options_password_is_in_no_message(void **state)
{
	static char *const words[] = {
		"admin:secret@host:3301", "tcp://admin:secret@host:3301",
		"admin:secret@/run/x", "admin:s/secret@host"
	};
	struct options options;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(parse(&options, &error, words[i], (char *)0),
		    -1);
		assert_null(strstr(error.message, "secret"));
	}
}

static void
test_option_table_rows_are_consistent(void **state)
{
	const struct option_row *a, *b;
	const struct command_row *command;
	unsigned bits = 0;

	(void)state;
	for (a = option_table; a->name != NULL; a++) {
		assert_non_null(a->help);
		assert_int_not_equal(a->commands & COMMAND_ALL, 0);
		assert_true(a->values == NULL || a->arg != NULL);
		assert_true((a->arg == NULL) == (a->type == OPTION_FLAG));
		assert_int_equal(strstr(a->help, "may be repeated") != NULL,
		    a->type == OPTION_LIST);
		for (b = a + 1; b->name != NULL; b++) {
			assert_int_not_equal(a->key, b->key);
			assert_string_not_equal(a->name, b->name);
			assert_int_not_equal(a->offset, b->offset);
		}
	}
	for (command = command_table; command->name != NULL; command++) {
		assert_int_equal(bits & command->bit, 0);
		bits |= command->bit;
		assert_int_equal((command->bit & COMMAND_ALL) == 0,
		    command->script == NULL);
		assert_true(commands_in_cli(command) ||
		    commands_in_repl(command));
	}
	assert_int_equal(bits & COMMAND_ALL, COMMAND_ALL);
}

static void
test_help_general_lists_all_rows_in_80_columns(void **state)
{
	const struct option_row *option;
	const struct command_row *command;
	char *text = NULL, *line, *rest, name[64];
	size_t size = 0;
	FILE *file;

	(void)state;
	assert_non_null(file = open_memstream(&text, &size));
	help_print(file, NULL);
	assert_int_equal(fclose(file), 0);
	for (option = option_table; option->name != NULL; option++) {
		snprintf(name, sizeof(name), " --%s", option->name);
		assert_non_null(strstr(text, name));
	}
	for (command = command_table; command->name != NULL; command++) {
		snprintf(name, sizeof(name), "\n  %s ", command->name);
		assert_int_equal(strstr(text, name) != NULL,
		    commands_in_cli(command));
	}
	assert_non_null(strstr(text, "\n  0  reloaded, unchanged, planned, ok: "));
	assert_non_null(strstr(text, "\n  8  protocol: "));
	assert_non_null(strstr(text, "\n  9  with --exit-code: "));
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest))
		assert_in_range(strlen(line), 0, 79);
	free(text);
}

static void
test_help_of_command_lists_exactly_its_options(void **state)
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
		help_print(file, command);
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
		cmocka_unit_test(test_options_no_arguments_give_default_reload),
		cmocka_unit_test(
		    test_options_before_and_after_command_are_read),
		cmocka_unit_test(test_options_reload_all_given_are_read),
		cmocka_unit_test(test_options_short_joined_are_split),
		cmocka_unit_test(test_options_quiet_and_verbose_last_wins),
		cmocka_unit_test(test_options_long_unique_prefix_is_expanded),
		cmocka_unit_test(test_options_after_two_dashes_are_arguments),
		cmocka_unit_test(test_options_eval_lua_and_file_are_exclusive),
		cmocka_unit_test(test_options_dry_run_selects_plan),
		cmocka_unit_test(
		    test_options_push_takes_directory_and_own_options),
		cmocka_unit_test(
		    test_options_of_another_command_are_rejected_by_name),
		cmocka_unit_test(
		    test_options_method_native_excludes_staged_options),
		cmocka_unit_test(test_options_stale_choice_is_read),
		cmocka_unit_test(
		    test_options_stale_command_rejects_module_filters),
		cmocka_unit_test(
		    test_options_seconds_not_plain_decimal_are_rejected),
		cmocka_unit_test(test_options_number_overflow_is_too_large),
		cmocka_unit_test(test_options_choice_unknown_is_rejected),
		cmocka_unit_test(
		    test_options_value_missing_or_surplus_is_rejected),
		cmocka_unit_test(
		    test_options_unknown_option_or_command_is_named),
		cmocka_unit_test(test_options_fleet_are_read),
		cmocka_unit_test(test_options_console_rejects_request_options),
		cmocka_unit_test(
		    test_options_help_and_version_win_over_later_errors),
		cmocka_unit_test(test_options_help_names_the_command),
		cmocka_unit_test(
		    test_options_list_repeated_is_joined_others_rejected),
		cmocka_unit_test(test_options_guarded_abbreviation_is_refused),
		cmocka_unit_test(test_options_misspelt_name_suggests_nearest),
		cmocka_unit_test(test_options_times_with_units_are_seconds),
		cmocka_unit_test(test_options_instances_are_arguments),
		cmocka_unit_test(test_options_eval_arguments_follow_two_dashes),
		cmocka_unit_test(
		    test_options_exit_code_without_plan_is_rejected),
		cmocka_unit_test(
		    test_options_help_and_version_work_as_commands),
		cmocka_unit_test(test_options_password_is_in_no_message),
		cmocka_unit_test(test_option_table_rows_are_consistent),
		cmocka_unit_test(
		    test_help_general_lists_all_rows_in_80_columns),
		cmocka_unit_test(
		    test_help_of_command_lists_exactly_its_options)
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
