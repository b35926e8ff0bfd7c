/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/time.h>
#include <sys/wait.h>

#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "net/conn.h"
#include "net/exchange.h"
#include "peer.h"
#include "util/clock.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

#define HANDSHAKE	"\\set output yaml\n"
#define TRUE		"---\n- true\n...\n"
#define PUSH		"%TAG !push! tag:tarantool.io/push,2018\n"

/* The peer is data: what it does, one thing after the other. */
struct peer_step {
	enum {
		END,		/* closes the connection */
		SEND,
		TRICKLE,	/* sends byte by byte */
		EXPECT,		/* reads that text */
		FILL,		/* sends 20 MB of that text */
		FLOOD,		/* sends that text for ever */
		HOLD		/* waits for the client to go, reads nothing */
	}		 what;
	const char	*text;
};

#define STEPS_MAX 10

/* Runs one exchange to its end, as rollout/command.c does. */
static json_t *
run_session(const struct target *target,
    const struct exchange_request *request, int64_t deadline,
    struct error *error)
{
	enum exchange_state state;
	struct exchange *exchange;
	struct pollfd pfd;
	json_t *reply;
	int64_t left;

	exchange = exchange_start(target, request, deadline);
	while ((state = exchange_step(exchange, error)) == EXCHANGE_BUSY) {
		pfd.fd = exchange_fd(exchange);
		pfd.events = exchange_events(exchange);
		left = exchange_due(exchange) - clock_ms();
		if (left < 0)
			left = 0;
		/* Whatever poll says, a signal too: the next step finds out. */
		poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left);
	}
	reply = state == EXCHANGE_DONE ? exchange_take_reply(exchange) : NULL;
	exchange_free(exchange);
	return reply;
}

static char socket_path[] = "sock";
static const struct target target = {
	.kind = TARGET_UNIX, .name = socket_path, .path = socket_path
};

static int
expect_text(int fd, const char *text)
{
	char got[4096];
	size_t len = strlen(text), n;
	ssize_t result;

	for (n = 0; n < len; n += (size_t)result) {
		if (!peer_wait(fd, POLLIN))
			return -1;
		result = recv(fd, got + n, len - n, 0);
		if (result <= 0)
			return -1;
	}
	return memcmp(got, text, len) == 0 ? 0 : -1;
}

static int
do_step(int fd, const struct peer_step *step)
{
	size_t i, len = step->text == NULL ? 0 : strlen(step->text);

	switch (step->what) {
	case SEND:
		return peer_send(fd, step->text, len);
	case TRICKLE:
		for (i = 0; i < len; i++)
			if (peer_send(fd, step->text + i, 1) == -1)
				return -1;
		return 0;
	case EXPECT:
		return expect_text(fd, step->text);
	case FILL:
		for (i = 0; i < (size_t)20 * 1000 * 1000; i += len)
			if (peer_send(fd, step->text, len) == -1)
				return -1;
		return 0;
	case FLOOD:
		while (peer_send(fd, step->text, len) == 0)
			continue;
		return 0;
	case HOLD:
		return peer_wait(fd, 0) ? 0 : -1;
	default:
		return 0;
	}
}

static int listener = -1;

/* Starts a peer in a process of its own, for one connection. */
static pid_t
peer_start(const struct peer_step *steps)
{
	pid_t pid;
	int fd;

	listener = peer_listen(socket_path, 5);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid != 0)
		return pid;
	/* A client that hangs must not keep it for ever. */
	alarm(PEER_PATIENCE_MS / 1000);
	if ((fd = peer_accept(listener)) == -1)
		_exit(1);
	for (; steps->what != END; steps++)
		if (do_step(fd, steps) == -1)
			_exit(2);
	_exit(0);
}

/* Waits for the end of the peer.  Returns 0 if its script went through. */
static int
peer_status(pid_t pid)
{
	pid_t result;
	int status;

	close(listener);
	do {
		result = waitpid(pid, &status, 0);
	} while (result == -1 && errno == EINTR);
	assert_int_equal(result, pid);
	return status;
}

static void
peer_finish(pid_t pid)
{
	assert_int_equal(peer_status(pid), 0);
}

static char pushed[1000];

