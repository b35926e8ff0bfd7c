/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/target.h"
#include "tempdir.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

static void
test_target_each_form_is_parsed(void **state)
{
	static const struct {
		const char	*spec, *name, *path, *host, *port;
	} cases[] = {
		{ "app.control", "app.control", "app.control", NULL, NULL },
		{ "./app.control", "./app.control", "./app.control", NULL,
		    NULL },
		{ "/run/app.control", "/run/app.control", "/run/app.control",
		    NULL, NULL },
		{ "unix/:/run/a", "/run/a", "/run/a", NULL, NULL },
		{ "unix/:./rel", "./rel", "./rel", NULL, NULL },
		{ "unix/:rel", "rel", "rel", NULL, NULL },
		{ "unix:/abs", "/abs", "/abs", NULL, NULL },
		{ "unix:rel", "rel", "rel", NULL, NULL },
		{ "unix:3301", "3301", "3301", NULL, NULL },
		{ "unix:///abs", "/abs", "/abs", NULL, NULL },
		{ "unix://rel", "rel", "rel", NULL, NULL },
		{ "unix", "unix", "unix", NULL, NULL },
		{ "./a:3301", "./a:3301", "./a:3301", NULL, NULL },
		{ "/run/a:b.sock", "/run/a:b.sock", "/run/a:b.sock", NULL,
		    NULL },
		{ "dir:1/a.sock", "dir:1/a.sock", "dir:1/a.sock", NULL,
		    NULL },
		{ "3301", "3301", "3301", NULL, NULL },
		{ "localhost:3301", "localhost:3301", NULL, "localhost",
		    "3301" },
		{ "localhost:03301", "localhost:3301", NULL, "localhost",
		    "3301" },
		{ "tcp://db.example.org:1", "db.example.org:1", NULL,
		    "db.example.org", "1" },
		{ "10.0.0.1:65535", "10.0.0.1:65535", NULL, "10.0.0.1",
		    "65535" },
		{ "[::1]:3301", "[::1]:3301", NULL, "::1", "3301" },
		{ "tcp://[fe80::1%lo]:3301", "[fe80::1%lo]:3301", NULL,
		    "fe80::1%lo", "3301" },
	};
	struct error error;
	struct target *target;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		struct targets targets = { NULL, 0 };

		if (targets_add(&targets, cases[i].spec, &error) == -1)
			fail_msg("'%s': %s", cases[i].spec, error.message);
		assert_int_equal(targets.count, 1);
		target = &targets.list[0];
		assert_string_equal(target->name, cases[i].name);
		if (cases[i].path != NULL) {
			assert_int_equal(target->kind, TARGET_UNIX);
			assert_string_equal(target->path, cases[i].path);
			assert_null(target->host);
			assert_null(target->port);
		} else {
			assert_int_equal(target->kind, TARGET_TCP);
			assert_null(target->path);
			assert_string_equal(target->host, cases[i].host);
			assert_string_equal(target->port, cases[i].port);
		}
		targets_finish(&targets);
	}
}

static void
test_target_invalid_error_names_it(void **state)
{
	static const struct {
		const char	*spec, *part;
	} cases[] = {
		{ "", "empty" },
		{ "unix/:", "no path" },
		{ "unix:", "no path" },
		{ "unix://", "no path" },
		{ ":3301", "no host" },
		{ "tcp://", "no host" },
		{ "tcp://:1", "no host" },
		{ "tcp://host", "no port" },
		{ "[::1]", "no port" },
		{ "[::1]3301", "no port" },
		{ "[::1:3301", "no port" },
		{ "[]:3301", "no host" },
		{ "host:", "not a number" },
		{ "host:0", "not a number" },
		{ "host:65536", "not a number" },
		{ "host:99999999999999999999", "not a number" },
		{ "host:-1", "not a number" },
		{ "host:+1", "not a number" },
		{ "host: 1", "not a number" },
		{ "host:1x", "not a number" },
		{ "host:control", "not a number" },
		{ "tcp://host:1/", "not a number" },
		{ "::1:3301", "IPv6" },
		{ "fe80::1", "IPv6" },
		{ "http://host:1", "unknown address type" },
		{ "unixx://a", "unknown address type" },
	};
	struct targets targets = { NULL, 0 };
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		memset(&error, 0, sizeof(error));
		assert_int_equal(targets_add(&targets, cases[i].spec, &error),
		    -1);
		assert_int_equal(error.outcome, OUTCOME_USAGE);
		assert_string_equal(error_word(error.code), "usage");
		if (strstr(error.message, cases[i].part) == NULL ||
		    strstr(error.message, cases[i].spec) == NULL)
			fail_msg("'%s': %s", cases[i].spec, error.message);
		assert_int_equal(targets.count, 0);
	}
	targets_finish(&targets);
}

