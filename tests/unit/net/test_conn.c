/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/conn.h"
#include "net/greeting.h"
#include "peer.h"
#include "util/clock.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

#define HANDSHAKE	"\\set output yaml\n"
#define TRUE		"---\n- true\n...\n"

/* The tests are client and peer by turns, in one thread. */
struct fixture {
	struct target	 target;
	struct conn	*conn;
	struct error	 error;
	int		 listener;
	int		 peer;
};

static char socket_path[] = "sock";

static int
setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.target.kind = TARGET_UNIX;
	fixture.target.name = fixture.target.path = socket_path;
	fixture.listener = fixture.peer = -1;
	*state = &fixture;
	return 0;
}

static void
close_peer(struct fixture *fixture)
{
	if (fixture->peer != -1)
		close(fixture->peer);
	fixture->peer = -1;
}

static void
close_all(struct fixture *fixture)
{
	conn_close(fixture->conn);
	fixture->conn = NULL;
	close_peer(fixture);
	if (fixture->listener != -1)
		close(fixture->listener);
	fixture->listener = -1;
}

static int
teardown(void **state)
{
	close_all(*state);
	return 0;
}

static void
connect_within(struct fixture *fixture, int64_t timeout)
{
	fixture->listener = peer_listen(socket_path, 5);
	fixture->conn = conn_open(&fixture->target,
	    clock_ms() + timeout, &fixture->error);
	assert_non_null(fixture->conn);
	fixture->peer = peer_accept(fixture->listener);
	assert_int_not_equal(fixture->peer, -1);
}

static void
say(struct fixture *fixture, const char *text)
{
	assert_int_equal(peer_send(fixture->peer, text, strlen(text)), 0);
}

static enum conn_event
step(struct fixture *fixture, struct document *doc)
{
	return conn_step(fixture->conn, doc, &fixture->error);
}

/* Polls as a caller does until there is something other than to wait. */
static enum conn_event
run(struct fixture *fixture, struct document *doc)
{
	enum conn_event event;
	struct pollfd pfd;
	int64_t left;

	while ((event = step(fixture, doc)) == CONN_WAIT) {
		pfd.fd = conn_fd(fixture->conn);
		pfd.events = conn_events(fixture->conn);
		left = conn_due(fixture->conn) - clock_ms();
		poll(&pfd, 1, left < 0 ? 0 : (int)left);
	}
	return event;
}

/* Reads what was sent after the greeting, and answers it. */
static void
shake_hands(struct fixture *fixture)
{
	struct document doc;
	char got[100];
	ssize_t len;

	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	len = recv(fixture->peer, got, sizeof(got), 0);
	assert_int_equal(len, sizeof(HANDSHAKE) - 1);
	assert_memory_equal(got, HANDSHAKE, sizeof(HANDSHAKE) - 1);
	say(fixture, TRUE);
	assert_int_equal(run(fixture, &doc), CONN_READY);
}

static void
greet(struct fixture *fixture)
{
	struct document doc;

	connect_within(fixture, PEER_PATIENCE_MS);
	say(fixture, PEER_GREETING);
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	/* From here on only the deadline counts. */
	assert_true(conn_due(fixture->conn) - clock_ms() >
	    CONN_GREETING_MS);
	shake_hands(fixture);
}

/* Queues a line; returns what conn_send does. */
static int
send_line(struct fixture *fixture, const char *data, size_t len,
    const char *rest)
{
	const struct conn_line line = { data, len, rest,
	    rest != NULL ? strlen(rest) : 0 };

	return conn_send(fixture->conn, &line, &fixture->error);
}

static void
assert_failed(struct fixture *fixture, enum outcome outcome, const char *code,
    int transient, const char *part)
{
	assert_string_equal(error_word(fixture->error.code), code);
	assert_int_equal(fixture->error.outcome, outcome);
	assert_int_equal(fixture->error.transient, transient);
	if (strstr(fixture->error.message, part) == NULL)
		fail_msg("'%s' is not in '%s'", part, fixture->error.message);
}

static void
test_conn_greeting_in_single_bytes_is_read(void **state)
{
	static const char greeting[] = PEER_GREETING;
	struct fixture *fixture = *state;
	struct document doc;
	size_t i;

	connect_within(fixture, PEER_PATIENCE_MS);
	assert_string_equal(conn_version(fixture->conn), "");
	for (i = 0; i < GREETING_SIZE - 1; i++) {
		assert_int_equal(step(fixture, &doc), CONN_WAIT);
		assert_int_equal(conn_events(fixture->conn), POLLIN);
		assert_int_equal(peer_send(fixture->peer, &greeting[i], 1),
		    0);
	}
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	say(fixture, "\n");
	assert_int_equal(step(fixture, &doc), CONN_GREETED);
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	assert_string_equal(conn_version(fixture->conn), "2.6.0");
}