static void
note_push(const json_t *value, void *arg)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	assert_ptr_equal(arg, pushed);
	strlcat(pushed, text, sizeof(pushed));
	strlcat(pushed, ";", sizeof(pushed));
	free(text);
}

static const struct exchange_request request = {
	.line = { .data = "1, 2", .len = 4 }, .on_push = note_push, .arg = pushed
};

static void
test_exchange_reply_is_first_document_that_is_no_push(void **state)
{
	static const struct {
		struct peer_step	 steps[STEPS_MAX];
		const char		*reply;
		const char		*pushed;
	} cases[] = {
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" },
		    { SEND, "---\n- 1\n- 2\n...\n" } }, "[1,2]", "" },
		{ { { TRICKLE, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { TRICKLE, TRUE }, { EXPECT, "1, 2\n" },
		    { TRICKLE, "---\n- a: 'x\n\n    ...'\n...\n" } },
		    "[{\"a\":\"x\\n...\"}]", "" },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" },
		    { SEND, PUSH "--- one\n...\n" PUSH "---\n- 2\n...\n" },
		    { TRICKLE, PUSH "--- 3.5\n...\n---\n...\n" } },
		    "[]", "\"one\";[2];3.5;" },
		/* A push that cannot be read is left out. */
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" },
		    { SEND, PUSH "--- [\n...\n" PUSH "--- *x\n...\n"
		    PUSH "--- ok\n...\n" TRUE } }, "[true]", "\"ok\";" },
		/* What follows the reply is no more of our business. */
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" },
		    { SEND, TRUE "---\n- half" } }, "[true]", "" },
	};
	struct error error;
	json_t *reply;
	char *text;
	pid_t pid;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		pushed[0] = '\0';
		pid = peer_start(cases[i].steps);
		reply = run_session(&target, &request, clock_ms() +
		    PEER_PATIENCE_MS, &error);
		if (reply == NULL)
			fail_msg("case %zu: %s", i, error.message);
		peer_finish(pid);
		text = json_dumps(reply, JSON_ENCODE_ANY | JSON_COMPACT);
		assert_string_equal(text, cases[i].reply);
		assert_string_equal(pushed, cases[i].pushed);
		free(text);
		json_decref(reply);
	}
}

/* An exchange that is expected to fail, and whether its request had left. */
struct failure {
	struct peer_step	 steps[STEPS_MAX];
	int			 timeout;	/* ms, or 0 for plenty */
	enum outcome		 outcome;
	const char		*code;
	int			 transient;
	int			 sent;
};

/* Steps through an exchange until it has failed. */
static void
fail_session(struct exchange *exchange, struct error *error)
{
	enum exchange_state state;
	struct pollfd pfd;
	int64_t left;

	while ((state = exchange_step(exchange, error)) == EXCHANGE_BUSY) {
		pfd.fd = exchange_fd(exchange);
		pfd.events = exchange_events(exchange);
		left = exchange_due(exchange) - clock_ms();
		poll(&pfd, 1, left < 0 ? 0 : (int)left);
	}
	assert_int_equal(state, EXCHANGE_FAILED);
}

/* Returns -1 if the time ran out sooner than the script wanted. */
static int
try_failure(const struct failure *failure, const struct exchange_request *asked,
    int timeout)
{
	struct exchange *exchange;
	struct error error;
	int64_t begin;
	int sent;
	pid_t pid;

	pid = peer_start(failure->steps);
	begin = clock_ms();
	exchange = exchange_start(&target, asked, begin + timeout);
	fail_session(exchange, &error);
	assert_null(exchange_take_reply(exchange));
	sent = exchange_sent(exchange);
	if (strcmp(error_word(error.code), failure->code) != 0 ||
	    sent != failure->sent) {
		exchange_free(exchange);
		peer_status(pid);
		if (failure->timeout > 0 && timeout < PEER_PATIENCE_MS / 2)
			return -1;
		fail_msg("%s (%s), not %s", error_word(error.code),
		    error.message, failure->code);
	}
	assert_int_equal(error.outcome, failure->outcome);
	assert_int_equal(error.transient, failure->transient);
	if (failure->timeout > 0)
		assert_in_range(clock_ms() - begin, timeout, timeout +
		    PEER_PATIENCE_MS);
	/* It goes on saying so. */
	memset(&error, 0, sizeof(error));
	assert_int_equal(exchange_step(exchange, &error), EXCHANGE_FAILED);
	assert_string_equal(error_word(error.code), failure->code);
	exchange_free(exchange);
	peer_finish(pid);
	return 0;
}