static void
touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_int_not_equal(fd, -1);
	close(fd);
}

static void
assert_names(const struct targets *targets, const char *expected)
{
	char names[1000] = "";
	size_t i;

	for (i = 0; i < targets->count; i++) {
		strlcat(names, targets->list[i].name, sizeof(names));
		strlcat(names, " ", sizeof(names));
	}
	assert_string_equal(names, expected);
}

static void
test_targets_glob_is_expanded_and_sorted(void **state)
{
	struct targets targets = { NULL, 0 };
	struct error error;

	(void)state;
	touch("run/b.control");
	touch("run/a.control");
	touch("run/B.control");
	touch("run/c.other");
	touch("run/10.control");
	touch("run/9.control");
	/* The order must not depend on it; it is no matter if it is absent. */
	setlocale(LC_COLLATE, "en_US.UTF-8");
	assert_int_equal(targets_add(&targets, "run/*.control", &error), 0);
	setlocale(LC_COLLATE, "C");
	assert_names(&targets, "run/10.control run/9.control run/B.control "
	    "run/a.control run/b.control ");
	targets_finish(&targets);

	assert_int_equal(targets_add(&targets, "unix/:./run/[ab].c*", &error),
	    0);
	assert_int_equal(targets_add(&targets, "run/?.other", &error), 0);
	assert_names(&targets,
	    "./run/a.control ./run/b.control run/c.other ");
	targets_finish(&targets);
}

static void
test_targets_existing_file_is_not_expanded(void **state)
{
	struct targets targets = { NULL, 0 };
	struct error error;

	(void)state;
	touch("run/[ab].sock");
	touch("run/a.sock");
	assert_int_equal(targets_add(&targets, "run/[ab].sock", &error), 0);
	assert_names(&targets, "run/[ab].sock ");
	targets_finish(&targets);
	/* Not even if it points to nothing. */
	assert_int_equal(symlink("nowhere", "run/[a]*.sock"), 0);
	assert_int_equal(targets_add(&targets, "run/[a]*.sock", &error), 0);
	assert_names(&targets, "run/[a]*.sock ");
	targets_finish(&targets);
}

