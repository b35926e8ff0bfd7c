/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A console that misbehaves at every byte of what it says:
 *
 *	misbehave [-e EVERY] [-j JOBS] REPLY PROGRAM ARGUMENT ...
 *	misbehave -m LIBRARY [-t] [-j JOBS] REPLY PROGRAM ARGUMENT ...
 *
 * Runs the program against an exchange of greeting, handshake and the bytes of
 * the file REPLY, again and again, with one fault in each: at every offset, or
 * each EVERYth, and of every kind in the table below.  JOBS at a time, each in
 * a directory of its own below the current one.  The program is told to print
 * JSON; its path and those in its arguments are to be absolute.
 *
 * Without a fault the program ends in some way, which is taken as right.  With
 * one, it must end on its own and in time, with
 *
 * - the same exit status and the same bytes, where the fault does no damage;
 * - exit status 2, 4 or 8 where something is missing at the end;
 * - one of all these where a byte is wrong, as that may be within a text;
 *
 * and what it prints is one whole document of JSON that tells the same exit
 * status as it ends with.
 *
 * With -m, the console behaves, and memory runs out: LIBRARY, tools/failmalloc,
 * lets the first allocation fail, then the second, and so on until a run gets
 * by without it; and, of some, all that follow fail, too.  The program must end
 * as without a fault, or with exit status 1 or 8, a message, and nothing or a
 * whole document printed.  With -t it prints text, and only as much as was
 * printed by then.
 *
 * Prints what was not so and "RUNS FAILED LATE_MS", the last of which is how
 * long after its time a run ended, at most.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <jansson.h>

#include "peer.h"

#define ANSWER		"---\n- true\n...\n"
#define SEGMENTS	3

/* How long after its time a program may end on a busy machine, ms. */
#define GRACE_MS	8000

#define ARGUMENTS_MAX	32
#define REPORTS_MAX	2	/* of each worker */

/* A worker gives up after so many failures of allocations that are bad. */
#define ALLOCATIONS_MAX	100

/* In the directory of each worker: the report tells the socket's name. */
#define SOCKET		"a.sock"
#define OUT		"out"
#define ERR		"err"
#define COUNT		"count"

enum effect { SAME, MISSING, WRONG, MEMORY };

struct fault {
	const char	*name;
	const char	*timeout;	/* seconds */
	enum effect	 effect;
};

enum { PAUSE, STALL, CUT, DROP, DUPLICATE, HIGH_BIT, NEWLINE, ZERO, FAULTS,
    ONCE = FAULTS, FROM_THEN_ON };

static const struct fault fault_table[] = {
	[PAUSE] = { "pause", "60", SAME },
	[STALL] = { "stall", "0.2", MISSING },
	[CUT] = { "cut", "5", MISSING },
	[DROP] = { "drop", "0.5", WRONG },
	[DUPLICATE] = { "duplicate", "0.5", WRONG },
	[HIGH_BIT] = { "high bit", "0.5", WRONG },
	[NEWLINE] = { "newline", "0.5", WRONG },
	[ZERO] = { "zero", "0.5", WRONG },
	[ONCE] = { "no memory once", "60", MEMORY },
	[FROM_THEN_ON] = { "no memory from then on", "60", MEMORY }
};

struct segment {
	const char	*data;
	size_t		 len;
};

/* How a run ended. */
struct result {
	int	 status;	/* as of wait(2) */
	int	 is_late;
	int64_t	 ms;
	char	*out;		/* to be freed */
	size_t	 out_len;
	size_t	 err_len;
	size_t	 allocations;	/* if memory was to run out */
};

struct totals {
	size_t	runs;
	size_t	failed;
	int64_t	late;
};

static struct segment segments[SEGMENTS];
static char *arguments[ARGUMENTS_MAX + 8];
static int argument_count;
static struct result clean;
static int listener;
static const char *library;
static int prints_text;

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void __attribute__((noreturn))
die(const char *what)
{
	perror(what);
	exit(2);
}

static char *
read_file(const char *path, size_t *len)
{
	struct stat st;
	char *data;
	FILE *file;

	if ((file = fopen(path, "r")) == NULL ||
	    fstat(fileno(file), &st) == -1 ||
	    (data = malloc((size_t)st.st_size + 1)) == NULL)
		die(path);
	*len = fread(data, 1, (size_t)st.st_size, file);
	data[*len] = '\0';
	fclose(file);
	return data;
}

