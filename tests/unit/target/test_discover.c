/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"
#include "target/discover.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

#define NOBODY	65534

/* Makes the directories on the way to a file. */
static void
make_parents(const char *path)
{
	char part[PATH_MAX];
	const char *slash;

	for (slash = strchr(path + 1, '/'); slash != NULL;
	    slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path),
		    path);
		mkdir(part, 0755);
	}
}

/* Leaves a socket there, on which nobody listens. */
static void
make_socket(const char *path)
{
	make_parents(path);
	close(peer_listen(path, 1));
}

static void
make_file(const char *path, const char *text)
{
	FILE *file;

	make_parents(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Makes a file older than all new ones. */
static void
make_old(const char *path, long nanoseconds)
{
	const struct timespec times[2] = { { 1000, nanoseconds },
	    { 1000, nanoseconds } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int
discover(const char *app, const char *instance, const char *run_dir,
    struct targets *targets, struct error *error)
{
	struct discover_query query = { app, instance, run_dir, "system",
	    0 };

	memset(error, 0, sizeof(*error));
	return discover_targets(&query, targets, error);
}

/* Expects "APP INSTANCE PATH" for each target, with "-" for NULL. */
static void
expect(const char *app, const char *instance, const char *run_dir,
    const char *expected)
{
	struct targets targets = { NULL, 0 };
	const struct target *target;
	struct error error;
	char found[4000] = "", line[500];
	size_t i;

	if (discover(app, instance, run_dir, &targets, &error) == -1)
		fail_msg("%s", error.message);
	for (i = 0; i < targets.count; i++) {
		target = &targets.list[i];
		assert_int_equal(target->kind, TARGET_UNIX);
		assert_string_equal(target->name, target->path);
		snprintf(line, sizeof(line), "%s %s %s\n",
		    target->app != NULL ? target->app : "-",
		    target->instance != NULL ? target->instance : "-",
		    target->path);
		strlcat(found, line, sizeof(found));
	}
	targets_finish(&targets);
	assert_string_equal(found, expected);
}

/* Expects an error; the parts of its message are closed by a NULL. */
static void
expect_error(const char *app, const char *instance, const char *run_dir,
    enum outcome outcome, const char *code, const char *const *parts)
{
	struct targets targets = { NULL, 0 };
	struct error error;

	assert_int_equal(discover(app, instance, run_dir, &targets, &error),
	    -1);
	assert_int_equal(targets.count, 0);
	targets_finish(&targets);
	for (; *parts != NULL; parts++)
		if (strstr(error.message, *parts) == NULL)
			fail_msg("'%s' is not in '%s'", *parts,
			    error.message);
	assert_int_equal(error.outcome, outcome);
	assert_string_equal(error_word(error.code), code);
	assert_int_equal(error.transient, strcmp(code, "no_socket") == 0);
}

#define PARTS(...)	(const char *const []){ __VA_ARGS__, NULL }
#define USAGE		OUTCOME_USAGE, "usage"
#define NO_SOCKET	OUTCOME_UNREACHABLE, "no_socket"

static void
test_discover_cartridge_cli_sockets_are_found(void **state)
{
	(void)state;
	make_socket("tmp/run/shop.s-2.control");
	make_socket("tmp/run/shop.router.control");
	make_socket("tmp/run/shop.s-1.control");
	make_socket("tmp/run/shop.router.notify");
	make_socket("tmp/run/shopper.router.control");
	make_socket("tmp/run/.shop.hidden.control");
	make_socket("tmp/run/.control");
	make_file("tmp/run/shop.router.pid", "1\n");
	expect("shop", NULL, NULL,
	    "shop router tmp/run/shop.router.control\n"
	    "shop s-1 tmp/run/shop.s-1.control\n"
	    "shop s-2 tmp/run/shop.s-2.control\n");
	expect("shop", "s-2", NULL, "shop s-2 tmp/run/shop.s-2.control\n");
	/* A directory may end in a slash. */
	expect("shopper", NULL, "tmp/run/",
	    "shopper router tmp/run/shopper.router.control\n");
}

static void
test_discover_tt_both_layouts_are_found(void **state)
{
	(void)state;
	make_socket("run/shop/router/tarantool.control");
	make_socket("run/shop/router/tarantool.sock");
	make_socket("run/shop/s-1/tarantool.control");
	make_socket("run/other/s-1/tarantool.control");
	expect("shop", NULL, "run",
	    "shop router run/shop/router/tarantool.control\n"
	    "shop s-1 run/shop/s-1/tarantool.control\n");
	expect("other", "s-1", "run",
	    "other s-1 run/other/s-1/tarantool.control\n");
	/* Below the application; its name is that of the directory. */
	make_socket("store/var/run/web/tarantool.control");
	make_socket("store/var/run/db/tarantool.control");
	expect("store", NULL, "store/var/run",
	    "store db store/var/run/db/tarantool.control\n"
	    "store web store/var/run/web/tarantool.control\n");
	expect(NULL, "web", "store/var/run",
	    "store web store/var/run/web/tarantool.control\n");
	assert_int_equal(chdir("store"), 0);
	expect("store", "web", NULL,
	    "store web var/run/web/tarantool.control\n");
	/* Or that of its package. */
	make_file("shop-scm-1.rockspec", "package = 'shop'\n");
	expect("shop", "web", NULL,
	    "shop web var/run/web/tarantool.control\n");
	expect("store", "web", NULL,
	    "store web var/run/web/tarantool.control\n");
	/* The run directory is that of one application of several. */
	expect("shop", NULL, "../run/shop",
	    "shop router ../run/shop/router/tarantool.control\n"
	    "shop s-1 ../run/shop/s-1/tarantool.control\n");
	expect("shop", NULL, "../run/shop/",
	    "shop router ../run/shop/router/tarantool.control\n"
	    "shop s-1 ../run/shop/s-1/tarantool.control\n");
}

static void
test_discover_unknown_application_is_not_taken(void **state)
{
	(void)state;
	make_socket("run/web/tarantool.control");
	expect_error("shop", NULL, "run", NO_SOCKET,
	    PARTS("\nother sockets: run/web/tarantool.control"));
	expect(NULL, "web", "run", "- web run/web/tarantool.control\n");
	expect(NULL, NULL, "run", "- web run/web/tarantool.control\n");
	/* The common directory is not called after an application. */
	make_socket("tarantool/web/tarantool.control");
	expect_error("tarantool", NULL, "tarantool", NO_SOCKET,
	    PARTS("\nother sockets: tarantool/web/tarantool.control"));
}

static void
test_discover_tarantoolctl_either_name_is_found(void **state)
{
	(void)state;
	make_socket("run/shop.control");
	make_socket("run/store.control");
	expect("shop", NULL, "run", "shop - run/shop.control\n");
	expect(NULL, "shop", "run", "shop - run/shop.control\n");
	expect("shop", "shop", "run", "shop - run/shop.control\n");
	expect_error("shop", "web", "run", NO_SOCKET,
	    PARTS("run/shop.control"));
}

static void
test_discover_dotted_names_are_split_by_request(void **state)
{
	(void)state;
	make_socket("run/a.b.c.control");
	expect("a", NULL, "run", "a b.c run/a.b.c.control\n");
	expect("a.b", NULL, "run", "a.b c run/a.b.c.control\n");
	expect("a.b.c", NULL, "run", "a.b.c - run/a.b.c.control\n");
	expect("a", "b.c", "run", "a b.c run/a.b.c.control\n");
	expect(NULL, "c", "run", "a.b c run/a.b.c.control\n");
	expect(NULL, NULL, "run", "a b.c run/a.b.c.control\n");
	expect_error("a", "c", "run", NO_SOCKET,
	    PARTS("\navailable instances: b.c"));
	make_socket("dots/..control");
	make_socket("dots/x..control");
	make_socket("dots/.x.control");
	expect(NULL, NULL, "dots", "x. - dots/x..control\n");
}

static void
test_discover_docker_image_socket_is_found(void **state)
{
	(void)state;
	make_socket("run/tarantool.sock");
	expect(NULL, NULL, "run", "tarantool - run/tarantool.sock\n");
	expect("tarantool", NULL, "run", "tarantool - run/tarantool.sock\n");
	expect_error("shop", NULL, "run", NO_SOCKET,
	    PARTS("\navailable applications: tarantool\n"));
	setenv("TARANTOOL_APP_NAME", "shop", 1);
	expect("shop", NULL, "run", "shop - run/tarantool.sock\n");
	setenv("TARANTOOL_INSTANCE_NAME", "web", 1);
	expect("shop", "web", "run", "shop web run/tarantool.sock\n");
	expect_error("shop", "db", "run", NO_SOCKET, PARTS("db"));
	setenv("TARANTOOL_APP_NAME", "", 1);
	expect(NULL, "web", "run", "- web run/tarantool.sock\n");
	/* Next to tt's console it is the binary port. */
	unsetenv("TARANTOOL_INSTANCE_NAME");
	make_socket("run/tarantool.control");
	make_old("run/tarantool.control", 0);
	expect(NULL, NULL, "run", "tarantool - run/tarantool.control\n");
}

static void
test_discover_tt_cartridge_sockets_are_found(void **state)
{
	(void)state;
	make_socket("run/shop/shop.web.control");
	make_socket("run/shop/else.web.control");
	make_socket("run/shop/whatever.control");
	make_socket("run/shop/tarantool.sock");
	expect("shop", NULL, "run", "shop web run/shop/shop.web.control\n");
	expect(NULL, NULL, "run", "shop web run/shop/shop.web.control\n");
}

static void
test_discover_run_dir_given_is_the_only_one(void **state)
{
	static const char *const all[] = { "system/shop.d.control",
	    "var/run/shop/c/tarantool.control", "tmp/run/shop.b.control",
	    "yml/shop.a.control", "env/shop.e.control", "opt/shop.o.control" };
	size_t i;

	(void)state;
	for (i = 0; i < nitems(all); i++)
		make_socket(all[i]);
	make_file(".cartridge.yml", "run-dir: yml\n");
	setenv("TARANTOOL_RUN_DIR", "env", 1);
	expect("shop", NULL, "opt", "shop o opt/shop.o.control\n");
	expect("shop", NULL, NULL, "shop e env/shop.e.control\n");
	expect_error("shop", "a", NULL, NO_SOCKET, PARTS("\nsearched: env"));
	setenv("TARANTOOL_RUN_DIR", "", 1);
	expect("shop", NULL, NULL, "shop a yml/shop.a.control\n");
	expect_error("shop", "b", NULL, NO_SOCKET, PARTS("\nsearched: yml"));
	/* Without any, the first that has it. */
	unlink(".cartridge.yml");
	expect("shop", NULL, NULL, "shop b tmp/run/shop.b.control\n");
	expect("shop", "c", NULL,
	    "shop c var/run/shop/c/tarantool.control\n");
	expect("shop", "d", NULL, "shop d system/shop.d.control\n");
	unlink("tmp/run/shop.b.control");
	expect("shop", NULL, NULL,
	    "shop c var/run/shop/c/tarantool.control\n");
	unlink("var/run/shop/c/tarantool.control");
	expect("shop", NULL, NULL, "shop d system/shop.d.control\n");
}

static void
test_discover_bad_cartridge_yml_is_error_only_if_used(void **state)
{
	(void)state;
	make_socket("tmp/run/shop.web.control");
	make_file(".cartridge.yml", "a: b\nrun-dir: [tmp/run]\n");
	expect_error("shop", NULL, NULL, USAGE,
	    PARTS(".cartridge.yml:2: run-dir is not a string"));
	expect("shop", NULL, "tmp/run",
	    "shop web tmp/run/shop.web.control\n");
}

static void
test_discover_tt_yaml_names_application_directories(void **state)
{
	char yaml[200], expected[300];

	make_socket("instances.enabled/shop/var/run/web/tarantool.control");
	make_socket("instances.enabled/other/var/run/web/tarantool.control");
	make_file("instances.enabled/script.lua", "");
	expect("shop", NULL, NULL, "shop web "
	    "instances.enabled/shop/var/run/web/tarantool.control\n");
	expect("*", "web", NULL,
	    "other web "
	    "instances.enabled/other/var/run/web/tarantool.control\n"
	    "shop web "
	    "instances.enabled/shop/var/run/web/tarantool.control\n");

	make_socket("apps/shop/r/db/tarantool.control");
	make_socket("apps/shop/r/shop.old.control");
	make_file("tt.yaml", "env: {instances_enabled: apps}\n"
	    "app: {run_dir: r}\n");
	expect("shop", NULL, NULL,
	    "shop db apps/shop/r/db/tarantool.control\n"
	    "shop old apps/shop/r/shop.old.control\n");
	expect("s*", "d*", NULL,
	    "shop db apps/shop/r/db/tarantool.control\n");
	expect(NULL, "db", NULL,
	    "shop db apps/shop/r/db/tarantool.control\n");
	/* The directory of the applications is that of the only one. */
	make_socket("apps/r/one/tarantool.control");
	expect("apps", NULL, NULL,
	    "apps one apps/r/one/tarantool.control\n");

	snprintf(yaml, sizeof(yaml), "app: {run_dir: %s/opt}\n",
	    (char *)*state);
	make_file("tt.yaml", yaml);
	make_socket("opt/shop/x/tarantool.control");
	snprintf(expected, sizeof(expected),
	    "shop x %s/opt/shop/x/tarantool.control\n", (char *)*state);
	expect("shop", NULL, NULL, expected);
	assert_int_equal(mkdir("below", 0755), 0);
	assert_int_equal(chdir("below"), 0);
	expect("shop", "x", NULL, expected);

	make_file("../tt.yaml", "app: [\n");
	expect_error("shop", NULL, NULL, USAGE, PARTS("/tt.yaml:2: "));
}

static void
test_discover_patterns_select_several(void **state)
{
	(void)state;
	make_socket("run/shop.s-1.control");
	make_socket("run/shop.s-2.control");
	make_socket("run/shop.r-1.control");
	make_socket("run/store.s-1.control");
	make_socket("run/st[o]re.x.control");
	expect("shop", "s-*", "run", "shop s-1 run/shop.s-1.control\n"
	    "shop s-2 run/shop.s-2.control\n");
	expect("s[ht]*", "?-1", "run", "shop r-1 run/shop.r-1.control\n"
	    "shop s-1 run/shop.s-1.control\n"
	    "store s-1 run/store.s-1.control\n");
	/* A name is first of all itself. */
	expect("st[o]re", "x", "run", "st[o]re x run/st[o]re.x.control\n");
	expect_error("[", "x", "run", NO_SOCKET, PARTS("'['"));
}

static void
test_discover_instance_alone_uses_rockspec_name(void **state)
{
	(void)state;
	make_socket("run/shop.web.control");
	make_socket("run/store.web.control");
	make_socket("run/store.db.control");
	expect_error(NULL, "web", "run", USAGE,
	    PARTS("'web'", "--app", "run/shop.web.control",
	    "run/store.web.control"));
	expect(NULL, "db", "run", "store db run/store.db.control\n");
	make_file("shop-scm-1.rockspec", "package = 'shop'\n");
	expect(NULL, "web", "run", "shop web run/shop.web.control\n");
	expect_error(NULL, "db", "run", NO_SOCKET,
	    PARTS("no instance 'db' found for application 'shop'", "rockspec",
	    "\navailable instances: web"));
	expect("store", "web", "run", "store web run/store.web.control\n");
	expect(NULL, NULL, "run", "shop web run/shop.web.control\n"
	    "store db run/store.db.control\n"
	    "store web run/store.web.control\n");
	/* What cannot be a name is none. */
	make_file("shop-scm-1.rockspec", "package = '../x'\n");
	expect(NULL, "db", "run", "store db run/store.db.control\n");
	make_file("shop-scm-1.rockspec", "package = 's*p'\n");
	expect(NULL, "db", "run", "store db run/store.db.control\n");
}

static void
test_discover_stateboard_only_if_named(void **state)
{
	static const char board[] =
	    "shop stateboard run/shop-stateboard.control\n";
	static const char tt_board[] =
	    "shop shop-stateboard run/shop/shop-stateboard/tarantool.control\n";

	(void)state;
	make_socket("run/shop-stateboard.control");
	make_socket("run/shop.web.control");
	make_socket("run/-stateboard.control");
	expect("shop", NULL, "run", "shop web run/shop.web.control\n");
	expect("*", "*", "run", "shop web run/shop.web.control\n");
	expect("shop", "stateboard", "run", board);
	expect("shop", "shop-stateboard", "run", board);
	expect("shop-stateboard", NULL, "run", board);
	expect(NULL, "shop-stateboard", "run", board);
	expect("shop", "*stateboard", "run", board);
	unlink("run/shop.web.control");
	expect_error("shop", NULL, "run", NO_SOCKET,
	    PARTS("a stateboard (select it with --instance stateboard): "
	    "run/shop-stateboard.control"));
	unlink("run/shop-stateboard.control");
	make_socket("run/shop/shop-stateboard/tarantool.control");
	make_socket("run/shop/web/tarantool.control");
	expect("shop", NULL, "run",
	    "shop web run/shop/web/tarantool.control\n");
	expect("shop", "stateboard", "run", tt_board);
	expect("shop", "shop-stateboard", "run", tt_board);
}

static void
test_discover_other_file_types_are_skipped(void **state)
{
	(void)state;
	make_file("run/shop.file.control", "");
	make_file("run/shop/file/tarantool.control", "");
	make_file("run/shop.dir.control/x", "");
	assert_int_equal(mkfifo("run/shop.fifo.control", 0600), 0);
	assert_int_equal(symlink("nowhere", "run/shop.link.control"), 0);
	assert_int_equal(symlink("shop.loop.control",
	    "run/shop.loop.control"), 0);
	expect_error("shop", NULL, "run", NO_SOCKET,
	    PARTS("not a socket: run/shop.dir.control, run/shop.fifo.control, "
	    "run/shop.file.control, run/shop/file/tarantool.control"));
	make_socket("run/shop.web.control");
	expect("shop", NULL, "run", "shop web run/shop.web.control\n");
}

static void
test_discover_same_socket_twice_is_one_target(void **state)
{
	struct targets targets = { NULL, 0 };
	struct error error;
	char path[200];

	make_socket("run/shop/web/tarantool.control");
	assert_int_equal(symlink("shop", "run/shop-2"), 0);
	assert_int_equal(symlink("run", "link"), 0);
	expect("shop", NULL, "link",
	    "shop web link/shop/web/tarantool.control\n");
	expect("shop*", NULL, "run",
	    "shop web run/shop/web/tarantool.control\n");
	snprintf(path, sizeof(path), "%s/run/shop/web/tarantool.control",
	    (char *)*state);
	assert_int_equal(targets_add(&targets, path, &error), 0);
	assert_int_equal(discover("shop", NULL, "link", &targets, &error), 0);
	assert_int_equal(targets.count, 1);
	assert_string_equal(targets.list[0].path, path);
	targets_finish(&targets);
}

static void
test_discover_two_sockets_of_instance_newer_wins(void **state)
{
	(void)state;
	make_socket("run/shop.web.control");
	make_socket("run/shop/web/tarantool.control");
	make_socket("run/shop.a.control");
	make_socket("run/shop.z.control");
	make_old("run/shop.web.control", 5);
	expect("shop", NULL, "run", "shop a run/shop.a.control\n"
	    "shop web run/shop/web/tarantool.control\n"
	    "shop z run/shop.z.control\n");
	make_old("run/shop/web/tarantool.control", 4);
	expect("shop", NULL, "run", "shop a run/shop.a.control\n"
	    "shop web run/shop.web.control\n"
	    "shop z run/shop.z.control\n");
	make_old("run/shop/web/tarantool.control", 6);
	expect("shop", "web", "run",
	    "shop web run/shop/web/tarantool.control\n");
	/* Those of no known application are not the same. */
	make_socket("run/x/tarantool.control");
	make_socket("run/shop.x.control");
	expect_error(NULL, "x", "run", USAGE, PARTS("several applications"));
}

static void
test_discover_long_path_is_found(void **state)
{
	char dir[200], path[300], expected[400];

	(void)state;
	memset(dir, 'd', sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = '\0';
	snprintf(path, sizeof(path), "%s/shop.web.control", dir);
	make_parents(path);
	assert_int_equal(chdir(dir), 0);
	make_socket("shop.web.control");
	assert_int_equal(chdir(".."), 0);
	snprintf(expected, sizeof(expected), "shop web %s\n", path);
	expect("shop", "web", dir, expected);
}

static void
test_discover_nothing_found_lists_searched_places(void **state)
{
	(void)state;
	make_socket("tmp/run/shop.web.control");
	make_socket("system/store.web.control");
	make_parents("system/dir/");
	expect_error("shpo", NULL, NULL, NO_SOCKET,
	    PARTS("no instance found for application 'shpo'; did you mean "
	    "shop?\navailable applications: shop, store\nsearched: tmp/run, "
	    "var/run (no such directory), "
	    "instances.enabled/shpo/var/run (no such directory), system"));
	expect_error("store", "wbe", "system", NO_SOCKET,
	    PARTS("no instance 'wbe' found for application 'store'; did you "
	    "mean web?\navailable instances: web\nsearched: system"));
	expect_error("shop", "web", "system", NO_SOCKET,
	    PARTS("no instance 'web' found for application 'shop'\n"
	    "available applications: store\nsearched: system"));
	expect_error(NULL, "db", "absent", NO_SOCKET,
	    PARTS("no instance 'db' found\nsearched: absent (no such "
	    "directory)"));
	expect_error(NULL, "wev", "system", NO_SOCKET,
	    PARTS("no instance 'wev' found; did you mean web?\n"
	    "available instances: web\n"));
	expect_error(NULL, NULL, "system/dir", NO_SOCKET,
	    PARTS("no instance found\nsearched: system/dir"));
	expect_error(NULL, NULL, "system/store.web.control", NO_SOCKET,
	    PARTS("system/store.web.control (no such directory)"));
}

static void
test_discover_nothing_found_lists_some_other_names(void **state)
{
	struct targets targets = { NULL, 0 };
	struct error error;
	char path[50];
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "run/a.%02d.control", i);
		make_socket(path);
	}
	assert_int_equal(discover("b", NULL, "run", &targets, &error), -1);
	assert_non_null(strstr(error.message, "available applications: a\n"));
	assert_int_equal(discover("a", "x", "run", &targets, &error), -1);
	assert_non_null(strstr(error.message,
	    "available instances: 00, 01, 02, 03, 04, 05, ...\n"));
	/* Two applications have an instance of that name. */
	make_socket("run/c.x.control");
	make_socket("run/cd.x.control");
	assert_int_equal(discover("c*", "y", "run", &targets, &error), -1);
	assert_non_null(strstr(error.message, "available instances: x\n"));
}

static void
test_discover_hostile_name_is_refused(void **state)
{
	static const char *const names[] = { "", "/", "a/b", "/etc", "..",
	    "../x", "a..b", ".", "x/../y" };
	size_t i;

	(void)state;
	make_socket("run/shop.web.control");
	for (i = 0; i < nitems(names); i++) {
		expect_error(names[i], NULL, "run", USAGE,
		    PARTS("application", names[i]));
		expect_error("shop", names[i], "run", USAGE,
		    PARTS("instance", names[i]));
	}
	expect_error(NULL, NULL, NULL, USAGE, PARTS("no run directory"));
	expect_error("shop", NULL, "", USAGE, PARTS("empty"));
}

static void
test_discover_overlong_name_is_not_found(void **state)
{
	char name[5000];

	(void)state;
	make_socket("run/shop.web.control");
	make_parents("tmp/run/");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	expect_error(name, NULL, "run", NO_SOCKET, PARTS("nnnn"));
	expect_error(name, name, "run", NO_SOCKET, PARTS("nnnn"));
	expect_error("%s%n", "\n\033[m", "run", NO_SOCKET, PARTS("%s%n"));
}

/* Runs as somebody who may not read everything. */
static int
become_nobody(const char *dir)
{
	return geteuid() != 0 || (chmod(dir, 0755) == 0 &&
	    seteuid(NOBODY) == 0);
}

static void
become_root_again(void)
{
	if (getuid() == 0 && seteuid(0) == -1)
		abort();
}

/* As expect_error, by somebody who may not read everything. */
static void
expect_denied(const char *app, const char *instance, const char *run_dir,
    const char *part)
{
	struct targets targets = { NULL, 0 };
	struct error error;
	int result;

	result = discover(app, instance, run_dir, &targets, &error);
	targets_finish(&targets);
	become_root_again();
	assert_int_equal(result, -1);
	assert_int_equal(error.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(error_word(error.code), "no_permission");
	assert_int_equal(error.transient, 0);
	if (strstr(error.message, part) == NULL)
		fail_msg("'%s' is not in '%s'", part, error.message);
}

static void
test_discover_unreadable_directory_is_error(void **state)
{
	(void)state;
	make_socket("tmp/run/shop.web.control");
	make_socket("system/shop.web.control");
	assert_int_equal(chmod("tmp/run", 0), 0);
	if (!become_nobody("."))
		skip();
	/* It would have come first. */
	expect_denied("shop", NULL, NULL, "'tmp/run': permission denied; run");
	assert_true(become_nobody("."));
	expect_denied("*", NULL, "tmp/run", "'tmp/run': permission denied; "
	    "run");
	assert_int_equal(chmod("tmp/run", 0755), 0);
}

static void
test_discover_partly_unreadable_application_is_error(void **state)
{
	struct targets targets = { NULL, 0 };
	struct error error;
	int result;

	(void)state;
	make_socket("run/shop.web.control");
	make_socket("run/shop/db/tarantool.control");
	make_socket("run/store/db/tarantool.control");
	assert_int_equal(chmod("run/shop", 0), 0);
	assert_int_equal(chmod("run/store/db", 0), 0);
	if (!become_nobody("."))
		skip();
	expect_denied("shop", NULL, "run", "'run/shop': permission denied; "
	    "run");
	assert_true(become_nobody("."));
	expect_denied("store", NULL, "run",
	    "'run/store/db/tarantool.control': permission denied; run");
	/* But who asks for any gets what there is. */
	assert_true(become_nobody("."));
	result = discover(NULL, NULL, "run", &targets, &error);
	become_root_again();
	assert_int_equal(result, 0);
	assert_int_equal(targets.count, 1);
	targets_finish(&targets);
	assert_true(become_nobody("."));
	result = discover(NULL, "db", "run", &targets, &error);
	become_root_again();
	assert_int_equal(result, -1);
	assert_string_equal(error_word(error.code), "no_socket");
	assert_non_null(strstr(error.message, "cannot be read: run/shop, "
	    "run/store/db/tarantool.control"));
	assert_int_equal(chmod("run/shop", 0755), 0);
	assert_int_equal(chmod("run/store/db", 0755), 0);
}

static int
enter(void **state)
{
	static const char *const variables[] = { "TARANTOOL_RUN_DIR",
	    "TARANTOOL_APP_NAME", "TARANTOOL_INSTANCE_NAME", "TT_CLI_CFG" };
	size_t i;

	for (i = 0; i < nitems(variables); i++)
		unsetenv(variables[i]);
	/* That of the machine is not to be found. */
	setenv("TT_SYSTEM_CONFIG_DIR", "/nonexistent", 1);
	return peer_enter_directory(state);
}

static void
test_discover_tt_1_sockets_beside_config_are_found(void **state)
{
	(void)state;
	make_file("tt.yaml", "tt:\n  app:\n    run_dir: run/tt\n");
	make_socket("run/tt/shop/s-1/s-1.control");
	make_socket("run/tt/shop/s-2/s-2.control");
	make_socket("run/tt/bank.control");
	make_parents("sub/dir/");
	expect("shop", NULL, NULL,
	    "shop s-1 run/tt/shop/s-1/s-1.control\n"
	    "shop s-2 run/tt/shop/s-2/s-2.control\n");
	expect("bank", NULL, NULL, "bank - run/tt/bank.control\n");
	expect("shop", "s-2", NULL, "shop s-2 run/tt/shop/s-2/s-2.control\n");
	/* Not below the application, as in tt 2. */
	make_socket("shop/run/tt/s-3/tarantool.control");
	expect("shop", "s-1", NULL, "shop s-1 run/tt/shop/s-1/s-1.control\n");
	expect_error("shop", "s-3", NULL, NO_SOCKET,
	    PARTS("searched: tmp/run (no such directory), run/tt"));
}

static void
test_discover_local_only_skips_system_directories(void **state)
{
	struct discover_query query = { "*", NULL, NULL, "system", 1 };
	struct targets targets = { NULL, 0 };
	struct error error;

	(void)state;
	make_socket("system/shop.web.control");
	assert_int_equal(discover_targets(&query, &targets, &error), -1);
	assert_int_equal(error.outcome, OUTCOME_UNREACHABLE);
	query.only_here = 0;
	assert_int_equal(discover_targets(&query, &targets, &error), 0);
	assert_int_equal(targets.count, 1);
	targets_finish(&targets);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, enter, peer_leave_directory)
	const struct CMUnitTest tests[] = {
		TEST(test_discover_local_only_skips_system_directories),
		TEST(test_discover_tt_1_sockets_beside_config_are_found),
		TEST(test_discover_cartridge_cli_sockets_are_found),
		TEST(test_discover_tt_both_layouts_are_found),
		TEST(test_discover_unknown_application_is_not_taken),
		TEST(test_discover_tarantoolctl_either_name_is_found),
		TEST(test_discover_dotted_names_are_split_by_request),
		TEST(test_discover_docker_image_socket_is_found),
		TEST(test_discover_tt_cartridge_sockets_are_found),
		TEST(test_discover_run_dir_given_is_the_only_one),
		TEST(test_discover_bad_cartridge_yml_is_error_only_if_used),
		TEST(test_discover_tt_yaml_names_application_directories),
		TEST(test_discover_patterns_select_several),
		TEST(test_discover_instance_alone_uses_rockspec_name),
		TEST(test_discover_stateboard_only_if_named),
		TEST(test_discover_other_file_types_are_skipped),
		TEST(test_discover_same_socket_twice_is_one_target),
		TEST(test_discover_two_sockets_of_instance_newer_wins),
		TEST(test_discover_long_path_is_found),
		TEST(test_discover_nothing_found_lists_searched_places),
		TEST(test_discover_nothing_found_lists_some_other_names),
		TEST(test_discover_hostile_name_is_refused),
		TEST(test_discover_overlong_name_is_not_found),
		TEST(test_discover_unreadable_directory_is_error),
		TEST(test_discover_partly_unreadable_application_is_error),
	};

	return cmocka_run_group_tests_name("discover", tests, NULL, NULL);
}