static void
check_failure(const struct failure *failure,
    const struct exchange_request *asked)
{
	int timeout = failure->timeout;

	if (timeout == 0)
		timeout = PEER_PATIENCE_MS;
	/* On a slow machine the peer may need longer to get so far. */
	while (try_failure(failure, asked, timeout) == -1)
		timeout *= 2;
}

static void
test_exchange_disconnect_code_depends_on_stage(void **state)
{
	static const struct failure cases[] = {
		{ { { END, NULL } }, 0, OUTCOME_UNREACHABLE,
		    "closed_before_greeting", 1, 0 },
		{ { { SEND, PEER_GREETING } }, 0, OUTCOME_UNREACHABLE,
		    "closed", 1, 0 },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE } }, 0,
		    OUTCOME_UNREACHABLE, "closed", 1, 0 },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" } }, 0,
		    OUTCOME_PROTOCOL, "closed", 0, 1 },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" },
		    { SEND, PUSH "--- 1\n...\n---\n- 1\n.." } }, 0,
		    OUTCOME_PROTOCOL, "closed", 0, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		check_failure(&cases[i], &request);
}

static void
test_exchange_timeout_code_depends_on_stage(void **state)
{
	static const struct failure cases[] = {
		{ { { HOLD, NULL } }, 80, OUTCOME_UNREACHABLE, "no_greeting",
		    1, 0 },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { HOLD, NULL } }, 100, OUTCOME_TIMEOUT, "deadline", 1, 0 },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" }, { HOLD, NULL } },
		    100, OUTCOME_TIMEOUT, "deadline", 0, 1 },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" },
		    { SEND, PUSH "--- 1\n...\n---\n- 1\n.." },
		    { HOLD, NULL } }, 100, OUTCOME_TIMEOUT, "deadline", 0, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		check_failure(&cases[i], &request);
}

static void
test_exchange_greeting_missing_ends_after_three_seconds(void **state)
{
	static const struct peer_step steps[] = { { HOLD, NULL },
	    { END, NULL } };
	struct error error;
	int64_t begin = clock_ms();
	pid_t pid;

	(void)state;
	pid = peer_start(steps);
	assert_null(run_session(&target, &request, begin + 2 *
	    PEER_PATIENCE_MS, &error));
	assert_in_range(clock_ms() - begin, CONN_GREETING_MS,
	    PEER_PATIENCE_MS);
	assert_string_equal(error_word(error.code), "no_greeting");
	assert_int_equal(error.outcome, OUTCOME_UNREACHABLE);
	assert_true(error.transient);
	assert_string_equal(error_word(error.code), "no_greeting");
	peer_finish(pid);
}

static void
test_exchange_request_unsent_had_no_effect(void **state)
{
	enum { LEN = 8 * 1024 * 1024 };
	static const struct failure deaf = {
	    { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE }, { SEND, TRUE },
	    { HOLD, NULL } }, 100, OUTCOME_TIMEOUT, "deadline", 1, 0 };
	static const struct failure gone = {
	    { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE }, { SEND, TRUE },
	    { EXPECT, "xxxxxxxxx" } }, 0, OUTCOME_UNREACHABLE, "closed", 1, 0 };
	struct exchange_request large = { .line = { .len = LEN } };
	char *line = malloc(LEN);

	(void)state;
	assert_non_null(line);
	memset(line, 'x', LEN);
	large.line.data = line;
	check_failure(&deaf, &large);
	check_failure(&gone, &large);
	free(line);
}