static void
test_conn_document_after_greeting_is_kept(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;

	connect_within(fixture, PEER_PATIENCE_MS);
	say(fixture, PEER_GREETING TRUE "---\n- 1\n...\n---\n");
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	assert_int_equal(step(fixture, &doc), CONN_READY);
	assert_int_equal(step(fixture, &doc), CONN_DOCUMENT);
	assert_int_equal(doc.len, 12);
	assert_memory_equal(doc.data, "---\n- 1\n...\n", 12);
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
}

static void
test_conn_greeting_of_other_server_is_rejected(void **state)
{
	static const struct {
		const char	*greeting, *code, *part;
	} cases[] = {
		/* Too short to be a greeting, and yet it will not be one. */
		{ "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "not_a_console",
		    "" },
		{ "HTTP/1.1 400 Bad Request\r\n", "not_a_console",
		    "HTTP" },
		{ "-", "not_a_console", "" },
		{ "Tarantola", "not_a_console", "" },
	};
	struct fixture *fixture = *state;
	struct document doc;
	size_t i;

	for (i = 0; i < nitems(cases); i++) {
		connect_within(fixture, PEER_PATIENCE_MS);
		say(fixture, cases[i].greeting);
		if (step(fixture, &doc) != CONN_FAILED)
			fail_msg("case %zu", i);
		assert_failed(fixture, OUTCOME_UNREACHABLE, cases[i].code, 0,
		    cases[i].part);
		close_all(fixture);
	}
}

static void
test_conn_greeting_cut_off_reports_disconnect(void **state)
{
	static const char *const parts[] = { "", "T", "Tarantool 2.6.0 (L" };
	struct fixture *fixture = *state;
	struct document doc;
	size_t i;

	for (i = 0; i < nitems(parts); i++) {
		connect_within(fixture, PEER_PATIENCE_MS);
		say(fixture, parts[i]);
		close_peer(fixture);
		assert_int_equal(run(fixture, &doc), CONN_FAILED);
		assert_failed(fixture, OUTCOME_UNREACHABLE,
		    "closed_before_greeting", 1, "closed before the greeting");
		close_all(fixture);
	}
}

static void
test_conn_greeting_missing_ends_at_deadline(void **state)
{
	static const char *const parts[] = { "", "Tarantool 2.6.0 (L" };
	struct fixture *fixture = *state;
	struct document doc;
	int64_t begin;
	size_t i;

	for (i = 0; i < nitems(parts); i++) {
		begin = clock_ms();
		connect_within(fixture, 100);
		say(fixture, parts[i]);
		assert_int_equal(run(fixture, &doc), CONN_FAILED);
		assert_in_range(clock_ms() - begin, 100, PEER_PATIENCE_MS);
		assert_failed(fixture, OUTCOME_UNREACHABLE, "no_greeting", 1,
		    "no greeting within 0.1 s: ");
		close_all(fixture);
	}
}

static void
test_conn_greeting_trickling_does_not_extend_deadline(void **state)
{
	static const char greeting[] = PEER_GREETING;
	struct fixture *fixture = *state;
	struct document doc;
	size_t i;

	connect_within(fixture, 1500);
	for (i = 0; i < 10; i++) {
		peer_send(fixture->peer, &greeting[i], 1);
		if (i == 8)
			while (clock_ms() < conn_due(fixture->conn))
				poll(NULL, 0, 1);
		if (step(fixture, &doc) != CONN_WAIT)
			break;
	}
	assert_int_equal(i, 8);
	assert_failed(fixture, OUTCOME_UNREACHABLE, "no_greeting", 1,
	    "greeting");
}

static void
test_conn_greeting_missing_ends_after_three_seconds(void **state)
{
	struct fixture *fixture = *state;
	int64_t begin = clock_ms();

	connect_within(fixture, 2 * PEER_PATIENCE_MS);
	assert_in_range(conn_due(fixture->conn) - begin,
	    CONN_GREETING_MS, PEER_PATIENCE_MS);
}

