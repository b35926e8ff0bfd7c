/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/wait.h>

#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/conn.h"
#include "peer.h"
#include "repl/session.h"
#include "util/clock.h"

#define HANDSHAKE_LINE	"\\set output yaml\n"
#define TRUE		"---\n- true\n...\n"
#define PUSH		"%TAG !push! tag:tarantool.io/push,2018\n--- 1\n...\n"
#define REPLY		"---\n- 1\n...\n"

static char socket_path[] = "sock";
static const struct target target = {
	.kind = TARGET_UNIX, .name = socket_path, .path = socket_path
};

static int listener = -1;
static int peer = -1;
static struct session *session;
static struct document doc;
static struct error error;

static int
set_up(void **state)
{
	(void)state;
	listener = peer_listen(socket_path, 5);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	session_close(session);
	session = NULL;
	if (peer != -1)
		close(peer);
	peer = -1;
	close(listener);
	return 0;
}

static void
peer_says(const char *text)
{
	assert_int_equal(peer_send(peer, text, strlen(text)), 0);
}

static void
peer_hears(const char *text)
{
	char got[256];
	size_t len = strlen(text), n;
	ssize_t result;

	for (n = 0; n < len; n += (size_t)result) {
		assert_true(peer_wait(peer, POLLIN));
		result = recv(peer, got + n, len - n, 0);
		assert_true(result > 0);
	}
	assert_memory_equal(got, text, len);
}

/* Steps until something happens. */
static enum session_event
step(void)
{
	enum session_event event;
	struct pollfd pfd;
	int64_t left;

	while ((event = session_step(session, &doc, &error)) == SESSION_WAIT) {
		pfd.fd = session_fd(session);
		pfd.events = session_events(session);
		left = session_due(session) - clock_ms();
		left = left < 0 ? 0 : left > PEER_PATIENCE_MS ?
		    PEER_PATIENCE_MS : left;
		if (poll(&pfd, 1, (int)left) == 0 &&
		    left == PEER_PATIENCE_MS)
			fail_msg("nothing happens");
	}
	return event;
}

/* Nothing more happens by itself. */
static void
assert_quiet(void)
{
	struct pollfd pfd = { .fd = session_fd(session), .events = POLLIN };

	do {
		assert_int_equal(session_step(session, &doc, &error),
		    SESSION_WAIT);
	} while (poll(&pfd, 1, 0) == 1);
}

static void
start(int64_t ms)
{
	session = session_open(&target, clock_ms() + ms, &error);
	assert_non_null(session);
	peer = peer_accept(listener);
	assert_int_not_equal(peer, -1);
}

static void
make_ready(void)
{
	start(PEER_PATIENCE_MS);
	peer_says(PEER_GREETING);
	assert_quiet();
	peer_hears(HANDSHAKE_LINE);
	peer_says(TRUE);
	assert_int_equal(step(), SESSION_READY);
}

static void
send_line(const char *text)
{
	assert_int_equal(session_send(session, strdup(text), strlen(text),
	    &error), 0);
}

static void
assert_document(const char *text)
{
	assert_int_equal(doc.len, strlen(text));
	assert_memory_equal(doc.data, text, doc.len);
}

static void
test_session_lines_are_answered_in_order(void **state)
{
	int i;

	(void)state;
	make_ready();
	assert_string_equal(session_version(session), "2.6.0");
	for (i = 0; i < 20; i++) {
		send_line("x = 1");
		assert_int_equal(session_waiting(session), 1);
		assert_quiet();
		assert_true(session_sent(session));
		peer_hears("x = 1\n");
		peer_says(REPLY);
		assert_int_equal(step(), SESSION_REPLY);
		assert_document(REPLY);
		assert_int_equal(session_waiting(session), 0);
	}
}

static void
test_session_deadline_ends_with_handshake(void **state)
{
	(void)state;
	start(200);
	peer_says(PEER_GREETING);
	peer_says(TRUE);
	assert_int_equal(step(), SESSION_READY);
	poll(NULL, 0, 250);
	send_line("x");
	assert_quiet();
	peer_hears(HANDSHAKE_LINE "x\n");
	peer_says(REPLY);
	assert_int_equal(step(), SESSION_REPLY);
}

static void
test_session_push_messages_are_passed_on_any_time(void **state)
{
	(void)state;
	make_ready();
	peer_says(PUSH);
	assert_int_equal(step(), SESSION_PUSH);
	assert_document(PUSH);
	send_line("x");
	assert_quiet();
	peer_says(PUSH PUSH REPLY PUSH);
	assert_int_equal(step(), SESSION_PUSH);
	assert_int_equal(step(), SESSION_PUSH);
	assert_int_equal(step(), SESSION_REPLY);
	assert_int_equal(step(), SESSION_PUSH);
	assert_quiet();
}