static void
test_exchange_request_in_two_parts_is_one_line(void **state)
{
	static const struct exchange_request parts = {
		.line = { "1,", 2, " 2", 2 }
	};
	struct exchange *exchange;
	struct error error;
	char got[100];
	int fd;

	(void)state;
	listener = peer_listen(socket_path, 5);
	exchange = exchange_start(&target, &parts, clock_ms() + 20000);
	assert_int_not_equal(fd = peer_accept(listener), -1);
	assert_int_equal(peer_send(fd, PEER_GREETING,
	    sizeof(PEER_GREETING) - 1), 0);
	assert_int_equal(exchange_step(exchange, &error), EXCHANGE_BUSY);
	assert_int_equal(recv(fd, got, sizeof(got), 0),
	    sizeof(HANDSHAKE) - 1);
	assert_int_equal(peer_send(fd, TRUE, sizeof(TRUE) - 1), 0);
	assert_int_equal(exchange_step(exchange, &error), EXCHANGE_BUSY);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 5);
	assert_memory_equal(got, "1, 2\n", 5);
	exchange_free(exchange);
	close(fd);
	close(listener);
}

static void
test_exchange_after_deadline_sends_no_request(void **state)
{
	struct exchange *exchange;
	struct error error;
	int64_t deadline;
	char got[100];
	int fd;

	(void)state;
	listener = peer_listen(socket_path, 5);
	deadline = clock_ms() + 1500;
	exchange = exchange_start(&target, &request, deadline);
	assert_int_not_equal(fd = peer_accept(listener), -1);
	assert_int_equal(peer_send(fd, PEER_GREETING,
	    sizeof(PEER_GREETING) - 1), 0);
	assert_int_equal(exchange_step(exchange, &error), EXCHANGE_BUSY);
	assert_int_equal(recv(fd, got, sizeof(got), 0),
	    sizeof(HANDSHAKE) - 1);
	assert_int_equal(peer_send(fd, TRUE, sizeof(TRUE) - 1), 0);
	while (clock_ms() < deadline)
		poll(NULL, 0, 1);
	assert_int_equal(exchange_step(exchange, &error), EXCHANGE_FAILED);
	assert_string_equal(error_word(error.code), "deadline");
	assert_int_equal(error.outcome, OUTCOME_TIMEOUT);
	assert_true(error.transient);
	assert_false(exchange_sent(exchange));
	exchange_free(exchange);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	close(fd);
	close(listener);
}

static void
test_exchange_answer_unexpected_is_protocol_error(void **state)
{
	static const struct failure cases[] = {
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, "---\n- error: 'no\n    way'\n...\n" },
		    { HOLD, NULL } }, 0, OUTCOME_PROTOCOL, "bad_handshake", 0,
		    0 },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, PUSH "--- true\n...\n" }, { HOLD, NULL } }, 0,
		    OUTCOME_PROTOCOL, "bad_handshake", 0, 0 },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { SEND, TRUE }, { EXPECT, "1, 2\n" },
		    { SEND, "---\n- *x\n...\n" }, { HOLD, NULL } }, 0,
		    OUTCOME_PROTOCOL, "bad_reply", 0, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		check_failure(&cases[i], &request);
}

static void
test_exchange_answer_unexpected_and_long_is_cut(void **state)
{
	static char answer[5000];
	struct peer_step steps[] = { { SEND, PEER_GREETING },
	    { EXPECT, HANDSHAKE }, { SEND, answer }, { HOLD, NULL },
	    { END, NULL } };
	struct error error;
	pid_t pid;

	(void)state;
	memset(answer, 'a', sizeof(answer) - 6);
	strlcpy(answer + sizeof(answer) - 6, "\n...\n", 6);
	pid = peer_start(steps);
	assert_null(run_session(&target, &request, clock_ms() +
	    PEER_PATIENCE_MS, &error));
	peer_finish(pid);
	assert_string_equal(error_word(error.code), "bad_handshake");
	assert_in_range(strlen(error.message), 200, 300);
}

static void
test_exchange_connect_failure_is_reported_by_first_step(void **state)
{
	static char gone[] = "gone";
	const struct target nowhere = {
		.kind = TARGET_UNIX, .name = gone, .path = gone
	};
	struct exchange *exchange;
	struct error error;

	(void)state;
	exchange = exchange_start(&nowhere, &request, clock_ms() + 1000);
	assert_non_null(exchange);
	assert_int_equal(exchange_fd(exchange), -1);
	assert_true(exchange_due(exchange) <= clock_ms());
	assert_int_equal(exchange_step(exchange, &error), EXCHANGE_FAILED);
	assert_string_equal(error_word(error.code), "no_socket");
	assert_true(error.transient);
	exchange_free(exchange);
	assert_null(run_session(&nowhere, &request, clock_ms() + 1000,
	    &error));
	assert_string_equal(error_word(error.code), "no_socket");
}

