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
#include "target/tt_yaml.h"

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static void
assert_tt(const char *file, const char *enabled, const char *run_dir)
{
	struct tt_yaml tt;
	struct error error;

	if (tt_yaml_read(&tt, &error) == -1)
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
	tt_yaml_finish(&tt);
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
	struct tt_yaml tt;
	struct error error;

	(void)state;
	write_file("tt.yaml", "app:\n  run_dir: a\n  run_dir: b\n");
	assert_int_equal(tt_yaml_read(&tt, &error), -1);
	assert_string_equal(error.message,
	    "tt.yaml:3: app.run_dir appears more than once");
	tt_yaml_finish(&tt);
}

static void
test_tt_yaml_is_found_in_parents_and_environment(void **state)
{
	struct tt_yaml tt;
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
	assert_int_equal(tt_yaml_read(&tt, &error), -1);
	assert_string_equal(error.message,
	    "cannot read absent: No such file or directory");
	tt_yaml_finish(&tt);
	setenv("TT_CLI_CFG", "", 1);
	assert_tt(above, enabled, "var/run");

	assert_int_equal(chdir(*state), 0);
	unlink("tt.yaml");
	assert_int_equal(rename("a/tt.yml", "a/tt.yaml"), 0);
	setenv("TT_SYSTEM_CONFIG_DIR", "a", 1);
	assert_tt("a/tt.yaml", "a", "var/run");
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
		TEST(test_tt_yaml_of_each_version_is_read),
		TEST(test_tt_yaml_invalid_error_names_line),
		TEST(test_tt_yaml_is_found_in_parents_and_environment),
	};

	return cmocka_run_group_tests_name("tt_yaml", tests, NULL, NULL);
}