static void
prepare_memory(int fault, size_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", number);
	setenv("LD_PRELOAD", library, 1);
	setenv("FAILMALLOC_AT", text, 1);
	setenv("FAILMALLOC_COUNT", COUNT, 1);
	if (fault == FROM_THEN_ON)
		setenv("FAILMALLOC_ON", "yes", 1);
	/* What was given back is not what it was. */
	setenv("MALLOC_PERTURB_", "165", 1);
}

static pid_t
start(const char *timeout, int fault, size_t offset)
{
	pid_t pid = fork();
	int out, err, null, i = argument_count;

	if (pid != 0)
		return pid;
	if (fault >= ONCE)
		prepare_memory(fault, offset);
	arguments[i++] = (char *)(uintptr_t)(prints_text ? "--output=text" :
	    "--output=json");
	arguments[i++] = (char *)(uintptr_t)"--timeout";
	arguments[i++] = (char *)(uintptr_t)timeout;
	arguments[i++] = (char *)(uintptr_t)"--socket";
	arguments[i++] = (char *)(uintptr_t)SOCKET;
	arguments[i] = NULL;
	null = open("/dev/null", O_RDONLY);
	out = open(OUT, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	err = open(ERR, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (dup2(null, 0) == -1 || dup2(out, 1) == -1 || dup2(err, 2) == -1)
		_exit(126);
	execv(arguments[0], arguments);
	_exit(127);
}

/* Reads what the client sends up to so many lines.  Returns -1 at its end. */
static int
await_lines(int fd, size_t *lines, size_t want, int64_t until)
{
	char data[65536];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t left;
	ssize_t len, i;

	while (*lines < want) {
		left = until - now_ms();
		if (left <= 0 || poll(&pfd, 1, (int)left) != 1 ||
		    (len = recv(fd, data, sizeof(data), 0)) <= 0)
			return -1;
		for (i = 0; i < len; i++)
			*lines += data[i] == '\n';
	}
	return 0;
}

/*
 * Plays the exchange with one fault.  Returns when the client has closed or
 * its time is over.
 */
static void
play(int fd, int fault, size_t offset, int64_t until)
{
	struct timespec moment = { 0, 2000000 };
	const struct segment *segment;
	size_t at = 0, i, lines = 0, part;
	char byte;

	for (i = 0; i < SEGMENTS; i++, at += segment->len) {
		segment = &segments[i];
		if (await_lines(fd, &lines, i, until) == -1)
			return;
		if (fault == -1 || fault >= FAULTS || offset < at ||
		    offset >= at + segment->len) {
			if (peer_send(fd, segment->data, segment->len) == -1)
				return;
			continue;
		}
		part = offset - at;
		if (peer_send(fd, segment->data, part) == -1)
			return;
		byte = segment->data[part];
		switch (fault) {
		case PAUSE:
			nanosleep(&moment, NULL);
			break;
		case STALL:
			goto wait;
		case CUT:
			return;
		case DUPLICATE:
			peer_send(fd, &byte, 1);
			break;
		case HIGH_BIT:
			byte ^= (char)0x80;
			break;
		case NEWLINE:
			byte = byte == '\n' ? ' ' : '\n';
			break;
		case ZERO:
			byte = '\0';
			break;
		}
		if ((fault != DROP && peer_send(fd, &byte, 1) == -1) ||
		    peer_send(fd, segment->data + part + 1,
		    segment->len - part - 1) == -1)
			return;
	}
	if (fault > CUT && fault < FAULTS)
		shutdown(fd, SHUT_WR);
wait:
	await_lines(fd, &lines, SIZE_MAX, until);
}

/* Accepts the program, or returns -1 if it ends without having connected. */
static int
await_client(pid_t pid)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	siginfo_t info;

	for (;;) {
		if (poll(&pfd, 1, 1) == 1)
			return accept(listener, NULL, NULL);
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG |
		    WNOWAIT) == 0 && info.si_pid == pid)
			return -1;
	}
}

/* Waits for the end of the program, and ends it if that is late. */
static void
reap(pid_t pid, struct result *result, int64_t until)
{
	struct timespec moment = { 0, 500000 };

	while (waitpid(pid, &result->status, WNOHANG) == 0) {
		if (now_ms() > until && !result->is_late) {
			result->is_late = 1;
			kill(pid, SIGKILL);
		}
		nanosleep(&moment, NULL);
	}
}

