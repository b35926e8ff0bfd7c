/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/extensions.h"
#include "tempdir.h"

/* The folder of a test, which is the working directory. */
static char folder[TEMP_SIZE];

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(temp_template(folder)) == NULL || chdir(folder) == -1 ? -1 : 0;
}

static int
remove_folder(void **state)
{
	char command[TEMP_SIZE + 20];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return chdir("/") == -1 ? -1 : system(command);
}

static void
put_bytes(const char *path, const char *data, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

/* A file of zeroes that takes no room. */
static void
put_large(const char *path, size_t len)
{
	put(path, "");
	assert_int_equal(truncate(path, (off_t)len), 0);
}

/* What becomes of the folder. */
static void
expect(const char *sections, const char *text)
{
	json_t *args = json_object();
	struct error error;
	char *dumped;

	if (extensions_add_folder(args, ".", &error) == -1)
		fail_msg("%s", error.message);
	dumped = json_dumps(json_object_get(args, "sections"), JSON_COMPACT);
	assert_string_equal(dumped, sections);
	assert_string_equal(json_string_value(json_object_get(
	    json_object_get(args, "texts"), "pushed")), text);
	free(dumped);
	json_decref(args);
}

static void
expect_error(const char *dir, const char *message)
{
	json_t *args = json_object();
	struct error error;

	assert_int_equal(extensions_add_folder(args, dir, &error), -1);
	assert_string_equal(error.message, message);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_string_equal(error_word(error.code), "usage");
	assert_int_equal(json_object_size(args), 0);
	json_decref(args);
}

static void
test_extensions_read_lua_and_config_gives_sorted_sections(void **state)
{
	(void)state;
	assert_int_equal(mkdir("shop", 0700), 0);
	assert_int_equal(mkdir("shop/deep", 0700), 0);
	put("shop/deep/z.lua", "4444");
	put("shop/a.lua", "22");
	put("b.lua", "");
	put("config.yml", "1\n");
	put("shop.lua", "333");
	expect("[{\"name\":\"extensions/b.lua\",\"size\":0},"
	    "{\"name\":\"extensions/config.yml\",\"size\":2},"
	    "{\"name\":\"extensions/shop.lua\",\"size\":3},"
	    "{\"name\":\"extensions/shop/a.lua\",\"size\":2},"
	    "{\"name\":\"extensions/shop/deep/z.lua\",\"size\":4}]",
	    "1\n333224444");
}

static void
test_extensions_read_hidden_and_other_files_are_skipped(void **state)
{
	(void)state;
	put("a.lua", "1");
	put(".b.lua", "\377");
	put("notes.txt", "\377");
	put("lua", "x");
	put("c.luac", "x");
	assert_int_equal(mkdir("v1.2", 0700), 0);
	put("v1.2/README", "x");
	assert_int_equal(mkdir(".git", 0700), 0);
	put(".git/d.lua", "x");
	assert_int_equal(mkdir("sub", 0700), 0);
	put("sub/config.yml", "x");
	put("sub/config.yaml", "x");
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	expect("[{\"name\":\"extensions/a.lua\",\"size\":1}]", "1");
}

static void
test_extensions_read_links_follows_files_only(void **state)
{
	json_t *args = json_object();
	struct error error;

	(void)state;
	/* As volumes of Kubernetes have it. */
	assert_int_equal(mkdir("..2026", 0700), 0);
	put("..2026/a.lua", "1");
	assert_int_equal(symlink("..2026", "..data"), 0);
	assert_int_equal(symlink("..data/a.lua", "a.lua"), 0);
	expect("[{\"name\":\"extensions/a.lua\",\"size\":1}]", "1");
	assert_int_equal(extensions_add_folder(args, "..data", &error), 0);
	json_decref(args);
	assert_int_equal(symlink(".", "loop"), 0);
	expect_error(".", "./loop: a symbolic link to a directory");
	assert_int_equal(unlink("loop"), 0);
	assert_int_equal(symlink("nowhere", "b.lua"), 0);
	expect_error(".", "./b.lua: No such file or directory");
}

static void
test_extensions_read_missing_or_no_directory_fails(void **state)
{
	(void)state;
	expect_error("nowhere", "nowhere: No such file or directory");
	put("file", "");
	expect_error("file", "file: Not a directory");
	expect_error(".", ".: no *.lua files and no config.yml found");
	put("config.yaml", "");
	expect_error(".", "./config.yaml: the file must be named config.yml");
}

static void
test_extensions_read_name_that_require_rejects_fails(void **state)
{
	static const struct {
		const char *path, *message;
	} cases[] = {
		{ "a.b.lua", "./a.b.lua: require cannot load a module whose "
		    "path contains dots" },
		{ "config.yml.lua", "./config.yml.lua: require cannot load "
		    "a module whose path contains dots" },
		{ "v1.2/a.lua", "./v1.2/a.lua: require cannot load a module "
		    "whose path contains dots" },
		{ "a\nb.lua", "./a\nb.lua: the name contains control "
		    "characters" },
		{ "\377.lua", "./\377.lua: the name is not UTF-8 text" }
	};
	size_t i;

	(void)state;
	assert_int_equal(mkdir("v1.2", 0700), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(cases[i].path, "");
		expect_error(".", cases[i].message);
		assert_int_equal(unlink(cases[i].path), 0);
	}
}

static void
test_extensions_read_text_unreadable_fails(void **state)
{
	(void)state;
	put("a.lua", "return '\303\244'");
	expect("[{\"name\":\"extensions/a.lua\",\"size\":11}]",
	    "return '\303\244'");
	put("a.lua", "return '\344'");
	expect_error(".", "./a.lua: not UTF-8 text");
	put("a.lua", "");
	put_bytes("config.yml", "\355\240\200", 3);
	expect_error(".", "./config.yml: not UTF-8 text");
	assert_int_equal(unlink("config.yml"), 0);
	assert_int_equal(mkfifo("pipe.lua", 0600), 0);
	expect_error(".", "./pipe.lua: not a regular file");
	assert_int_equal(unlink("pipe.lua"), 0);
	assert_int_equal(chmod("a.lua", 0), 0);
	/* Nothing is forbidden to root. */
	if (access("a.lua", R_OK) == -1)
		expect_error(".", "./a.lua: Permission denied");
}

static void
test_extensions_read_zero_byte_is_kept(void **state)
{
	json_t *args = json_object();
	struct error error;

	(void)state;
	put_bytes("a.lua", "a\0b", 3);
	assert_int_equal(extensions_add_folder(args, ".", &error), 0);
	assert_int_equal(json_string_length(json_object_get(
	    json_object_get(args, "texts"), "pushed")), 3);
	json_decref(args);
}

static void
test_extensions_read_size_above_limit_fails(void **state)
{
	json_t *args = json_object();
	struct error error;
	char path[16];
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "m%d.lua", i);
		put_large(path, PUSH_SECTION_MAX);
	}
	assert_int_equal(extensions_add_folder(args, ".", &error), 0);
	json_decref(args);
	put("one.lua", "1");
	expect_error(".", ".: more than 4096 files or 16 MiB of code");
	put_large("m0.lua", PUSH_SECTION_MAX + 1);
	for (i = 1; i < 4; i++) {
		snprintf(path, sizeof(path), "m%d.lua", i);
		assert_int_equal(unlink(path), 0);
	}
	expect_error(".", "./m0.lua: larger than 4 MiB");
}