static void
test_exchange_out_of_memory_is_reported_by_first_step(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(exchange_fd(NULL), -1);
	assert_int_equal(exchange_events(NULL), 0);
	assert_true(exchange_due(NULL) <= clock_ms());
	assert_int_equal(exchange_step(NULL, &error), EXCHANGE_FAILED);
	assert_string_equal(error_word(error.code), "out_of_memory");
	assert_false(exchange_sent(NULL));
	exchange_free(NULL);
}

static volatile sig_atomic_t alarms;

static void
count_alarm(int signal_number)
{
	(void)signal_number;
	alarms++;
}

static void
test_exchange_long_reply_with_signals_arrives_whole(void **state)
{
	static const struct peer_step steps[] = { { SEND, PEER_GREETING },
	    { EXPECT, HANDSHAKE }, { SEND, TRUE }, { EXPECT, "1, 2\n" },
	    { SEND, "---\n" }, { FILL, "- 'one hundred bytes, more or less, "
	    "of something that is not very interesting, and ends here.'\n" },
	    { SEND, "- last\n...\n" }, { END, NULL } };
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action;
	struct error error;
	json_t *reply;
	pid_t pid;
	size_t count;

	(void)state;
	pid = peer_start(steps);
	memset(&action, 0, sizeof(action));
	action.sa_handler = count_alarm;	/* without SA_RESTART */
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	reply = run_session(&target, &request, clock_ms() + PEER_PATIENCE_MS,
	    &error);
	setitimer(ITIMER_REAL, &never, NULL);
	if (reply == NULL)
		fail_msg("%s", error.message);
	peer_finish(pid);
	assert_true(alarms > 0);
	count = json_array_size(reply);
	assert_true(count > 190000);
	assert_string_equal(json_string_value(json_array_get(reply,
	    count - 1)), "last");
	json_decref(reply);
}

/* Of the processor, which others may use, too, ms. */
static int64_t
used_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns how long the longest step was, ms. */
static int64_t
flood(int64_t timeout, struct error *error)
{
	static const struct peer_step steps[] = { { SEND, PEER_GREETING },
	    { EXPECT, HANDSHAKE }, { SEND, TRUE }, { EXPECT, "1, 2\n" },
	    { FLOOD, PUSH "--- 1\n...\n" }, { END, NULL } };
	struct exchange_request quiet = request;
	struct exchange *exchange;
	int64_t begin, left, longest = 0, used;
	struct pollfd pfd;
	pid_t pid;

	quiet.on_push = NULL;
	pid = peer_start(steps);
	begin = clock_ms();
	exchange = exchange_start(&target, &quiet, begin + timeout);
	for (;;) {
		used = used_ms();
		if (exchange_step(exchange, error) != EXCHANGE_BUSY)
			break;
		used = used_ms() - used;
		if (used > longest)
			longest = used;
		pfd.fd = exchange_fd(exchange);
		pfd.events = exchange_events(exchange);
		left = exchange_due(exchange) - clock_ms();
		poll(&pfd, 1, left < 0 ? 0 : (int)left);
	}
	assert_in_range(clock_ms() - begin, timeout, timeout +
	    PEER_PATIENCE_MS);
	exchange_free(exchange);
	peer_status(pid);
	return longest;
}

static void
test_exchange_push_flood_keeps_deadline(void **state)
{
	struct error error;
	int64_t longest, timeout = 400;

	(void)state;
	/* On a slow machine it may take longer until the flood begins. */
	while (longest = flood(timeout, &error),
	    strstr(error.message, "no final reply within") == NULL &&
	    timeout < PEER_PATIENCE_MS / 2)
		timeout *= 2;
	assert_string_equal(error_word(error.code), "deadline");
	assert_non_null(strstr(error.message, "no final reply within"));
	assert_true(longest < 300);
}