static void
test_targets_glob_without_match_is_unreachable(void **state)
{
	struct targets targets = { NULL, 0 };
	struct error error;

	(void)state;
	assert_int_equal(targets_add(&targets, "nowhere/*.sock", &error), -1);
	assert_int_equal(error.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(error_word(error.code), "no_socket");
	assert_non_null(strstr(error.message, "nowhere/*.sock"));
	assert_int_equal(targets.count, 0);
	targets_finish(&targets);
}

static void
test_targets_known_address_is_not_repeated(void **state)
{
	static const char *const specs[] = { "run/x.dup", "unix/:run/x.dup",
	    "run/*.dup", "host:1", "tcp://host:1", "HOST:01", "host:2",
	    "./host:1" };
	struct targets targets = { NULL, 0 };
	struct error error;
	size_t i;

	(void)state;
	touch("run/x.dup");
	touch("run/y.dup");
	for (i = 0; i < nitems(specs); i++)
		assert_int_equal(targets_add(&targets, specs[i], &error), 0);
	assert_names(&targets, "run/x.dup run/y.dup host:1 host:2 ./host:1 ");
	targets_finish(&targets);
	assert_int_equal(targets.count, 0);
	assert_null(targets.list);
}

static void
test_targets_one_socket_by_two_paths_is_one_target(void **state)
{
	struct targets targets = { NULL, 0 };
	struct error error;
	char path[100];

	assert_int_equal(mkdir("same", 0700), 0);
	assert_int_equal(symlink("same", "alias"), 0);
	touch("same/one.sock");
	touch("same/two.sock");
	snprintf(path, sizeof(path), "%s/same/one.sock", (char *)*state);
	assert_int_equal(targets_add(&targets, "same/one.sock", &error), 0);
	assert_int_equal(targets_add(&targets, path, &error), 0);
	assert_int_equal(targets_add(&targets, "./same//one.sock", &error),
	    0);
	assert_int_equal(targets_add(&targets, "alias/*.sock", &error), 0);
	assert_names(&targets, "same/one.sock alias/two.sock ");
	targets_finish(&targets);
	/* Of what is not there, nothing but the path is known. */
	assert_int_equal(targets_add(&targets, "same/three", &error), 0);
	assert_int_equal(targets_add(&targets, "same/four", &error), 0);
	assert_int_equal(targets_add(&targets, "same/three", &error), 0);
	assert_names(&targets, "same/three same/four ");
	targets_finish(&targets);
}

static void
test_targets_add_socket_expands_nothing_and_keeps_names(void **state)
{
	struct targets targets = { NULL, 0 };
	struct error error;
	const struct target *target;

	(void)state;
	assert_int_equal(targets_add_socket(&targets, "host:1", "app", "inst",
	    &error), 0);
	assert_int_equal(targets_add_socket(&targets, "*", NULL, NULL,
	    &error), 0);
	assert_int_equal(targets_add_socket(&targets, "host:1", "b", "c",
	    &error), 0);
	assert_int_equal(targets.count, 2);
	target = &targets.list[0];
	assert_int_equal(target->kind, TARGET_UNIX);
	assert_string_equal(target->name, "host:1");
	assert_string_equal(target->path, "host:1");
	assert_string_equal(target->app, "app");
	assert_string_equal(target->instance, "inst");
	assert_string_equal(targets.list[1].path, "*");
	assert_null(targets.list[1].app);
	assert_null(targets.list[1].instance);
	targets_finish(&targets);
}

/* All tests run in a directory of their own. */
static int
setup(void **state)
{
	static char dir[TEMP_SIZE];

	if (mkdtemp(temp_template(dir)) == NULL || chdir(dir) == -1 || mkdir("run", 0700))
		return -1;
	*state = dir;
	return 0;
}

static int
teardown(void **state)
{
	char command[TEMP_SIZE + 10];

	if (chdir("/") == -1)
		return -1;
	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	return system(command);
}

static void
test_targets_add_user(void **state)
{
	static const struct {
		const char	*spec, *user, *name;
		int		 has_password;
	} cases[] = {
		{ "op@host:3301", "op", "op@host:3301", 0 },
		{ "tcp://op@host:3302", "op", "op@host:3302", 0 },
		{ "op:secret@host:3303", "op", "op@host:3303", 1 },
		{ "tcp://op:secret@[::1]:3304", "op", "op@[::1]:3304", 1 },
		{ "op:s/e:c@r@host:3305", "op", "op@host:3305", 1 },
		{ "op:@host:3306", "op", "op@host:3306", 1 },
		{ "host:3307", NULL, "host:3307", 0 }
	};
	struct targets targets = { NULL, 0 };
	struct error error;
	const struct target *target;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		assert_int_equal(targets_add(&targets, cases[i].spec, &error),
		    0);
		target = &targets.list[i];
		assert_int_equal(target->kind, TARGET_TCP);
		assert_string_equal(target->name, cases[i].name);
		assert_int_equal(target->secret != NULL,
		    cases[i].has_password);
		assert_int_equal(target->is_exposed, cases[i].has_password);
		if (cases[i].user == NULL)
			assert_null(target->user);
		else
			assert_string_equal(target->user, cases[i].user);
	}
	/* Another user does not make another instance. */
	assert_int_equal(targets_add(&targets, "x@host:3307", &error), 0);
	assert_int_equal(targets.count, nitems(cases));
	targets_finish(&targets);
	secret_wipe_all();
}