static void
open_fails(struct fixture *fixture, enum outcome outcome, const char *code,
    int transient, const char *part)
{
	assert_null(conn_open(&fixture->target, clock_ms() + 1000,
	    &fixture->error));
	assert_failed(fixture, outcome, code, transient, part);
}

/* Listens on a TCP port of the loopback, which the target then names. */
static int
listen_tcp(struct fixture *fixture)
{
	static char host[] = "127.0.0.1", port[16];
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len),
	    0);
	snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
	fixture->target.kind = TARGET_TCP;
	fixture->target.host = host;
	fixture->target.port = port;
	return fd;
}

static void
test_conn_tcp_console_is_greeted(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;

	fixture->listener = listen_tcp(fixture);
	fixture->conn = conn_open(&fixture->target, clock_ms() +
	    PEER_PATIENCE_MS, &fixture->error);
	assert_non_null(fixture->conn);
	fixture->peer = peer_accept(fixture->listener);
	say(fixture, PEER_GREETING TRUE "---\n...\n");
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	assert_int_equal(run(fixture, &doc), CONN_READY);
	assert_int_equal(run(fixture, &doc), CONN_DOCUMENT);
}

static void
test_conn_handshake_rejected_quotes_answer_on_one_line(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;
	char *text;

	connect_within(fixture, PEER_PATIENCE_MS);
	say(fixture, PEER_GREETING "---\n- false\n...\n");
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	assert_int_equal(run(fixture, &doc), CONN_FAILED);
	assert_failed(fixture, OUTCOME_PROTOCOL, "bad_handshake", 0,
	    ": --- - false ... ");
	close_all(fixture);

	assert_non_null(text = calloc(1, 2000));
	memset(text, 'x', 1000);
	strlcat(text, "\n...\n", 2000);
	connect_within(fixture, PEER_PATIENCE_MS);
	say(fixture, PEER_GREETING);
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	say(fixture, text);
	free(text);
	assert_int_equal(run(fixture, &doc), CONN_FAILED);
	assert_failed(fixture, OUTCOME_PROTOCOL, "bad_handshake", 0, "xxx");
	assert_true(strlen(fixture->error.message) < 300);
}

static void
test_conn_handshake_unanswered_is_transient_timeout(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;

	connect_within(fixture, 500);
	say(fixture, PEER_GREETING);
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	assert_int_equal(run(fixture, &doc), CONN_FAILED);
	assert_failed(fixture, OUTCOME_TIMEOUT, "deadline", 1,
	    "did not answer within 0.5 s");
}

static void
test_conn_handshake_closed_is_transient(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;

	connect_within(fixture, PEER_PATIENCE_MS);
	say(fixture, PEER_GREETING);
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	close_peer(fixture);
	assert_int_equal(run(fixture, &doc), CONN_FAILED);
	assert_failed(fixture, OUTCOME_UNREACHABLE, "closed", 1, "closed");
}

static void
test_conn_documents_are_passed_on_as_they_arrive(void **state)
{
	static const char first[] = "---\n- 1\n...\n";
	static const char push[] = "%TAG !push! x\n--- hi\n...\n";
	struct fixture *fixture = *state;
	struct document doc;

	greet(fixture);
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	say(fixture, first);
	say(fixture, push);
	assert_int_equal(step(fixture, &doc), CONN_DOCUMENT);
	assert_false(doc.is_push);
	assert_int_equal(doc.len, sizeof(first) - 1);
	assert_memory_equal(doc.data, first, doc.len);
	assert_int_equal(step(fixture, &doc), CONN_DOCUMENT);
	assert_true(doc.is_push);
	assert_memory_equal(doc.data, push, doc.len);
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	say(fixture, "---\n- half");
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	say(fixture, "\n...\n");
	close_peer(fixture);
	assert_int_equal(step(fixture, &doc), CONN_DOCUMENT);
	assert_memory_equal(doc.data, "---\n- half\n...\n", doc.len);
	assert_int_equal(step(fixture, &doc), CONN_FAILED);
	assert_failed(fixture, OUTCOME_UNREACHABLE, "closed", 0,
	    "connection closed by the instance");
}