static struct result
run(int fault, size_t offset)
{
	const char *timeout = fault == -1 ? "60" : fault_table[fault].timeout;
	struct result result;
	int64_t began = now_ms(), until;
	size_t len;
	char *text;
	pid_t pid;
	int fd;

	memset(&result, 0, sizeof(result));
	until = began + (int64_t)(strtod(timeout, NULL) * 1000) + GRACE_MS;
	if (fault >= ONCE && unlink(COUNT) == -1 && errno != ENOENT)
		die(COUNT);
	if ((pid = start(timeout, fault, offset)) == -1)
		die("fork");
	if ((fd = await_client(pid)) != -1) {
		play(fd, fault, offset, until);
		close(fd);
	}
	reap(pid, &result, until);
	result.ms = now_ms() - began;
	result.out = read_file(OUT, &result.out_len);
	text = read_file(ERR, &result.err_len);
	free(text);
	if (fault >= ONCE && access(COUNT, R_OK) == 0) {
		text = read_file(COUNT, &len);
		result.allocations = (size_t)atol(text);
		free(text);
	}
	return result;
}

/* Whether the output is one document that tells this exit status. */
static int
is_whole(const struct result *result, int code)
{
	json_error_t error;
	json_t *document;
	size_t count;
	int is_right;

	document = json_loadb(result->out, result->out_len, JSON_ALLOW_NUL,
	    &error);
	count = json_array_size(json_object_get(document, "instances"));
	/* Without memory there may be none. */
	is_right = json_integer_value(json_object_get(document, "exit")) ==
	    code && (count == 1 || (count == 0 && library != NULL)) &&
	    result->out[result->out_len - 1] == '\n';
	json_decref(document);
	return is_right;
}

static int
is_clean(const struct result *result)
{
	return result->out_len == clean.out_len &&
	    memcmp(result->out, clean.out, clean.out_len) == 0;
}

static const char *
memory_problem(const struct result *result, int code, int same)
{
	if (result->allocations == 0)
		return "does not end through main()";
	if (same && is_clean(result))
		return NULL;
	if (code != 1 && code != 8)
		return "ends with a wrong status";
	if (result->err_len == 0)
		return "says nothing";
	if (prints_text || result->out_len == 0 || is_whole(result, code))
		return NULL;
	return "prints something else than a document";
}

/* What is wrong with how a run ended, or NULL. */
static const char *
problem(const struct result *result, int fault)
{
	enum effect effect = fault_table[fault].effect;
	int code, same;

	if (result->is_late)
		return "does not end";
	if (!WIFEXITED(result->status))
		return "crashes";
	code = WEXITSTATUS(result->status);
	same = code == WEXITSTATUS(clean.status);
	if (effect == MEMORY)
		return memory_problem(result, code, same);
	if (!is_whole(result, code))
		return "prints no document, or another exit status";
	if (effect == SAME)
		return same && is_clean(result) ? NULL :
		    "ends in another way than without a fault";
	if (code == 2 || code == 4 || code == 8)
		return NULL;
	return effect == WRONG && same ? NULL : "ends with a wrong status";
}

static void
show(const struct result *result, int fault, size_t offset, const char *what)
{
	size_t len;
	char *err = read_file(ERR, &len);

	printf("%s at %zu: %s: status %x, %lld ms\n%.400s\n%.200s\n",
	    fault_table[fault].name, offset, what, (unsigned)result->status,
	    (long long)result->ms, err, result->out);
	fflush(stdout);
	free(err);
}

/* Enters a directory of its own, and listens there. */
static void
settle(int number)
{
	char name[32];

	snprintf(name, sizeof(name), "misbehave.%d", number);
	if ((mkdir(name, 0777) == -1 && errno != EEXIST) || chdir(name) == -1)
		die(name);
	listener = peer_listen(SOCKET, 4);
}

/* One case.  Returns how many allocations there were in it. */
static size_t
try(int fault, size_t at, struct totals *totals)
{
	struct result result = run(fault, at);
	const char *what = problem(&result, fault);
	int64_t late;

	totals->runs++;
	late = result.ms - (int64_t)(strtod(fault_table[fault].timeout,
	    NULL) * 1000);
	if (late > totals->late)
		totals->late = late;
	if (what != NULL && ++totals->failed <= REPORTS_MAX)
		show(&result, fault, at, what);
	free(result.out);
	return result.allocations;
}

