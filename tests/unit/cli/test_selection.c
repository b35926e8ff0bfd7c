/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/options.h"
#include "cli/selection.h"
#include "peer.h"

#define ARGV_MAX	16

struct fixture {
	struct targets	targets;
	struct error	error;
};

static int
set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	*state = &fixture;
	unsetenv("CARTRIDGE_RELOAD_SOCKET");
	unsetenv("TARANTOOL_CONSOLE_SOCK");
	mkdir("run", 0755);
	close(peer_listen("run/shop.a.control", 1));
	close(peer_listen("run/shop.b.control", 1));
	close(peer_listen("run/bank.a.control", 1));
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	targets_finish(&fixture->targets);
	return system("rm -rf *");
}

/* Selects by the words of a command line; the last is NULL. */
static int
find(struct fixture *fixture, ...)
{
	static char program[] = "cartridge-reload";
	char *argv[ARGV_MAX] = { program };
	struct options options;
	int argc = 1, result;
	va_list ap;

	va_start(ap, fixture);
	while (argc < ARGV_MAX && (argv[argc] = va_arg(ap, char *)) != NULL)
		argc++;
	va_end(ap);
	targets_finish(&fixture->targets);
	memset(fixture, 0, sizeof(*fixture));
	assert_int_equal(options_parse(&options, argc, argv, &fixture->error),
	    0);
	result = selection_find(&options, &fixture->targets, &fixture->error);
	options_finish(&options);
	return result;
}

/* Compares the targets with "app:instance ..." or, if they have none, paths. */
static void
assert_targets(const struct fixture *fixture, const char *expected)
{
	const struct target *target;
	char got[512] = "";
	size_t i;

	for (i = 0; i < fixture->targets.count; i++) {
		target = &fixture->targets.list[i];
		if (i > 0)
			strlcat(got, " ", sizeof(got));
		if (target->app != NULL) {
			strlcat(got, target->app, sizeof(got));
			strlcat(got, ":", sizeof(got));
		}
		strlcat(got, target->app != NULL ? target->instance :
		    target->name, sizeof(got));
	}
	assert_string_equal(got, expected);
}

#define assert_usage(fixture, ...) do {					\
	assert_int_equal(find(fixture, __VA_ARGS__, (char *)0), -1);	\
	assert_int_equal((fixture)->error.outcome, OUTCOME_USAGE);	\
} while (0)

static void
test_selection_sockets_are_in_their_order(void **state)
{
	struct fixture *fixture = *state;

	setenv("CARTRIDGE_RELOAD_SOCKET", "ignored", 1);
	assert_int_equal(find(fixture, "-s", "z", "-s", "a:1", (char *)0), 0);
	assert_targets(fixture, "z a:1");
}

static void
test_selection_app_and_instance_are_combined(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(find(fixture, "reload", "--run-dir", "run", "-a",
	    "shop", (char *)0), 0);
	assert_targets(fixture, "shop:a shop:b");
	assert_int_equal(find(fixture, "reload", "--run-dir", "run", "-a",
	    "shop", "-a", "bank", "-i", "a", (char *)0), 0);
	assert_targets(fixture, "shop:a bank:a");
	assert_int_equal(find(fixture, "reload", "--run-dir", "run", "bank:a",
	    "shop:b", (char *)0), 0);
	assert_targets(fixture, "bank:a shop:b");
}

static void
test_selection_malformed_name_is_rejected(void **state)
{
	struct fixture *fixture = *state;

	assert_usage(fixture, "reload", "--run-dir", "run", ":a");
	assert_usage(fixture, "reload", "--run-dir", "run", "shop:");
	assert_usage(fixture, "reload", "--run-dir", "run", "shop:a:b");
	assert_usage(fixture, "reload", "--run-dir", "run", "-a", "shop",
	    "bank:a");
	assert_usage(fixture, "-a", "user:s3cret@host:1");
	assert_null(strstr(fixture->error.message, "s3cret"));
}

static void
test_selection_environment_is_used_without_options(void **state)
{
	struct fixture *fixture = *state;

	setenv("TARANTOOL_CONSOLE_SOCK", "second", 1);
	assert_int_equal(find(fixture, (char *)0), 0);
	assert_targets(fixture, "second");
	setenv("CARTRIDGE_RELOAD_SOCKET", "first", 1);
	assert_int_equal(find(fixture, (char *)0), 0);
	assert_targets(fixture, "first");
	setenv("CARTRIDGE_RELOAD_SOCKET", "", 1);
	assert_int_equal(find(fixture, (char *)0), 0);
	assert_targets(fixture, "second");
	assert_int_equal(find(fixture, "reload", "--run-dir", "run",
	    "shop:a", (char *)0), 0);
	assert_targets(fixture, "shop:a");
}

static void
test_selection_project_only_for_read_only_commands(void **state)
{
	struct fixture *fixture = *state;
	FILE *file;

	assert_usage(fixture, "status");
	assert_non_null(file = fopen("shop-1-1.rockspec", "w"));
	fputs("package = 'shop'\n", file);
	fclose(file);
	assert_non_null(file = fopen(".cartridge.yml", "w"));
	fputs("run-dir: run\n", file);
	fclose(file);
	assert_int_equal(find(fixture, "status", (char *)0), 0);
	assert_targets(fixture, "shop:a shop:b");
	assert_usage(fixture, "reload");
	/* It says what to type instead. */
	assert_non_null(strstr(fixture->error.message, "--app shop"));
	assert_int_equal(unlink(".cartridge.yml"), 0);
}

static void
test_selection_several_for_one_target_are_rejected(void **state)
{
	struct fixture *fixture = *state;

	assert_usage(fixture, "push", "dir", "-s", "x", "-s", "y");
	assert_usage(fixture, "reload", "--cluster", "--run-dir", "run", "-a",
	    "shop");
	/* It names the instances to choose from. */
	assert_non_null(strstr(fixture->error.message, "a, b"));
	assert_usage(fixture, "console", "-s", "x", "-s", "y");
	assert_int_equal(find(fixture, "push", "dir", "-s", "x", (char *)0),
	    0);
}

static void
test_selection_hide_passwords_overwrites_environment(void **state)
{
	(void)state;
	setenv("CARTRIDGE_RELOAD_SOCKET", "op:s3cret@host:1", 1);
	selection_hide_passwords();
	assert_null(strstr(getenv("CARTRIDGE_RELOAD_SOCKET"), "s3cret"));
	assert_non_null(strstr(getenv("CARTRIDGE_RELOAD_SOCKET"), "host:1"));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_selection_sockets_are_in_their_order),
		TEST(test_selection_app_and_instance_are_combined),
		TEST(test_selection_malformed_name_is_rejected),
		TEST(test_selection_environment_is_used_without_options),
		TEST(test_selection_project_only_for_read_only_commands),
		TEST(test_selection_several_for_one_target_are_rejected),
		TEST(test_selection_hide_passwords_overwrites_environment)
	};

	return cmocka_run_group_tests_name("selection", tests,
	    peer_enter_directory, peer_leave_directory);
}
