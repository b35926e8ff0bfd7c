/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/wait.h>

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/signals.h"

static int
is_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void
test_signals_are_counted(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		assert_int_not_equal(fd = signals_begin(), -1);
		assert_int_equal(signals_count(), 0);
		assert_false(is_readable(fd));
		raise(signals[i]);
		assert_int_equal(signals_count(), 1);
		assert_true(is_readable(fd));
		signals_clear();
		assert_false(is_readable(fd));
		raise(SIGINT);
		assert_int_equal(signals_count(), 2);
		assert_true(is_readable(fd));
		signals_end();
	}
}

/* How a child ends that has these things happen to it. */
static int
child(int ignores, int ends, int count)
{
	int status, i;
	pid_t pid;

	if ((pid = fork()) == 0) {
		if (ignores)
			signal(SIGINT, SIG_IGN);
		signals_begin();
		if (ends)
			signals_end();
		for (i = 0; i < count; i++)
			raise(SIGINT);
		_exit(signals_count());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
test_signals_third_one_ends_process(void **state)
{
	(void)state;
	assert_int_equal(child(0, 0, 2), 2);
	assert_int_equal(child(0, 0, 3), -SIGINT);
}

static void
test_signals_ignored_before_stay_ignored(void **state)
{
	(void)state;
	assert_int_equal(child(1, 0, 5), 0);
	assert_int_equal(child(1, 1, 5), 0);
}

static void
test_signals_end_restores_handlers(void **state)
{
	(void)state;
	assert_int_equal(child(0, 1, 1), -SIGINT);
	signals_end();
	signals_clear();
}

static void
test_signals_clear_forgets_only_sigint(void **state)
{
	int fd;

	(void)state;
	assert_int_not_equal(fd = signals_begin(), -1);
	raise(SIGINT);
	raise(SIGINT);
	assert_false(signals_terminating());
	signals_reset();
	assert_int_equal(signals_count(), 0);
	assert_false(is_readable(fd));
	raise(SIGTERM);
	assert_true(signals_terminating());
	signals_reset();
	assert_true(signals_terminating());
	assert_int_equal(signals_count(), 1);
	assert_true(is_readable(fd));
	signals_end();
	assert_int_not_equal(signals_begin(), -1);
	assert_false(signals_terminating());
	raise(SIGHUP);
	assert_true(signals_terminating());
	signals_end();
}

/* How a child ends that dies of what came, and forgets some of it before. */
static int
dying_child(int first, int second, int forgets)
{
	int status;
	pid_t pid;

	if ((pid = fork()) == 0) {
		signals_begin();
		signals_reset();
		if (first != 0)
			raise(first);
		if (second != 0)
			raise(second);
		if (forgets)
			signals_reset();
		signals_end();
		signals_die();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
test_signals_die_ends_by_received_signal(void **state)
{
	(void)state;
	assert_int_equal(dying_child(0, 0, 0), 0);
	assert_int_equal(dying_child(SIGINT, 0, 0), SIGINT);
	assert_int_equal(dying_child(SIGTERM, 0, 0), SIGTERM);
	assert_int_equal(dying_child(SIGHUP, 0, 0), SIGHUP);
	assert_int_equal(dying_child(SIGINT, SIGTERM, 0), SIGTERM);
	assert_int_equal(dying_child(SIGTERM, SIGINT, 0), SIGTERM);
	/* At the console Ctrl-C is for what runs. */
	assert_int_equal(dying_child(SIGINT, 0, 1), 0);
	assert_int_equal(dying_child(SIGTERM, SIGINT, 1), SIGTERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_are_counted),
		cmocka_unit_test(test_signals_clear_forgets_only_sigint),
		cmocka_unit_test(test_signals_third_one_ends_process),
		cmocka_unit_test(test_signals_ignored_before_stay_ignored),
		cmocka_unit_test(test_signals_end_restores_handlers),
		cmocka_unit_test(test_signals_die_ends_by_received_signal)
	};

	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