static void
test_extensions_read_count_or_depth_above_limit_fails(void **state)
{
	json_t *args = json_object();
	struct error error;
	char path[128] = "";
	int i;

	(void)state;
	for (i = 0; i < PUSH_DEPTH_MAX; i++) {
		strcat(path, "d/");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	strcat(path, "a.lua");
	put(path, "");
	assert_int_equal(extensions_add_folder(args, ".", &error), 0);
	json_decref(args);
	strcpy(strrchr(path, '/'), "/d");
	assert_int_equal(mkdir(path, 0700), 0);
	args = json_object();
	assert_int_equal(extensions_add_folder(args, ".", &error), -1);
	assert_non_null(strstr(error.message, "too many levels of "
	    "directories"));
	json_decref(args);
	assert_int_equal(rmdir(path), 0);
	for (i = 0; i < PUSH_FILES_MAX; i++) {
		snprintf(path, sizeof(path), "m%d.lua", i);
		put(path, "");
	}
	expect_error(".", ".: more than 4096 files or 16 MiB of code");
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, make_folder, \
			    remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_extensions_read_lua_and_config_gives_sorted_sections),
		TEST(test_extensions_read_hidden_and_other_files_are_skipped),
		TEST(test_extensions_read_links_follows_files_only),
		TEST(test_extensions_read_missing_or_no_directory_fails),
		TEST(test_extensions_read_name_that_require_rejects_fails),
		TEST(test_extensions_read_text_unreadable_fails),
		TEST(test_extensions_read_zero_byte_is_kept),
		TEST(test_extensions_read_size_above_limit_fails),
		TEST(test_extensions_read_count_or_depth_above_limit_fails)
	};

	return cmocka_run_group_tests_name("push", tests, NULL, NULL);
}
