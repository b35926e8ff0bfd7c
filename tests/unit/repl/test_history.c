/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"
#include "repl/history.h"

#define FILE_NAME	"state/cartridge-reload/history"

/* What the file has, entries separated by '|'. */
static char entries[2 * HISTORY_SIZE_MAX];
static size_t entry_count;

static void
each(const char *entry, void *arg)
{
	(void)arg;
	if (entry_count++ > 0)
		strlcat(entries, "|", sizeof(entries));
	strlcat(entries, entry, sizeof(entries));
}

static void
open_history(struct history *history)
{
	struct error error;

	entries[0] = '\0';
	entry_count = 0;
	if (history_open(history, each, NULL, &error) == -1)
		fail_msg("%s", error.message);
}

static void
add(struct history *history, const char *entry)
{
	struct error error;

	if (history_add(history, entry, &error) == -1)
		fail_msg("%s", error.message);
}

static int
set_up(void **state)
{
	char state_home[300], here[200];

	if (peer_enter_directory(state) == -1 ||
	    getcwd(here, sizeof(here)) == NULL)
		return -1;
	snprintf(state_home, sizeof(state_home), "%s/state", here);
	setenv("HOME", here, 1);
	return setenv("XDG_STATE_HOME", state_home, 1);
}

static int
forget(void **state)
{
	(void)state;
	return system("chmod -R u+w . && rm -rf state .local");
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void
test_history_entries_are_loaded_in_order(void **state)
{
	struct history history;

	(void)state;
	open_history(&history);
	assert_int_equal(entry_count, 0);
	add(&history, "box.info");
	add(&history, "for i = 1, 2 do\n\tx('\\n')\nend");
	add(&history, "\\reload");
	add(&history, "\xd0\x9f\xff");
	history_close(&history);
	open_history(&history);
	assert_string_equal(entries, "box.info|"
	    "for i = 1, 2 do\n\tx('\\n')\nend|\\reload|\xd0\x9f\xff");
	history_close(&history);
}

static void
test_history_file_is_private(void **state)
{
	struct history history;
	mode_t before = umask(0);

	(void)state;
	open_history(&history);
	history_close(&history);
	assert_int_equal(mode_of("state"), 0700);
	assert_int_equal(mode_of("state/cartridge-reload"), 0700);
	assert_int_equal(mode_of(FILE_NAME), 0600);
	/* What somebody has made so is not ours to change. */
	assert_int_equal(chmod(FILE_NAME, 0640), 0);
	open_history(&history);
	add(&history, "x");
	assert_int_equal(mode_of(FILE_NAME), 0640);
	history_close(&history);
	umask(before);
}

static void
test_history_path_without_state_home_is_below_home(void **state)
{
	static const char *const others[] = { NULL, "", "relative" };
	char *before = strdup(getenv("XDG_STATE_HOME"));
	struct history history;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		unsetenv("XDG_STATE_HOME");
		if (others[i] != NULL)
			setenv("XDG_STATE_HOME", others[i], 1);
		open_history(&history);
		assert_int_equal(mode_of(
		    ".local/state/cartridge-reload/history"), 0600);
		history_close(&history);
		assert_int_equal(forget(NULL), 0);
	}
	setenv("XDG_STATE_HOME", before, 1);
	free(before);
}

static void
test_history_without_home_is_disabled(void **state)
{
	char *home = strdup(getenv("HOME"));
	char *before = strdup(getenv("XDG_STATE_HOME"));
	struct history history;

	(void)state;
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	open_history(&history);
	assert_null(history.path);
	add(&history, "x");
	history_close(&history);
	setenv("HOME", home, 1);
	setenv("XDG_STATE_HOME", before, 1);
	free(home);
	free(before);
}

static void
test_history_not_a_regular_file_is_disabled(void **state)
{
	struct history history;

	(void)state;
	assert_int_equal(system("mkdir -p state/cartridge-reload && "
	    "ln -s /dev/null " FILE_NAME), 0);
	open_history(&history);
	assert_null(history.path);
	add(&history, "x");
	history_close(&history);
	assert_int_equal(system("rm " FILE_NAME " && mkfifo " FILE_NAME), 0);
	open_history(&history);
	assert_null(history.path);
	history_close(&history);
}

static void
test_history_write_failure_is_reported(void **state)
{
	struct history history;
	struct error error;

	(void)state;
	assert_int_equal(system(": >state"), 0);
	assert_int_equal(history_open(&history, each, NULL, &error), -1);
	assert_non_null(strstr(error.message, "history is disabled: "));
	assert_non_null(strstr(error.message, "Not a directory"));
	assert_null(history.path);
	history_close(&history);

	assert_int_equal(forget(NULL), 0);
	open_history(&history);
	assert_int_equal(forget(NULL), 0);
	assert_int_equal(history_add(&history, "x", &error), -1);
	assert_non_null(strstr(error.message, "No such file"));
	history_close(&history);
}

