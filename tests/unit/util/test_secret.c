/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/prctl.h>
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/secret.h"

static void
test_secret_keep_hashes_and_overwrites_the_password(void **state)
{
	/* By another SHA-1. */
	static const unsigned char hash[] = {
		0xfe, 0xf3, 0x41, 0xf8, 0x5d, 0x87, 0x43, 0x9e, 0x7d, 0x91,
		0xa2, 0xd4, 0x65, 0xb9, 0x87, 0x1e, 0xf6, 0x6b, 0x5e, 0x98
	};
	static const unsigned char hash_of_hash[] = {
		0xb8, 0x65, 0xca, 0xe8, 0xf3, 0x40, 0xf6, 0xce, 0x14, 0x85,
		0xa0, 0x6f, 0x44, 0x92, 0xbb, 0x49, 0x71, 0x8d, 0xf1, 0xec
	};
	static const char nothing[6];
	char password[] = "s3cret";
	const struct secret *secret;
	struct error error;

	(void)state;
	secret = secret_keep(password, 6, &error);
	assert_non_null(secret);
	assert_memory_equal(secret->hash, hash, sizeof(hash));
	assert_memory_equal(secret->hash_of_hash, hash_of_hash,
	    sizeof(hash_of_hash));
	assert_memory_equal(password, nothing, 6);
	secret_wipe_all();
}

static void
test_secret_keep_more_than_a_page_works(void **state)
{
	const struct secret *list[300];
	struct error error;
	char password[16];
	size_t i;

	(void)state;
	for (i = 0; i < 300; i++) {
		snprintf(password, sizeof(password), "%zu", i);
		list[i] = secret_keep(password, strlen(password), &error);
		assert_non_null(list[i]);
	}
	for (i = 1; i < 300; i++)
		assert_memory_not_equal(list[i], list[i - 1],
		    sizeof(*list[i]));
	secret_wipe_all();
	secret_wipe_all();
}

/* The flags of the mapping that an address is in. */
static void
read_flags(const void *address, char *flags, size_t size)
{
	char line[512];
	uintptr_t from, to, at = (uintptr_t)address;
	int is_there = 0;
	FILE *file = fopen("/proc/self/smaps", "r");

	assert_non_null(file);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			is_there = from <= at && at < to;
		else if (is_there && strncmp(line, "VmFlags:", 8) == 0)
			strlcpy(flags, line, size);
	}
	fclose(file);
}

static void
test_secrets_are_excluded_from_core_dumps(void **state)
{
	const struct secret *secret;
	struct rlimit limit;
	struct error error;
	char flags[256], password[] = "x";

	(void)state;
	secret_protect_process();
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	assert_int_equal(limit.rlim_max, 0);
	/* The files in /proc are root's by now. */
	prctl(PR_SET_DUMPABLE, 1);
	secret = secret_keep(password, 1, &error);
	assert_non_null(secret);
	read_flags(secret, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));
	secret_wipe_all();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_secret_keep_hashes_and_overwrites_the_password),
		cmocka_unit_test(test_secret_keep_more_than_a_page_works),
		cmocka_unit_test(test_secrets_are_excluded_from_core_dumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
