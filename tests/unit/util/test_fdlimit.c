/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/resource.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fdlimit.h"

#define CANNOT	77

/* In a child, as a hard limit cannot be raised again: its limits, the result. */
static size_t
allowed(rlim_t soft, rlim_t hard, size_t wanted, rlim_t *soft_after)
{
	struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };
	size_t results[2];
	ssize_t len;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			_exit(CANNOT);
		results[0] = fdlimit_ensure(wanted);
		if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
			_exit(1);
		results[1] = (size_t)limit.rlim_cur;
		_exit(write(fds[1], results, sizeof(results)) !=
		    sizeof(results));
	}
	close(fds[1]);
	len = read(fds[0], results, sizeof(results));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
	/* Not everywhere, such as under valgrind, can the limits be set. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(len, sizeof(results));
	*soft_after = (rlim_t)results[1];
	return results[0];
}

static void
test_fdlimit_is_raised_only_as_needed(void **state)
{
	rlim_t after;

	(void)state;
	assert_int_equal(allowed(100, 500, 10, &after), 10);
	assert_int_equal(after, 100);
	assert_int_equal(allowed(100, 500, 200, &after), 200);
	assert_in_range(after, 201, 300);
}

static void
test_fdlimit_hard_limit_too_low_gives_fewer(void **state)
{
	rlim_t after;

	(void)state;
	assert_in_range(allowed(50, 100, 200, &after), 50, 99);
	assert_int_equal(after, 100);
	assert_in_range(allowed(20, 20, 200, &after), 1, 10);
	assert_int_equal(allowed(8, 8, 200, &after), 1);
	assert_int_equal(allowed(20, 20, 1, &after), 1);
}

static void
test_fdlimit_higher_limit_never_gives_fewer(void **state)
{
	rlim_t limit, after;
	size_t now, before = 0;

	(void)state;
	for (limit = 10; limit < 100; limit++) {
		now = allowed(limit, limit, 200, &after);
		if (now < before)
			fail_msg("%zu with %lu, %zu with one less", now,
			    (unsigned long)limit, before);
		before = now;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fdlimit_is_raised_only_as_needed),
		cmocka_unit_test(test_fdlimit_hard_limit_too_low_gives_fewer),
		cmocka_unit_test(test_fdlimit_higher_limit_never_gives_fewer)
	};

	return cmocka_run_group_tests_name("fdlimit", tests, NULL, NULL);
}