static void
refused(const char *why)
{
	struct history history;
	struct error error;

	error.message[0] = '\0';
	if (history_open(&history, each, NULL, &error) != -1)
		fail_msg("not refused for: %s", why);
	if (strstr(error.message, why) == NULL)
		fail_msg("%s", error.message);
	assert_null(history.path);
	history_close(&history);
}

static void
test_history_link_is_not_followed(void **state)
{
	struct history history;
	struct error error;
	struct stat st;

	(void)state;
	assert_int_equal(system("mkdir -p state/cartridge-reload && : >victim"
	    " && chmod 644 victim && ln -s ../../victim " FILE_NAME), 0);
	refused("symbolic link");
	assert_int_equal(mode_of("victim"), 0644);
	assert_int_equal(system("rm " FILE_NAME " victim && "
	    "ln -s ../../victim " FILE_NAME), 0);
	refused("symbolic link");
	assert_int_equal(stat("victim", &st), -1);
	/* One that comes while it is open. */
	assert_int_equal(forget(NULL), 0);
	open_history(&history);
	assert_int_equal(system("ln -sf ../../victim " FILE_NAME), 0);
	assert_int_equal(history_add(&history, "x", &error), -1);
	assert_int_equal(stat("victim", &st), -1);
	history_close(&history);
}

