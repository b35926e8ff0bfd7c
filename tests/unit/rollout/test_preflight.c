/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What is made of the answers of instances; how they are asked is tested with
 * the commands.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rollout/preflight.h"

struct asked {
	struct options		 options;
	struct output_context	 context;
	struct target		 target;
	struct fleet		 fleet;
};

static void
begin(struct asked *asked)
{
	memset(asked, 0, sizeof(*asked));
	fleet_init(&asked->fleet, &asked->options, &asked->context);
}

static void
set_digest(struct member *member, const char *digest)
{
	member->asked.instance = json_pack("{s:{s:s}}", "status", "digest",
	    digest);
	member->preflight = member->asked.instance;
}

/* An instance "i1", "i2", ... with that digest, or none. */
static struct member *
answer(struct asked *asked, const char *digest)
{
	struct member *member;
	struct error error;
	char name[32];

	snprintf(name, sizeof(name), "i%zu", asked->fleet.count + 1);
	member = fleet_add(&asked->fleet, &asked->target, name, NULL, NULL,
	    &error);
	assert_non_null(member);
	if (digest != NULL)
		set_digest(member, digest);
	return member;
}

/* With differences, the message contains `expected`. */
static void
check_digests(struct asked *asked, const char *expected)
{
	struct error error;

	if (expected == NULL) {
		assert_int_equal(preflight_check_digests(&asked->fleet, &error),
		    0);
	} else {
		assert_int_equal(preflight_check_digests(&asked->fleet, &error),
		    -1);
		assert_int_equal(error.code, ERROR_MIXED_CODE);
		assert_non_null(strstr(error.message, expected));
	}
	fleet_finish(&asked->fleet);
}

static void
test_preflight_same_code_everywhere_passes(void **state)
{
	struct asked asked;

	(void)state;
	begin(&asked);
	check_digests(&asked, NULL);
	begin(&asked);
	answer(&asked, NULL);
	answer(&asked, NULL);
	check_digests(&asked, NULL);
	begin(&asked);
	answer(&asked, "abc");
	answer(&asked, NULL);
	answer(&asked, "abc");
	check_digests(&asked, NULL);
}

static void
test_preflight_minority_code_is_named(void **state)
{
	struct asked asked;
	size_t i;

	(void)state;
	begin(&asked);
	answer(&asked, "0123456789");
	answer(&asked, "abcdefghij");
	answer(&asked, "abcdefghij");
	check_digests(&asked, ": i1 has 01234567, expected abcdefgh;");
	/* The last of them is the gateway, which decides between equals. */
	begin(&asked);
	answer(&asked, "a");
	answer(&asked, "b")->is_gateway = 1;
	check_digests(&asked, ": i1 has a, expected b;");
	begin(&asked);
	for (i = 0; i < 10; i++)
		answer(&asked, i % 2 == 0 ? "x" : "y");
	for (i = 0; i < 6; i++)
		answer(&asked, "z");
	check_digests(&asked, ": i1 has x, i2 has y, i3 has x, i4 has y, "
	    "i5 has x, i6 has y, i7 has x, i8 has y, and 2 more differ, "
	    "expected z;");
}

static void
test_preflight_long_message_is_cut(void **state)
{
	struct asked asked;
	struct error error;
	char name[400];
	size_t i;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	begin(&asked);
	for (i = 0; i < 8; i++) {
		assert_non_null(fleet_add(&asked.fleet, &asked.target, name,
		    NULL, NULL, &error));
		set_digest(&asked.fleet.members[i], i < 3 ? "a" : "b");
	}
	assert_int_equal(preflight_check_digests(&asked.fleet, &error), -1);
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
	fleet_finish(&asked.fleet);
}

static void
test_preflight_lost_means_no_answer(void **state)
{
	static const struct {
		enum error_code	code;
		int		lost;
	} cases[] = {
		{ ERROR_NO_SOCKET, 1 },
		{ ERROR_DEADLINE, 1 },
		{ ERROR_BAD_REPLY, 1 },
		{ ERROR_LOCKED, 0 },
		{ ERROR_LUA, 0 },
		/* Not its fault. */
		{ ERROR_NO_MEMORY_FOR_REPLY, 0 }
	};
	struct asked asked;
	struct member *member;
	struct error error;
	size_t i;

	(void)state;
	begin(&asked);
	answer(&asked, NULL);
	assert_int_equal(preflight_check_reachable(&asked.fleet, &error), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		member = answer(&asked, NULL);
		error_set(&error, cases[i].code, "no");
		report_from_error(&member->report, "a", &error);
		assert_false(preflight_is_lost(member));
		member->state = MEMBER_DONE;
		assert_int_equal(preflight_is_lost(member), cases[i].lost);
	}
	assert_int_equal(preflight_failures(&asked.fleet), 6);
	assert_int_equal(preflight_check_reachable(&asked.fleet, &error), -1);
	assert_int_equal(error.code, ERROR_UNREACHABLE_INSTANCES);
	assert_non_null(strstr(error.message, ": i2, i3, i4;"));
	fleet_finish(&asked.fleet);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_preflight_same_code_everywhere_passes),
		cmocka_unit_test(test_preflight_minority_code_is_named),
		cmocka_unit_test(test_preflight_long_message_is_cut),
		cmocka_unit_test(test_preflight_lost_means_no_answer)
	};

	return cmocka_run_group_tests_name("preflight", tests, NULL, NULL);
}
