/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/socket.h>

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/conn.h"
#include "net/poller.h"
#include "util/clock.h"

#define SLOTS	300

struct fixture {
	struct poller	*poller;
	int		 pair[2];
	unsigned	 ready[SLOTS];
	unsigned	 all;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct error error;

	memset(&fixture, 0, sizeof(fixture));
	fixture.poller = poller_new(SLOTS, &error);
	*state = &fixture;
	return fixture.poller == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, fixture.pair) == -1;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	poller_free(fixture->poller);
	close(fixture->pair[0]);
	close(fixture->pair[1]);
	return 0;
}

static void
note_ready(size_t slot, void *arg)
{
	struct fixture *fixture = arg;

	assert_true(slot < SLOTS);
	fixture->ready[slot]++;
	fixture->all++;
}

static void
watch(struct fixture *fixture, size_t slot, int fd, short events)
{
	struct error error;

	assert_int_equal(poller_set(fixture->poller, slot, fd, events, &error),
	    0);
}

/* Waits for at most so long.  Returns how many slots were ready. */
static unsigned
wait_ms(struct fixture *fixture, int64_t ms)
{
	memset(fixture->ready, 0, sizeof(fixture->ready));
	fixture->all = 0;
	poller_wait(fixture->poller, clock_ms() + ms, note_ready, fixture);
	return fixture->all;
}

static void
test_poller_wait_returns_ready_descriptors_only(void **state)
{
	struct fixture *fixture = *state;

	watch(fixture, 3, fixture->pair[0], POLLIN);
	assert_int_equal(wait_ms(fixture, 0), 0);
	assert_int_equal(send(fixture->pair[1], "x", 1, 0), 1);
	assert_int_equal(wait_ms(fixture, 20000), 1);
	assert_int_equal(fixture->ready[3], 1);
	/* As long as it is. */
	assert_int_equal(wait_ms(fixture, 20000), 1);
	watch(fixture, 3, fixture->pair[0], POLLOUT);
	assert_int_equal(wait_ms(fixture, 20000), 1);
	watch(fixture, 3, fixture->pair[0], 0);
	assert_int_equal(wait_ms(fixture, 0), 0);
	watch(fixture, 3, -1, 0);
	assert_int_equal(wait_ms(fixture, 0), 0);
}

static void
test_poller_wait_timeout_expires(void **state)
{
	struct fixture *fixture = *state;
	int64_t begin = clock_ms();

	watch(fixture, 0, fixture->pair[0], POLLIN);
	assert_int_equal(wait_ms(fixture, 50), 0);
	assert_true(clock_ms() - begin >= 50);
	assert_int_equal(wait_ms(fixture, -1000), 0);
}

/* A number of a descriptor says nothing: another file may have it by now. */
static void
test_poller_set_reused_descriptor_is_watched(void **state)
{
	struct fixture *fixture = *state;
	int fd, other[2];

	fd = dup(fixture->pair[0]);
	watch(fixture, 1, fd, POLLIN);
	close(fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	assert_int_equal(dup2(other[0], fd), fd);
	watch(fixture, 1, fd, POLLIN);
	assert_int_equal(send(other[1], "x", 1, 0), 1);
	assert_int_equal(wait_ms(fixture, 20000), 1);
	assert_int_equal(fixture->ready[1], 1);
	close(fd);
	close(other[0]);
	close(other[1]);
	/* It is no longer there, which is nothing to complain of. */
	watch(fixture, 1, -1, 0);
	watch(fixture, 1, fixture->pair[0], POLLIN);
	assert_int_equal(wait_ms(fixture, 0), 0);
}

static void
test_poller_set_removed_descriptor_is_not_returned(void **state)
{
	struct fixture *fixture = *state;

	watch(fixture, 1, fixture->pair[0], POLLOUT);
	watch(fixture, 1, fixture->pair[1], POLLIN);
	assert_int_equal(wait_ms(fixture, 0), 0);
	watch(fixture, 2, fixture->pair[0], POLLOUT);
	assert_int_equal(wait_ms(fixture, 20000), 1);
	assert_int_equal(fixture->ready[2], 1);
}

static void
test_poller_wait_more_than_a_batch_returns_them_in_turn(void **state)
{
	struct fixture *fixture = *state;
	int fds[SLOTS];
	size_t i;
	unsigned first;

	for (i = 0; i < SLOTS; i++) {
		assert_int_not_equal(fds[i] = dup(fixture->pair[0]), -1);
		watch(fixture, i, fds[i], POLLOUT);
	}
	first = wait_ms(fixture, 20000);
	assert_in_range(first, 1, SLOTS);
	for (i = 0; i < SLOTS; i++)
		if (fixture->ready[i])
			watch(fixture, i, -1, 0);
	while (first < SLOTS) {
		assert_true(wait_ms(fixture, 20000) > 0);
		first += fixture->all;
		for (i = 0; i < SLOTS; i++)
			if (fixture->ready[i])
				watch(fixture, i, -1, 0);
	}
	for (i = 0; i < SLOTS; i++)
		close(fds[i]);
}

static void
test_poller_set_unsupported_descriptor_fails(void **state)
{
	struct fixture *fixture = *state;
	struct error error;

	assert_int_equal(poller_set(fixture->poller, 0, 100000, POLLIN, &error),
	    -1);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_string_equal(error_word(error.code), "local_error");
	poller_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_poller_wait_returns_ready_descriptors_only,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_poller_wait_timeout_expires,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_poller_set_reused_descriptor_is_watched,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_poller_set_removed_descriptor_is_not_returned,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_poller_wait_more_than_a_batch_returns_them_in_turn,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_poller_set_unsupported_descriptor_fails,
		    set_up, tear_down)
	};

	return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