static void
test_conn_line_is_sent_with_newline(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;
	char got[100];
	ssize_t len;

	greet(fixture);
	assert_int_equal(conn_events(fixture->conn), POLLIN);
	assert_int_equal(send_line(fixture, "o", 1, "ne"), 0);
	assert_int_equal(send_line(fixture, "", 0, NULL), 0);
	assert_int_equal(conn_events(fixture->conn), POLLIN | POLLOUT);
	assert_false(conn_has_sent(fixture->conn));
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	assert_int_equal(conn_events(fixture->conn), POLLIN);
	assert_true(conn_has_sent(fixture->conn));
	len = recv(fixture->peer, got, sizeof(got), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(got, "one\n\n", 5);
}

/* Queues CONN_LINES_MAX lines; one more is refused. */
static void
fill_queue(struct fixture *fixture)
{
	size_t i;

	for (i = 0; i < CONN_LINES_MAX; i++)
		assert_int_equal(send_line(fixture, "x", 1, NULL), 0);
	assert_int_equal(send_line(fixture, "x", 1, NULL), -1);
	assert_failed(fixture, OUTCOME_USAGE, "local_error", 0, "queue is full");
}

static void
test_conn_queue_full_refuses_lines(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;

	greet(fixture);
	fill_queue(fixture);
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	assert_int_equal(send_line(fixture, "x", 1, NULL), 0);
}

/* The handshake, which is still queued, does not count as a line. */
static void
test_conn_queue_full_before_handshake_refuses_lines(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;

	connect_within(fixture, PEER_PATIENCE_MS);
	say(fixture, PEER_GREETING);
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	fill_queue(fixture);
}

static void
test_conn_line_longer_than_socket_buffer_is_sent_in_parts(void **state)
{
	enum { LEN = 3 * 1024 * 1024 };
	struct fixture *fixture = *state;
	struct document doc;
	char *got, *line;
	size_t i, len = 0;
	ssize_t n;

	line = malloc(LEN);
	got = malloc(LEN + 1);
	assert_true(line != NULL && got != NULL);
	for (i = 0; i < LEN; i++)
		line[i] = (char)('a' + i % 23);
	greet(fixture);
	assert_int_equal(send_line(fixture, line, LEN, NULL), 0);
	while (len < LEN + 1) {
		assert_int_equal(step(fixture, &doc), CONN_WAIT);
		n = recv(fixture->peer, got + len, LEN + 1 - len, 0);
		assert_true(n > 0);
		/* Not all has left before the last part was read. */
		if (len == 0)
			assert_true(n < LEN);
		len += (size_t)n;
	}
	assert_int_equal(conn_events(fixture->conn), POLLIN);
	assert_memory_equal(got, line, LEN);
	assert_int_equal(got[LEN], '\n');
	free(line);
	free(got);
}

static void
test_conn_peer_closed_while_sending_raises_no_signal(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;
	char *line = calloc(1, 1000000);

	assert_non_null(line);
	memset(line, 'x', 1000000);
	greet(fixture);
	assert_int_equal(send_line(fixture, line, 1000000, NULL), 0);
	assert_int_equal(step(fixture, &doc), CONN_WAIT);
	/* What it said before it went still counts. */
	say(fixture, "---\n- error: fiber is cancelled\n...\n");
	close_peer(fixture);
	assert_int_equal(run(fixture, &doc), CONN_DOCUMENT);
	assert_int_equal(run(fixture, &doc), CONN_FAILED);
	assert_failed(fixture, OUTCOME_UNREACHABLE, "closed", 0, "closed");
	/* Not all has left. */
	assert_true(conn_events(fixture->conn) & POLLOUT);
	assert_false(conn_has_sent(fixture->conn));
	free(line);
}

static void
test_conn_peer_that_stopped_reading_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;

	greet(fixture);
	assert_int_equal(shutdown(fixture->peer, SHUT_RD), 0);
	assert_int_equal(send_line(fixture, "x", 1, NULL), 0);
	assert_int_equal(run(fixture, &doc), CONN_FAILED);
	assert_failed(fixture, OUTCOME_UNREACHABLE, "closed", 0, "closed");
}

static void
test_conn_reply_missing_ends_at_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;
	int64_t begin = clock_ms();

	connect_within(fixture, 1500);
	say(fixture, PEER_GREETING);
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	shake_hands(fixture);
	say(fixture, "---\n- half");
	assert_int_equal(run(fixture, &doc), CONN_FAILED);
	assert_in_range(clock_ms() - begin, 1500, PEER_PATIENCE_MS);
	assert_failed(fixture, OUTCOME_TIMEOUT, "deadline", 0,
	    "no reply within ");
}