static void
test_history_temporary_link_is_not_followed(void **state)
{
	struct history history;
	struct stat st;
	char name[80], entry[1000];
	int i;

	(void)state;
	open_history(&history);
	snprintf(name, sizeof(name), FILE_NAME ".%ld", (long)getpid());
	assert_int_equal(symlink("../../victim", name), 0);
	for (i = 0; i < 300; i++) {
		memset(entry, 'a' + i % 2, sizeof(entry) - 1);
		entry[sizeof(entry) - 1] = '\0';
		add(&history, entry);
	}
	history_close(&history);
	assert_int_equal(stat("victim", &st), -1);
	assert_int_equal(lstat(FILE_NAME, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_true((size_t)st.st_size <= HISTORY_SIZE_MAX);
}

/* Only root can give files away. */
static void
test_history_file_of_other_user_is_refused(void **state)
{
	static const char *const theirs[] = {
		"state", "state/cartridge-reload", FILE_NAME
	};
	char *before = strdup(getenv("XDG_STATE_HOME")), home[300];
	struct stat st;
	size_t i;

	(void)state;
	if (geteuid() != 0) {
		free(before);
		skip();
	}
	for (i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
		assert_int_equal(system("mkdir -p state/cartridge-reload && "
		    ": >" FILE_NAME), 0);
		assert_int_equal(chown(theirs[i], 65534, (gid_t)-1), 0);
		refused("belongs to another user");
		assert_int_equal(forget(NULL), 0);
	}
	/* Nothing is made in the home of another, nor where its links lead. */
	snprintf(home, sizeof(home), "%s/", before);
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", home, 1);
	assert_int_equal(system("mkdir state etc && chown 65534 state"), 0);
	refused("belongs to another user");
	assert_int_equal(stat("state/.local", &st), -1);
	assert_int_equal(symlink("../etc", "state/.local"), 0);
	refused("belongs to another user");
	assert_int_equal(stat("etc/state", &st), -1);
	assert_int_equal(system("rm -r etc"), 0);
	setenv("XDG_STATE_HOME", before, 1);
	*strrchr(home, 's') = '\0';
	home[strlen(home) - 1] = '\0';
	setenv("HOME", home, 1);
	free(before);
}

static void
test_history_link_to_own_directory_is_followed(void **state)
{
	struct history history;

	(void)state;
	assert_int_equal(system("mkdir there && ln -s there state"), 0);
	open_history(&history);
	add(&history, "x");
	history_close(&history);
	open_history(&history);
	assert_string_equal(entries, "x");
	history_close(&history);
	assert_int_equal(system("rm -r there"), 0);
}

/* A disk that is full, as far as this process can make one. */
static void
limit_files(rlim_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size == 0 ? limit.rlim_max : size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
test_history_write_cut_leaves_no_partial_entry(void **state)
{
	struct history history;
	struct error error;
	FILE *file;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	open_history(&history);
	add(&history, "first");
	limit_files(10);
	assert_int_equal(history_add(&history, "too long", &error), -1);
	limit_files(0);
	add(&history, "second");
	history_close(&history);
	open_history(&history);
	assert_string_equal(entries, "first|second");
	/* What a crash has left is not taken for the beginning of the next. */
	assert_non_null(file = fopen(FILE_NAME, "a"));
	fputs("cut", file);
	fclose(file);
	add(&history, "third");
	history_close(&history);
	open_history(&history);
	assert_string_equal(entries, "first|second|cut|third");
	history_close(&history);
	signal(SIGXFSZ, SIG_DFL);
}

static void
test_history_repeated_entry_is_skipped(void **state)
{
	struct history history;

	(void)state;
	open_history(&history);
	assert_false(history_repeats(&history, "a"));
	assert_true(history_repeats(&history, "a"));
	assert_false(history_repeats(&history, "b"));
	assert_false(history_repeats(&history, "a"));
	add(&history, "a");
	add(&history, "b");
	add(&history, "b");
	history_close(&history);
	/* Also one that an earlier session has ended with. */
	open_history(&history);
	assert_string_equal(entries, "a|b");
	assert_true(history_repeats(&history, "b"));
	history_close(&history);
}

static void
test_history_entry_blank_or_secret_or_long_is_private(void **state)
{
	char *longer = malloc(HISTORY_ENTRY_MAX + 2);

	(void)state;
	assert_false(history_is_private("box.info"));
	assert_true(history_is_private(" box.info"));
	assert_true(history_is_private("box.schema.user.passwd('x')"));
	assert_true(history_is_private("x = 'PassWord'"));
	assert_true(history_is_private("cluster_cookie"));
	assert_true(history_is_private("API_TOKEN"));
	memset(longer, 'x', HISTORY_ENTRY_MAX + 1);
	longer[HISTORY_ENTRY_MAX + 1] = '\0';
	assert_true(history_is_private(longer));
	longer[HISTORY_ENTRY_MAX] = '\0';
	assert_false(history_is_private(longer));
	free(longer);
}

static void
test_history_too_large_drops_older_half(void **state)
{
	struct history history;
	struct stat st;
	char entry[1000], *last, *first;
	int i;

	(void)state;
	open_history(&history);
	for (i = 0; i < 600; i++) {
		memset(entry, 'x', sizeof(entry) - 1);
		entry[sizeof(entry) - 1] = '\0';
		memcpy(entry, "number", 6);
		entry[snprintf(entry + 6, 10, "%04d", i) + 6] = '-';
		add(&history, entry);
		assert_int_equal(stat(FILE_NAME, &st), 0);
		assert_true((size_t)st.st_size <= HISTORY_SIZE_MAX);
	}
	history_close(&history);
	assert_int_equal(mode_of(FILE_NAME), 0600);
	open_history(&history);
	history_close(&history);
	/* Whole entries, the last ones, without a gap. */
	first = entries;
	last = strrchr(entries, '|') + 1;
	assert_memory_equal(first, "number", 6);
	assert_int_equal(atoi(last + 6), 599);
	assert_int_equal(atoi(first + 6), 600 - (int)entry_count);
	assert_true(entry_count > 120);
	assert_int_equal(system("test \"$(ls state/cartridge-reload)\" = "
	    "history"), 0);
}

static void
test_history_too_large_file_is_read_from_end(void **state)
{
	struct history history;

	(void)state;
	assert_int_equal(system("mkdir -p state/cartridge-reload && "
	    "{ yes old | head -c 1000000; echo; echo new; } >" FILE_NAME), 0);
	open_history(&history);
	/* Equal ones that follow each other are one. */
	assert_string_equal(entries, "old|new");
	add(&history, "x");
	history_close(&history);
	open_history(&history);
	history_close(&history);
	assert_string_equal(strrchr(entries, '|'), "|x");
}

static void
test_history_several_writers_lose_nothing(void **state)
{
	enum { PROCESSES = 4, EACH = 150 };
	struct history history;
	char entry[400];
	int i, j, status, seen[PROCESSES] = { 0 };
	char *rest, *one;

	(void)state;
	for (i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		open_history(&history);
		for (j = 0; j < EACH; j++) {
			memset(entry, 'x', sizeof(entry));
			entry[snprintf(entry, sizeof(entry), "p%d-%03d", i,
			    j)] = '-';
			entry[sizeof(entry) - 1] = '\0';
			add(&history, entry);
		}
		_exit(0);
	}
	for (i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	open_history(&history);
	history_close(&history);
	/* 240 kB fit: all are there, in the order of each. */
	for (rest = entries; (one = strsep(&rest, "|")) != NULL;) {
		assert_int_equal(strlen(one), sizeof(entry) - 1);
		i = one[1] - '0';
		assert_int_equal(atoi(one + 3), seen[i]++);
	}
	for (i = 0; i < PROCESSES; i++)
		assert_int_equal(seen[i], EACH);
}

int
main(void)
{
#define TEST(name)	cmocka_unit_test_teardown(name, forget)
	const struct CMUnitTest tests[] = {
		TEST(test_history_entries_are_loaded_in_order),
		TEST(test_history_file_is_private),
		TEST(test_history_path_without_state_home_is_below_home),
		TEST(test_history_without_home_is_disabled),
		TEST(test_history_not_a_regular_file_is_disabled),
		TEST(test_history_write_failure_is_reported),
		TEST(test_history_link_is_not_followed),
		TEST(test_history_temporary_link_is_not_followed),
		TEST(test_history_file_of_other_user_is_refused),
		TEST(test_history_link_to_own_directory_is_followed),
		TEST(test_history_write_cut_leaves_no_partial_entry),
		TEST(test_history_repeated_entry_is_skipped),
		TEST(test_history_entry_blank_or_secret_or_long_is_private),
		TEST(test_history_too_large_drops_older_half),
		TEST(test_history_too_large_file_is_read_from_end),
		TEST(test_history_several_writers_lose_nothing)
	};

	return cmocka_run_group_tests_name("history", tests, set_up,
	    peer_leave_directory);
}
