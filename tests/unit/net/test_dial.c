/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/dial.h"
#include "peer.h"
#include "util/clock.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

struct fixture {
	struct target	target;
	struct dial	dial;
	struct error	error;
	int		listener;
};

static int
set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.target.kind = TARGET_UNIX;
	fixture.dial.fd = fixture.listener = -1;
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	dial_finish(&fixture->dial);
	if (fixture->listener != -1)
		close(fixture->listener);
	return 0;
}

/* Connects to a path, or to the host and port of the target. */
static enum dial_state
dial(struct fixture *fixture, const char *path)
{
	static char copy[1024];
	enum dial_state result;
	struct pollfd pfd;

	if (path != NULL) {
		strlcpy(copy, path, sizeof(copy));
		fixture->target.path = copy;
	}
	dial_finish(&fixture->dial);
	result = dial_begin(&fixture->dial, &fixture->target, clock_ms() +
	    PEER_PATIENCE_MS, &fixture->error);
	while (result == DIAL_WAIT) {
		pfd.fd = fixture->dial.fd;
		pfd.events = POLLOUT;
		poll(&pfd, 1, PEER_PATIENCE_MS);
		result = dial_step(&fixture->dial, &fixture->error);
	}
	return result;
}

static void
assert_fails(struct fixture *fixture, const char *path, enum error_code code,
    int is_transient)
{
	assert_int_equal(dial(fixture, path), DIAL_FAILED);
	assert_string_equal(error_word(fixture->error.code), error_word(code));
	assert_int_equal(fixture->error.outcome, OUTCOME_UNREACHABLE);
	assert_int_equal(fixture->error.transient, is_transient);
}