static void
test_conn_reply_buffered_at_deadline_is_read(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;

	connect_within(fixture, 1500);
	say(fixture, PEER_GREETING);
	assert_int_equal(run(fixture, &doc), CONN_GREETED);
	shake_hands(fixture);
	say(fixture, "---\n- 1\n...\n---\n- 2\n...\n");
	while (clock_ms() <= conn_due(fixture->conn))
		poll(NULL, 0, 1);
	assert_int_equal(step(fixture, &doc), CONN_DOCUMENT);
	assert_int_equal(step(fixture, &doc), CONN_DOCUMENT);
	assert_memory_equal(doc.data, "---\n- 2\n...\n", doc.len);
	/* But that was the last time. */
	say(fixture, "---\n- 3\n...\n");
	assert_int_equal(step(fixture, &doc), CONN_FAILED);
	assert_string_equal(error_word(fixture->error.code), "deadline");
}

static void
test_conn_step_reads_a_limited_amount(void **state)
{
	struct fixture *fixture = *state;
	struct document doc;
	char *block = malloc(1024 * 1024);
	size_t steps = 0;
	int status;
	pid_t pid;

	assert_non_null(block);
	memset(block, 'x', 1024 * 1024);
	greet(fixture);
	/* A peer that never stops; it ends when the connection does. */
	if ((pid = fork()) == 0) {
		close(conn_fd(fixture->conn));
		while (peer_send(fixture->peer, block, 1024 * 1024) == 0)
			continue;
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	free(block);
	close_peer(fixture);
	for (;;) {
		assert_true(peer_wait(conn_fd(fixture->conn), POLLIN));
		if (step(fixture, &doc) != CONN_WAIT)
			break;
		steps++;
	}
	/* What can never be a reply is given up: 64 MiB, 1 MiB a step. */
	assert_true(steps >= 63);
	assert_failed(fixture, OUTCOME_PROTOCOL, "reply_too_large", 0,
	    "64 MiB");
	conn_close(fixture->conn);
	fixture->conn = NULL;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_conn_close_null_is_allowed(void **state)
{
	(void)state;
	conn_close(NULL);
}

static size_t
count_descriptors(void)
{
	size_t count = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

static void
test_conn_descriptors_are_closed_on_exec(void **state)
{
	struct fixture *fixture = *state;
	char cwd[200], path[500];
	size_t before;
	int fd;

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(path, sizeof(path), "%s/%0100d", cwd, 0);
	assert_int_equal(mkdir(path, 0700), 0);
	/* Too long for an address: another descriptor helps to connect. */
	strlcat(path, "/../", sizeof(path));
	strlcat(path, socket_path, sizeof(path));
	fixture->target.path = path;

	before = count_descriptors();
	greet(fixture);
	fd = conn_fd(fixture->conn);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close_all(fixture);
	open_fails(fixture, OUTCOME_UNREACHABLE, "refused", 1, "refused");
	assert_int_equal(count_descriptors(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_conn_greeting_in_single_bytes_is_read),
		TEST(test_conn_document_after_greeting_is_kept),
		TEST(test_conn_greeting_of_other_server_is_rejected),
		TEST(test_conn_greeting_cut_off_reports_disconnect),
		TEST(test_conn_greeting_missing_ends_at_deadline),
		TEST(test_conn_greeting_trickling_does_not_extend_deadline),
		TEST(test_conn_greeting_missing_ends_after_three_seconds),
		TEST(test_conn_tcp_console_is_greeted),
		TEST(test_conn_handshake_rejected_quotes_answer_on_one_line),
		TEST(test_conn_handshake_unanswered_is_transient_timeout),
		TEST(test_conn_handshake_closed_is_transient),
		TEST(test_conn_documents_are_passed_on_as_they_arrive),
		TEST(test_conn_line_is_sent_with_newline),
		TEST(test_conn_queue_full_refuses_lines),
		TEST(test_conn_queue_full_before_handshake_refuses_lines),
		TEST(test_conn_line_longer_than_socket_buffer_is_sent_in_parts),
		TEST(test_conn_peer_closed_while_sending_raises_no_signal),
		TEST(test_conn_peer_that_stopped_reading_is_noticed),
		TEST(test_conn_reply_missing_ends_at_deadline),
		TEST(test_conn_reply_buffered_at_deadline_is_read),
		TEST(test_conn_step_reads_a_limited_amount),
		TEST(test_conn_close_null_is_allowed),
		TEST(test_conn_descriptors_are_closed_on_exec),
	};

	return cmocka_run_group_tests_name("conn", tests,
	    peer_enter_directory, peer_leave_directory);
}