static void
test_targets_add_user_without_password_is_refused(void **state)
{
	static const char *const specs[] = {
		"admin:secret@host", "http://admin:secret@host:1",
		"admin:secret@host:0", "admin:secret@:3301",
		"tcp://admin:secret@", "admin:sec@ret@[::1:3301",
		"admin:secret@::1:3301", ":secret@host:3301", "@host:3301"
	};
	struct targets targets = { NULL, 0 };
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(specs); i++) {
		assert_int_equal(targets_add(&targets, specs[i], &error), -1);
		assert_int_equal(error.outcome, OUTCOME_USAGE);
		if (strstr(error.message, "sec") != NULL)
			fail_msg("%s: %s", specs[i], error.message);
	}
	/* A path is one, whatever is in it. */
	assert_int_equal(targets_add(&targets, "/run/a:b@c", &error), 0);
	assert_int_equal(targets_add(&targets, "run/a:b@c", &error), 0);
	assert_int_equal(targets_add(&targets, "a@b", &error), 0);
	assert_string_equal(targets.list[2].path, "a@b");
	assert_int_equal(targets_add(&targets, "a@b/c:1", &error), 0);
	assert_string_equal(targets.list[3].path, "a@b/c:1");
	targets_finish(&targets);
	secret_wipe_all();
}

static void
test_targets_add_peer_expands_nothing(void **state)
{
	static const char *const bad[] = {
		"", "3301", "h", "h:0", "h:x", "unix/:", "unix/:./a", "/a",
		"[::1]", "a@b"
	};
	struct targets targets = { NULL, 0 };
	const struct secret secret = { { 1 }, { 2 } };
	const struct target *target;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		assert_int_equal(targets_add_peer(&targets, bad[i], NULL, NULL,
		    &error), -1);
		assert_int_equal(error.outcome, OUTCOME_USAGE);
	}
	assert_int_equal(targets_add_peer(&targets, "h:1", "op", &secret,
	    &error), 0);
	target = &targets.list[0];
	assert_string_equal(target->name, "h:1");
	assert_string_equal(target->host, "h");
	assert_string_equal(target->user, "op");
	assert_ptr_equal(target->secret, &secret);
	assert_int_equal(targets_add_peer(&targets, "unix/:/*", NULL, NULL,
	    &error), 0);
	assert_int_equal(targets.count, 2);
	assert_int_equal(targets.list[1].kind, TARGET_UNIX);
	assert_string_equal(targets.list[1].path, "/*");
	assert_null(targets.list[1].user);
	targets_finish(&targets);
}

static void
test_target_hide_password_keeps_the_rest(void **state)
{
	static const struct {
		const char	*spec, *hidden;
	} cases[] = {
		{ "op:secret@host:1", "op:******@host:1" },
		{ "tcp://op:s@cr/t@host:1", "tcp://op:******@host:1" },
		{ "op@host:1", "op@host:1" },
		{ "host:1", "host:1" },
		{ "/run/a:b@c", "/run/a:b@c" },
		{ "unix:a:b@c", "unix:a:b@c" }
	};
	char spec[64];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		strlcpy(spec, cases[i].spec, sizeof(spec));
		target_hide_password(spec);
		assert_string_equal(spec, cases[i].hidden);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets_add_user),
		cmocka_unit_test(
		    test_targets_add_user_without_password_is_refused),
		cmocka_unit_test(test_targets_add_peer_expands_nothing),
		cmocka_unit_test(test_target_hide_password_keeps_the_rest),
		cmocka_unit_test(test_target_each_form_is_parsed),
		cmocka_unit_test(test_target_invalid_error_names_it),
		cmocka_unit_test(test_targets_glob_is_expanded_and_sorted),
		cmocka_unit_test(test_targets_existing_file_is_not_expanded),
		cmocka_unit_test(
		    test_targets_glob_without_match_is_unreachable),
		cmocka_unit_test(test_targets_known_address_is_not_repeated),
		cmocka_unit_test(
		    test_targets_one_socket_by_two_paths_is_one_target),
		cmocka_unit_test(
		    test_targets_add_socket_expands_nothing_and_keeps_names),
	};

	return cmocka_run_group_tests_name("target", tests, setup, teardown);
}