static void
test_session_discarded_reply_is_not_returned(void **state)
{
	(void)state;
	make_ready();
	send_line("slow");
	session_forget(session);
	send_line("next");
	assert_int_equal(session_waiting(session), 2);
	assert_quiet();
	peer_hears("slow\nnext\n");
	peer_says("---\n- slow\n...\n" REPLY);
	assert_int_equal(step(), SESSION_REPLY);
	assert_document(REPLY);
	assert_int_equal(session_waiting(session), 0);
}

static void
test_session_queue_full_refuses_lines(void **state)
{
	int i;

	(void)state;
	make_ready();
	for (i = 0; i < SESSION_LINES_MAX; i++)
		send_line("x");
	assert_int_equal(session_send(session, strdup("x"), 1, &error), -1);
	assert_int_equal(error.outcome, OUTCOME_USAGE);
	assert_quiet();
	peer_hears("x\nx\nx\nx\n");
	for (i = 0; i < SESSION_LINES_MAX; i++)
		peer_says(REPLY);
	for (i = 0; i < SESSION_LINES_MAX; i++)
		assert_int_equal(step(), SESSION_REPLY);
	send_line("x");
}

/* The line must stay for as long as it is sent. */
static void
test_session_reply_before_line_is_sent_is_taken(void **state)
{
	size_t len = 4 * 1024 * 1024;
	char *line = malloc(len);

	(void)state;
	make_ready();
	memset(line, 'x', len);
	assert_int_equal(session_send(session, line, len, &error), 0);
	assert_quiet();
	assert_false(session_sent(session));
	peer_says(REPLY);
	assert_int_equal(step(), SESSION_REPLY);
	assert_quiet();
	assert_false(session_sent(session));
}

static void
test_session_disconnect_outcome_depends_on_lines(void **state)
{
	(void)state;
	make_ready();
	close(peer);
	peer = -1;
	assert_int_equal(step(), SESSION_FAILED);
	assert_int_equal(error.outcome, OUTCOME_UNREACHABLE);
	assert_string_equal(error_word(error.code), "closed");
	assert_false(error.transient);
	session_close(session);

	make_ready();
	send_line("x");
	session_forget(session);
	close(peer);
	peer = -1;
	assert_int_equal(step(), SESSION_FAILED);
	assert_int_equal(error.outcome, OUTCOME_UNREACHABLE);
	session_close(session);

	make_ready();
	send_line("x");
	assert_quiet();
	peer_says("---\n- half");
	peer_hears("x\n");
	close(peer);
	peer = -1;
	assert_int_equal(step(), SESSION_FAILED);
	assert_int_equal(error.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(error_word(error.code), "closed");
}

static void
test_session_reply_without_request_fails(void **state)
{
	(void)state;
	make_ready();
	peer_says(REPLY);
	assert_int_equal(step(), SESSION_FAILED);
	assert_int_equal(error.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(error_word(error.code), "bad_reply");
}

static void
test_session_handshake_error_is_reported(void **state)
{
	(void)state;
	start(PEER_PATIENCE_MS);
	peer_says("220 ready\r\n");
	assert_int_equal(step(), SESSION_FAILED);
	assert_string_equal(error_word(error.code), "not_a_console");
	close(peer);
	session_close(session);

	start(PEER_PATIENCE_MS);
	peer_says(PEER_GREETING "---\n- false\n...\n");
	assert_int_equal(step(), SESSION_FAILED);
	assert_int_equal(error.outcome, OUTCOME_PROTOCOL);
	assert_string_equal(error_word(error.code), "bad_handshake");
	close(peer);
	session_close(session);

	start(100);
	peer_says(PEER_GREETING);
	assert_int_equal(step(), SESSION_FAILED);
	assert_int_equal(error.outcome, OUTCOME_TIMEOUT);
	assert_int_equal(error.code, ERROR_DEADLINE);
	assert_true(error.transient);
	close(peer);
	session_close(session);

	start(PEER_PATIENCE_MS);
	peer_says(PEER_GREETING);
	assert_quiet();
	close(peer);
	peer = -1;
	assert_int_equal(step(), SESSION_FAILED);
	assert_int_equal(error.outcome, OUTCOME_UNREACHABLE);
	assert_true(error.transient);
	session_close(session);

	unlink(socket_path);
	session = session_open(&target, clock_ms() + 1000, &error);
	assert_null(session);
	assert_string_equal(error_word(error.code), "no_socket");
}

int
main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_session_lines_are_answered_in_order),
		TEST(test_session_deadline_ends_with_handshake),
		TEST(test_session_push_messages_are_passed_on_any_time),
		TEST(test_session_discarded_reply_is_not_returned),
		TEST(test_session_queue_full_refuses_lines),
		TEST(test_session_reply_before_line_is_sent_is_taken),
		TEST(test_session_disconnect_outcome_depends_on_lines),
		TEST(test_session_reply_without_request_fails),
		TEST(test_session_handshake_error_is_reported)
	};

	return cmocka_run_group_tests_name("session", tests,
	    peer_enter_directory, peer_leave_directory);
}
