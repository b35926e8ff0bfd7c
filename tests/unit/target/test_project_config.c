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
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"
#include "target/project_config.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

static void
write_bytes(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
write_file(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

static void
assert_run_dir(const char *expected)
{
	struct error error;
	char *run_dir;

	if (project_run_dir(&run_dir, &error) == -1)
		fail_msg("%s", error.message);
	if (expected == NULL)
		assert_null(run_dir);
	else
		assert_string_equal(run_dir, expected);
	free(run_dir);
}

static void
assert_bad_run_dir(const char *message)
{
	struct error error;
	char *run_dir;

	memset(&error, 0, sizeof(error));
	assert_int_equal(project_run_dir(&run_dir, &error), -1);
	assert_null(run_dir);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_string_equal(error_word(error.code), "usage");
	assert_int_equal(error.transient, 0);
	if (strstr(error.message, message) == NULL)
		fail_msg("'%s' is not in '%s'", message, error.message);
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
test_cartridge_yml_invalid_error_names_line(void **state)
{
	static const struct {
		const char	*text, *message;
	} cases[] = {
		{ "a: b\nrun-dir: [x]\n",
		    ".cartridge.yml:2: run-dir is not a string" },
		{ "a: b\nrun-dir: {x: y}\n",
		    ".cartridge.yml:2: run-dir is not a string" },
		{ "a: &a b\n\nrun-dir: *a\n",
		    ".cartridge.yml:3: run-dir is not a string" },
		{ "run-dir: a\nrun-dir: b\n",
		    ".cartridge.yml:2: run-dir is given twice" },
		{ "run-dir: \"a\\0b\"\n",
		    ".cartridge.yml:1: run-dir contains a zero byte" },
		{ "run-dir: a\n b: c\n", ".cartridge.yml:2: " },
		{ "a: b\nc: \"open\n", ".cartridge.yml:3: " },
		{ "run-dir: a\n\n[\n", ".cartridge.yml:" },
		{ "a: b\nc: \xff\n", ".cartridge.yml:2: " },
		{ "a: b\n\n\nc: \x01\n", ".cartridge.yml:4: " },
		{ "\n- run-dir\n", ".cartridge.yml:2: not a mapping" },
		{ "text\n", ".cartridge.yml:1: not a mapping" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		write_file(".cartridge.yml", cases[i].text);
		assert_bad_run_dir(cases[i].message);
	}
}

static void
test_project_config_irregular_or_large_file_is_refused(void **state)
{
	static char text[PROJECT_FILE_MAX + 1];

	(void)state;
	memset(text, '\n', sizeof(text));
	memcpy(text, "run-dir: x", strlen("run-dir: x"));
	write_bytes(".cartridge.yml", text, PROJECT_FILE_MAX);
	assert_run_dir("x");
	write_bytes(".cartridge.yml", text, sizeof(text));
	assert_bad_run_dir("cannot read .cartridge.yml: too large");
	unlink(".cartridge.yml");
	assert_int_equal(mkfifo(".cartridge.yml", 0600), 0);
	assert_bad_run_dir("cannot read .cartridge.yml: not a regular file");
	unlink(".cartridge.yml");
	assert_int_equal(mkdir(".cartridge.yml", 0700), 0);
	assert_bad_run_dir("cannot read .cartridge.yml: not a regular file");
	assert_int_equal(rmdir(".cartridge.yml"), 0);
	assert_int_equal(symlink(".cartridge.yml", ".cartridge.yml"), 0);
	assert_bad_run_dir("cannot read .cartridge.yml: Too many levels");
}

static void
test_project_config_deep_nesting_is_harmless(void **state)
{
	static char text[PROJECT_FILE_MAX];

	(void)state;
	memset(text, '[', sizeof(text));
	memcpy(text, "a: ", 3);
	write_bytes(".cartridge.yml", text, sizeof(text));
	assert_bad_run_dir(".cartridge.yml:1: nested too deeply");
	memset(text + 3 + 100, ']', 100);
	write_bytes(".cartridge.yml", text, 3 + 200);
	assert_run_dir(NULL);
}

static void
assert_tt(const char *file, const char *enabled, const char *run_dir)
{
	struct project_tt tt;
	struct error error;

	if (project_tt(&tt, &error) == -1)
		fail_msg("%s", error.message);
	if (file == NULL) {
		assert_null(tt.file);
		assert_null(tt.enabled);
		assert_null(tt.run_dir);
	} else {
		assert_string_equal(tt.file, file);
		assert_string_equal(tt.enabled, enabled);
		assert_string_equal(tt.run_dir, run_dir);
	}
	project_tt_finish(&tt);
}

static void
test_tt_yaml_of_each_version_is_read(void **state)
{
	(void)state;
	assert_tt(NULL, NULL, NULL);
	write_file("tt.yml", "");
	assert_tt("tt.yml", ".", "var/run");
	write_file("tt.yml", "env:\n  instances_enabled: enabled\n"
	    "app:\n  run_dir: run\n");
	assert_tt("tt.yml", "enabled", "run");
	write_file("tt.yml", "app:\n  instances_enabled: /enabled\n"
	    "  run_dir: /run\n  data: x\nmodules: [app]\n");
	assert_tt("tt.yml", "/enabled", "/run");
	write_file("tt.yaml", "tt:\n  modules: {directory: m}\n"
	    "  app:\n    instances_enabled: old\n    run_dir: older\n");
	assert_tt("tt.yaml", "old", "older");
	write_file("tt.yaml", "env:\napp: {run_dir: }\n"
	    "env.instances_enabled: x\n");
	assert_tt("tt.yaml", ".", "var/run");
}

static void
test_tt_yaml_invalid_error_names_line(void **state)
{
	struct project_tt tt;
	struct error error;

	(void)state;
	write_file("tt.yaml", "app:\n  run_dir: a\n  run_dir: b\n");
	assert_int_equal(project_tt(&tt, &error), -1);
	assert_string_equal(error.message,
	    "tt.yaml:3: app.run_dir is given twice");
	project_tt_finish(&tt);
}

static void
test_tt_yaml_is_found_in_parents_and_environment(void **state)
{
	struct project_tt tt;
	struct error error;
	char above[200], enabled[200];

	snprintf(above, sizeof(above), "%s/tt.yaml", (char *)*state);
	snprintf(enabled, sizeof(enabled), "%s/apps", (char *)*state);
	write_file("tt.yaml", "env: {instances_enabled: apps}\n");
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(mkdir("a/b", 0700), 0);
	assert_int_equal(chdir("a/b"), 0);
	assert_tt(above, enabled, "var/run");
	write_file("../tt.yml", "");
	snprintf(above, sizeof(above), "%s/a/tt.yml", (char *)*state);
	snprintf(enabled, sizeof(enabled), "%s/a", (char *)*state);
	assert_tt(above, enabled, "var/run");

	write_file("named", "env: {instances_enabled: x}\n");
	setenv("TT_CLI_CFG", "./named", 1);
	assert_tt("./named", "x", "var/run");
	write_file("../named", "env: {instances_enabled: /x}\n");
	setenv("TT_CLI_CFG", "../named", 1);
	assert_tt("../named", "/x", "var/run");
	setenv("TT_CLI_CFG", "absent", 1);
	assert_int_equal(project_tt(&tt, &error), -1);
	assert_string_equal(error.message,
	    "cannot read absent: No such file or directory");
	project_tt_finish(&tt);
	setenv("TT_CLI_CFG", "", 1);
	assert_tt(above, enabled, "var/run");

	assert_int_equal(chdir(*state), 0);
	unlink("tt.yaml");
	assert_int_equal(rename("a/tt.yml", "a/tt.yaml"), 0);
	setenv("TT_SYSTEM_CONFIG_DIR", "a", 1);
	assert_tt("a/tt.yaml", "a", "var/run");
}

static void
assert_package(const char *dir, const char *expected)
{
	struct error error;
	char *package;

	assert_int_equal(project_package(dir, &package, &error), 0);
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

static void
test_project_path_joins_directory_and_name(void **state)
{
	static const char *const cases[][3] = {
		{ "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "", "b", "b" },
		{ ".", "b/c", "b/c" }, { "/", "b", "/b" },
	};
	char *path;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		path = project_path(cases[i][0], cases[i][1]);
		assert_string_equal(path, cases[i][2]);
		free(path);
	}
}

static int
enter(void **state)
{
	unsetenv("TT_CLI_CFG");
	/* That of the machine is not to be found. */
	setenv("TT_SYSTEM_CONFIG_DIR", "/nonexistent", 1);
	return peer_enter_directory(state);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, enter, peer_leave_directory)
	const struct CMUnitTest tests[] = {
		TEST(test_cartridge_yml_run_dir_is_read),
		TEST(test_cartridge_yml_invalid_error_names_line),
		TEST(test_project_config_irregular_or_large_file_is_refused),
		TEST(test_project_config_deep_nesting_is_harmless),
		TEST(test_tt_yaml_of_each_version_is_read),
		TEST(test_tt_yaml_invalid_error_names_line),
		TEST(test_tt_yaml_is_found_in_parents_and_environment),
		TEST(test_rockspec_gives_package_name),
		TEST(test_project_path_joins_directory_and_name),
	};

	return cmocka_run_group_tests_name("project", tests, NULL, NULL);
}
