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
#include "target/config_file.h"

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

/* Reads the setting `run-dir` of .cartridge.yml. */
static int
read_run_dir(char **run_dir, struct error *error)
{
	const struct config_setting settings[] = {
		{ "run-dir", run_dir },
		{ NULL, NULL }
	};

	*run_dir = NULL;
	return config_file_read_settings(".cartridge.yml", 0, settings, error);
}

static void
assert_run_dir(const char *expected)
{
	struct error error;
	char *run_dir;

	if (read_run_dir(&run_dir, &error) == -1)
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
	assert_int_equal(read_run_dir(&run_dir, &error), -1);
	free(run_dir);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_string_equal(error_word(error.code), "usage");
	assert_int_equal(error.transient, 0);
	if (strstr(error.message, message) == NULL)
		fail_msg("'%s' is not in '%s'", message, error.message);
}

static void
test_config_file_invalid_error_names_line(void **state)
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
		    ".cartridge.yml:2: run-dir appears more than once" },
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
test_config_file_irregular_or_large_is_refused(void **state)
{
	static char text[CONFIG_FILE_MAX + 1];

	(void)state;
	memset(text, '\n', sizeof(text));
	memcpy(text, "run-dir: x", strlen("run-dir: x"));
	write_bytes(".cartridge.yml", text, CONFIG_FILE_MAX);
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
test_config_file_deep_nesting_is_harmless(void **state)
{
	static char text[CONFIG_FILE_MAX];

	(void)state;
	memset(text, '[', sizeof(text));
	memcpy(text, "a: ", 3);
	write_bytes(".cartridge.yml", text, sizeof(text));
	assert_bad_run_dir(".cartridge.yml:1: nested too deeply");
	memset(text + 3 + 100, ']', 100);
	write_bytes(".cartridge.yml", text, 3 + 200);
	assert_run_dir(NULL);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, peer_enter_directory, \
	    peer_leave_directory)
	const struct CMUnitTest tests[] = {
		TEST(test_config_file_invalid_error_names_line),
		TEST(test_config_file_irregular_or_large_is_refused),
		TEST(test_config_file_deep_nesting_is_harmless),
	};

	return cmocka_run_group_tests_name("config_file", tests, NULL, NULL);
}