/* One worker's share of the faults at all offsets. */
static void
try_offsets(size_t number, size_t jobs, size_t every, struct totals *totals)
{
	size_t size = 0, i, cases = 0;
	int fault;

	for (i = 0; i < SEGMENTS; i++)
		size += segments[i].len;
	for (i = 0; i < size; i++) {
		for (fault = 0; fault < FAULTS; fault++) {
			/* Not the same offsets for all kinds. */
			if ((i + (size_t)fault) % every == 0 &&
			    cases++ % jobs == number)
				try(fault, i, totals);
		}
	}
}

/*
 * The same of all allocations, though not of all from which on all fail.  A
 * crash does not tell how many there are.
 */
static void
try_allocations(size_t number, size_t jobs, struct totals *totals)
{
	size_t i, count, step;
	int fault;

	for (fault = ONCE; fault <= FROM_THEN_ON; fault++) {
		step = fault == ONCE ? jobs : 5 * jobs;
		i = number + 1;
		do {
			count = try(fault, i, totals);
			i += step;
		} while ((count == 0 || count >= i - step) &&
		    totals->failed < ALLOCATIONS_MAX);
	}
}

/* One worker's share; its totals go to the pipe. */
static void
work(size_t number, size_t jobs, size_t every, int to)
{
	struct totals totals = { 0, 0, 0 };

	settle((int)number);
	if (library != NULL)
		try_allocations(number, jobs, &totals);
	else
		try_offsets(number, jobs, every, &totals);
	if (write(to, &totals, sizeof(totals)) != sizeof(totals))
		_exit(2);
	_exit(0);
}

static int
work_all(int jobs, size_t every)
{
	struct totals all = { 0, 0, 0 }, one;
	int ends[2], i, status, broken = 0;

	if (pipe(ends) == -1)
		die("pipe");
	fflush(stdout);
	for (i = 0; i < jobs; i++)
		if (fork() == 0)
			work((size_t)i, (size_t)jobs, every, ends[1]);
	close(ends[1]);
	while (read(ends[0], &one, sizeof(one)) == sizeof(one)) {
		all.runs += one.runs;
		all.failed += one.failed;
		if (one.late > all.late)
			all.late = one.late;
	}
	while (wait(&status) > 0)
		broken |= status != 0;
	printf("%zu %zu %lld\n", all.runs, all.failed, (long long)all.late);
	return broken || all.failed > 0 || all.runs == 0;
}

int
main(int argc, char *argv[])
{
	size_t every = 1;
	int jobs = 8, letter, i;

	while ((letter = getopt(argc, argv, "+e:j:m:t")) != -1) {
		if (letter == 'e')
			every = (size_t)strtonum(optarg, 1, 100000, NULL);
		else if (letter == 'j')
			jobs = (int)strtonum(optarg, 1, 1000, NULL);
		else if (letter == 'm')
			library = optarg;
		else if (letter == 't')
			prints_text = 1;
	}
	if (argc - optind < 2 || argc - optind - 1 > ARGUMENTS_MAX ||
	    every == 0 || jobs == 0) {
		fputs("usage: misbehave [-e EVERY] [-j JOBS] [-m LIBRARY [-t]] "
		    "REPLY PROGRAM ARGUMENT ...\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	segments[0].data = PEER_GREETING;
	segments[0].len = sizeof(PEER_GREETING) - 1;
	segments[1].data = ANSWER;
	segments[1].len = sizeof(ANSWER) - 1;
	segments[2].data = read_file(argv[optind], &segments[2].len);
	for (i = optind + 1; i < argc; i++)
		arguments[argument_count++] = argv[i];

	settle(jobs);
	clean = run(-1, 0);
	close(listener);
	if (chdir("..") == -1)
		die("..");
	if (clean.is_late || !WIFEXITED(clean.status) ||
	    (!prints_text && !is_whole(&clean, WEXITSTATUS(clean.status)))) {
		printf("without a fault: status %x\n%.400s\n",
		    (unsigned)clean.status, clean.out);
		return 1;
	}
	return work_all(jobs, every);
}
