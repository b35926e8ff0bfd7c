/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peer.h"
#include "target/project_config.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static void
assert_run_dir(const char *expected)
{
	struct error error;
	char *run_dir;

	if (project_config_run_dir(&run_dir, &error) == -1)
		fail_msg("%s", error.message);
	if (expected == NULL)
		assert_null(run_dir);
	else
		assert_string_equal(run_dir, expected);
	free(run_dir);
}

static void
test_cartridge_yml_run_dir_is_read(void **state)
{
	static const struct {
		const char	*text, *run_dir;
	} cases[] = {
		{ "run-dir: my/run\n", "my/run" },
		{ "---\ncfg: a.yml\nrun-dir: '/my run'\nscript: x\n...\n",
		    "/my run" },
		{ "{run-dir: \"a\\tb\"}", "a\tb" },
		{ "run-dir: 5\n", "5" },
		{ "x: {run-dir: no}\ny: [run-dir, {run-dir: no}]\n"
		    "run-dir: yes\n", "yes" },
		{ "? {a: [1]}\n: x\nrun-dir: after\n", "after" },
		{ "x: &x [1]\ny: *x\nrun-dir: alias\n", "alias" },
		{ "run-dir: first\n---\nrun-dir: second\n", "first" },
		{ "run_dir: old/run\n", "old/run" },
		{ "run_dir: old\nrun-dir: new\n", "new" },
		{ "run-dir: ~\nrun_dir: old\n", "old" },
		{ "rundir: x\nrun-dir-x: x\nrun: {-dir: x}\n", NULL },
		{ "run-dir:\n", NULL },
		{ "run-dir: ~\n", NULL },
		{ "run-dir: ''\n", NULL },
		{ "run-dir: 'null'\n", "null" },
		{ "", NULL },
		{ "# nothing\n", NULL },
		{ "---\n...\n", NULL },
	};
	size_t i;

	(void)state;
	assert_run_dir(NULL);
	for (i = 0; i < nitems(cases); i++) {
		write_file(".cartridge.yml", cases[i].text);
		assert_run_dir(cases[i].run_dir);
	}
}

static void
assert_package(const char *dir, const char *expected)
{
	struct error error;
	char *package;

	assert_int_equal(project_config_package(dir, &package, &error), 0);
	if (expected == NULL)
		assert_null(package);
	else
		assert_string_equal(package, expected);
	free(package);
}

static void
test_rockspec_gives_package_name(void **state)
{
	static const struct {
		const char	*text, *package;
	} cases[] = {
		{ "package = 'shop'\nversion = 'scm-1'\n", "shop" },
		{ "\n\n-- package = 'no'\n\n\tpackage=\"shop-2\"; x = 1\r\n",
		    "shop-2" },
		{ "package = 'shop'\npackage = 'shop'\n", "shop" },
		{ "package = 'shop'\npackage = 'other'\n", NULL },
		{ "package = 'shop'\npackage = 'sho'\n", NULL },
		{ "packages = 'shop'\n", NULL },
		{ "package = shop\n", NULL },
		{ "package = ''\n", NULL },
		{ "package = 'shop\n'", NULL },
		{ "package = 'sh\\111p'\n", NULL },
		{ "package = 'shop", NULL },
		{ "package = 'shop\"", NULL },
		{ "package", NULL },
		{ "package =", NULL },
		{ "", NULL },
	};
	size_t i;

	(void)state;
	assert_package(".", NULL);
	assert_package("absent", NULL);
	for (i = 0; i < nitems(cases); i++) {
		write_file("shop-scm-1.rockspec", cases[i].text);
		assert_package("", cases[i].package);
		assert_package(".", cases[i].package);
	}
	assert_int_equal(mkdir("dir", 0700), 0);
	write_file("dir/a.rockspec", "package = 'a'\n");
	write_file("dir/b.rockspec", "package = 'a'\n");
	write_file("dir/.rockspec", "package = 'hidden'\n");
	write_file("dir/c.rockspec.bak", "package = 'c'\n");
	assert_int_equal(mkfifo("dir/fifo.rockspec", 0600), 0);
	assert_int_equal(mkdir("dir/dir.rockspec", 0700), 0);
	assert_package("dir", "a");
	write_file("dir/b.rockspec", "package = 'b'\n");
	assert_package("dir", NULL);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, peer_enter_directory, \
	    peer_leave_directory)
	const struct CMUnitTest tests[] = {
		TEST(test_cartridge_yml_run_dir_is_read),
		TEST(test_rockspec_gives_package_name),
	};

	return cmocka_run_group_tests_name("project_config", tests, NULL, NULL);
}