static void
test_dial_unix_failure_has_code_by_cause(void **state)
{
	struct fixture *fixture = *state;

	assert_fails(fixture, "gone", ERROR_NO_SOCKET, 1);
	close(open("file", O_CREAT | O_WRONLY, 0666));
	assert_fails(fixture, "file", ERROR_NOT_A_SOCKET, 0);
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_fails(fixture, "dir", ERROR_NOT_A_SOCKET, 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_fails(fixture, "fifo", ERROR_NOT_A_SOCKET, 0);
	assert_fails(fixture, "file/sock", ERROR_UNREACHABLE, 0);
	close(peer_listen("stale", 1));
	assert_fails(fixture, "stale", ERROR_REFUSED, 1);
}

static void
test_dial_without_permission_fails(void **state)
{
	struct fixture *fixture = *state;
	char cwd[200];
	int status;
	pid_t pid;

	fixture->listener = peer_listen("sock", 5);
	assert_int_equal(chmod("sock", 0600), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chmod(cwd, 0755), 0);
	/* Root may connect to any socket, so the child becomes another user. */
	if ((pid = fork()) == 0) {
		if (geteuid() != 0)
			chmod("sock", 0);
		else if (setgid(65534) == -1 || setuid(65534) == -1)
			_exit(3);
		if (dial(fixture, "sock") != DIAL_FAILED)
			_exit(1);
		_exit(fixture->error.code == ERROR_NO_PERMISSION &&
		    !fixture->error.transient ? 0 : 2);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_dial_backlog_full_is_busy(void **state)
{
	struct fixture *fixture = *state;
	int waiting[100];
	size_t count;

	fixture->listener = peer_listen("sock", 1);
	for (count = 0; count < nitems(waiting); count++) {
		if (dial(fixture, "sock") != DIAL_CONNECTED)
			break;
		waiting[count] = dial_take(&fixture->dial);
	}
	assert_in_range(count, 1, nitems(waiting) - 1);
	assert_string_equal(error_word(fixture->error.code), "busy");
	assert_true(fixture->error.transient);
	while (count > 0)
		close(waiting[--count]);
}

/* Both the directories and the last part are too long for sun_path. */
static void
test_dial_path_of_any_length_connects(void **state)
{
	struct fixture *fixture = *state;
	char top[200], dir[101], file[101], path[1000];
	size_t i;

	assert_non_null(getcwd(top, sizeof(top)));
	memset(dir, 'd', sizeof(dir) - 1);
	memset(file, 'f', sizeof(file) - 1);
	dir[100] = file[100] = '\0';
	for (i = 0; i < 3; i++)
		assert_true(mkdir(dir, 0700) == 0 && chdir(dir) == 0);
	fixture->listener = peer_listen(file, 5);
	assert_int_equal(chdir(top), 0);
	snprintf(path, sizeof(path), "%s/%s/%s/%s", dir, dir, dir, file);
	assert_int_equal(dial(fixture, path), DIAL_CONNECTED);

	path[strlen(path) - 1] = 'g';
	assert_fails(fixture, path, ERROR_NO_SOCKET, 1);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_fails(fixture, path, ERROR_NOT_A_SOCKET, 0);
}

static void
test_dial_path_at_limit_of_sun_path_connects(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address;
	char path[sizeof(address.sun_path) + 1];
	size_t len;

	for (len = sizeof(path) - 4; len < sizeof(path); len++) {
		memset(path, 'x', len);
		path[len] = '\0';
		fixture->listener = peer_listen("sock", 5);
		assert_int_equal(rename("sock", path), 0);
		if (dial(fixture, path) != DIAL_CONNECTED)
			fail_msg("%zu: %s", len, fixture->error.message);
		close(fixture->listener);
		fixture->listener = -1;
	}
}

/* Listens on a TCP port of the loopback, which becomes the target. */
static void
listen_tcp(struct fixture *fixture, const char *host)
{
	static char name[32], port[16];
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fixture->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(fixture->listener, -1);
	assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address,
	    len), 0);
	assert_int_equal(listen(fixture->listener, 5), 0);
	assert_int_equal(getsockname(fixture->listener,
	    (struct sockaddr *)&address, &len), 0);
	snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
	strlcpy(name, host, sizeof(name));
	fixture->target.kind = TARGET_TCP;
	fixture->target.host = name;
	fixture->target.port = port;
}

static void
test_dial_tcp_port_connects(void **state)
{
	struct fixture *fixture = *state;
	int fd;

	listen_tcp(fixture, "127.0.0.1");
	assert_int_equal(dial(fixture, NULL), DIAL_CONNECTED);
	fd = dial_take(&fixture->dial);
	dial_finish(&fixture->dial);
	/* It belongs to the caller, is non-blocking and not inherited. */
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
}

/* "localhost" may be ::1 too, where nothing listens. */
static void
test_dial_tcp_host_of_several_addresses_tries_each(void **state)
{
	struct fixture *fixture = *state;

	listen_tcp(fixture, "localhost");
	assert_int_equal(dial(fixture, NULL), DIAL_CONNECTED);
}

static void
test_dial_tcp_port_closed_is_refused(void **state)
{
	struct fixture *fixture = *state;

	listen_tcp(fixture, "127.0.0.1");
	close(fixture->listener);
	fixture->listener = -1;
	assert_fails(fixture, NULL, ERROR_REFUSED, 1);
}

static void
test_dial_tcp_invalid_host_is_not_resolved(void **state)
{
	static char host[] = "not a host name", port[] = "3301";
	struct fixture *fixture = *state;

	fixture->target.kind = TARGET_TCP;
	fixture->target.host = host;
	fixture->target.port = port;
	assert_int_equal(dial(fixture, NULL), DIAL_FAILED);
	assert_string_equal(error_word(fixture->error.code),
	    "name_resolution");
}

/* The peer of a socket found by discovery may be an attacker. */
static void
test_dial_found_socket_of_other_user_is_refused(void **state)
{
	struct fixture *fixture = *state;
	int ready[2];
	char byte;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(".", 0777), 0);
	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		if (setgid(65534) == -1 || setuid(65534) == -1)
			_exit(1);
		peer_listen("theirs", 5);
		(void)!write(ready[1], "", 1);
		pause();
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	/* It was named, so the user is responsible. */
	assert_int_equal(dial(fixture, "theirs"), DIAL_CONNECTED);
	fixture->target.is_found = 1;
	assert_fails(fixture, "theirs", ERROR_WRONG_OWNER, 0);
	fixture->target.owner = 65534;
	assert_int_equal(dial(fixture, "theirs"), DIAL_CONNECTED);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dial_unix_failure_has_code_by_cause),
		TEST(test_dial_without_permission_fails),
		TEST(test_dial_backlog_full_is_busy),
		TEST(test_dial_path_of_any_length_connects),
		TEST(test_dial_path_at_limit_of_sun_path_connects),
		TEST(test_dial_tcp_port_connects),
		TEST(test_dial_tcp_host_of_several_addresses_tries_each),
		TEST(test_dial_tcp_port_closed_is_refused),
		TEST(test_dial_tcp_invalid_host_is_not_resolved),
		TEST(test_dial_found_socket_of_other_user_is_refused)
	};

	return cmocka_run_group_tests_name("dial", tests,
	    peer_enter_directory, peer_leave_directory);
}