static void
test_exchange_read_only_request_is_sent_with_handshake(void **state)
{
	static const struct {
		struct peer_step	 steps[STEPS_MAX];
		const char		*code;	/* or NULL */
	} cases[] = {
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { EXPECT, "1, 2\n" }, { SEND, TRUE "---\n- 1\n...\n" } },
		    NULL },
		{ { { SEND, PEER_GREETING }, { EXPECT, HANDSHAKE },
		    { EXPECT, "1, 2\n" }, { SEND, "true;\n...\n" } },
		    "bad_handshake" },
	};
	struct exchange_request read_only = request;
	struct error error;
	json_t *reply;
	pid_t pid;
	size_t i;

	(void)state;
	read_only.read_only = 1;
	for (i = 0; i < nitems(cases); i++) {
		pid = peer_start(cases[i].steps);
		reply = run_session(&target, &read_only, clock_ms() +
		    PEER_PATIENCE_MS, &error);
		peer_finish(pid);
		assert_int_equal(reply == NULL, cases[i].code != NULL);
		if (cases[i].code != NULL)
			assert_string_equal(error_word(error.code),
			    cases[i].code);
		else
			assert_int_equal(json_integer_value(
			    json_array_get(reply, 0)), 1);
		json_decref(reply);
	}
}

static void
dawdle(const json_t *value, void *arg)
{
	(void)value;
	(void)arg;
	poll(NULL, 0, 5);
}

static void
test_exchange_many_documents_leave_time_for_others(void **state)
{
	static const char pushes[] =
	    PUSH "--- 1\n...\n" PUSH "--- 2\n...\n" PUSH "--- 3\n...\n"
	    PUSH "--- 4\n...\n" PUSH "--- 5\n...\n" PUSH "--- 6\n...\n"
	    PUSH "--- 7\n...\n" PUSH "--- 8\n...\n" PUSH "--- 9\n...\n"
	    TRUE;
	static const struct peer_step steps[] = { { SEND, PEER_GREETING },
	    { EXPECT, HANDSHAKE }, { SEND, TRUE }, { EXPECT, "1, 2\n" },
	    { SEND, pushes }, { HOLD, NULL }, { END, NULL } };
	struct exchange_request slow = request;
	struct exchange *exchange;
	struct error error;
	struct pollfd pfd;
	size_t busy = 0;
	int64_t left;
	pid_t pid;

	(void)state;
	slow.on_push = dawdle;
	pid = peer_start(steps);
	exchange = exchange_start(&target, &slow, clock_ms() +
	    PEER_PATIENCE_MS);
	while (exchange_step(exchange, &error) == EXCHANGE_BUSY) {
		/* More is at hand, of which poll knows nothing. */
		left = exchange_due(exchange) - clock_ms();
		busy += left <= 0;
		pfd.fd = exchange_fd(exchange);
		pfd.events = exchange_events(exchange);
		if (left > 0)
			assert_int_equal(poll(&pfd, 1, (int)left), 1);
	}
	/* Nine pushes of 5 ms are more than four slices of 10 ms. */
	assert_in_range(busy, 3, 9);
	json_decref(exchange_take_reply(exchange));
	exchange_free(exchange);
	peer_finish(pid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_exchange_reply_is_first_document_that_is_no_push),
		cmocka_unit_test(test_exchange_disconnect_code_depends_on_stage),
		cmocka_unit_test(test_exchange_timeout_code_depends_on_stage),
		cmocka_unit_test(
		    test_exchange_greeting_missing_ends_after_three_seconds),
		cmocka_unit_test(test_exchange_request_unsent_had_no_effect),
		cmocka_unit_test(
		    test_exchange_request_in_two_parts_is_one_line),
		cmocka_unit_test(test_exchange_after_deadline_sends_no_request),
		cmocka_unit_test(
		    test_exchange_read_only_request_is_sent_with_handshake),
		cmocka_unit_test(
		    test_exchange_answer_unexpected_is_protocol_error),
		cmocka_unit_test(
		    test_exchange_answer_unexpected_and_long_is_cut),
		cmocka_unit_test(
		    test_exchange_connect_failure_is_reported_by_first_step),
		cmocka_unit_test(
		    test_exchange_out_of_memory_is_reported_by_first_step),
		cmocka_unit_test(
		    test_exchange_long_reply_with_signals_arrives_whole),
		cmocka_unit_test(test_exchange_push_flood_keeps_deadline),
		cmocka_unit_test(
		    test_exchange_many_documents_leave_time_for_others),
	};

	return cmocka_run_group_tests_name("exchange", tests,
	    peer_enter_directory, peer_leave_directory);
}
