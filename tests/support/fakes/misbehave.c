/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Tests a program against a console with a fault at every byte that it sends:
 *
 *	misbehave [-b] [-e EVERY] [-j JOBS] [-m LIBRARY [-t]] [-r TEXT=REPLY ...]
 *	    [-c COUNT | -i INPUT] REPLY PROGRAM ARGUMENT ...
 *
 * Runs the program repeatedly against a server that sends a greeting, the
 * answer to the handshake and the contents of the file REPLY, with one fault
 * per run: at every offset, or every EVERYth, and of every kind in the table
 * below.  Runs JOBS of these at a time, each in a directory of its own below
 * the current one; paths in the arguments are relative to that directory, and
 * that of the program must be absolute.  The program is told to print JSON.  A
 * line that contains TEXT gets the REPLY of the first -r that matches.
 *
 * However the program ends without a fault counts as right.  With a fault, it
 * must end by itself and in time, with
 *
 * - the same exit status and output, if the fault does no damage;
 * - exit status 2, 4 or 8, if the end of the data is missing;
 * - any of these, if a byte is wrong, as that may be within a text;
 *
 * and it must print exactly one JSON document, with the exit status with which
 * it ends.
 *
 * With -b, the server is a binary port, and the replies are in frames.
 *
 * With -c, the command is for a cluster of COUNT instances.  Missing data may
 * then also lead to a refusal (5), to an instance that counts as unhealthy
 * after its reload (6), or have no effect because of a retry.  The document
 * must contain each instance once, and the instances that it reports as
 * reloaded or as not touched must agree with the requests that were received.
 *
 * With -i, the command is `console`, which gets the bytes of INPUT through a
 * pipe; connections other than the first are for its commands.  Each document
 * that it prints is also printed without a fault, or reports a failure.  A
 * failure that does not end the console has exit status 3.  As lines have no
 * time limit, the console is sent SIGTERM when it waits forever.
 *
 * With -m, the server has no fault, but memory runs out: LIBRARY,
 * tools/failmalloc, makes the first allocation fail, then the second (or every
 * EVERYth), and so on until a run has no such allocation; in a part of the runs
 * all later allocations fail as well.  The program must end as without a fault,
 * or with exit status 1 or 8, or 3 with -i, and a message, and must print only
 * whole documents, or nothing.  With -t it prints text, which may be
 * incomplete.
 *
 * Prints each violation, and at the end "RUNS FAILED LATE_MS": LATE_MS is by
 * how much the slowest run exceeded its time limit.
 */

#define _GNU_SOURCE	/* memmem, pipe2 */

#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>

#include <jansson.h>

#include "exchange.h"

/* By how much a program may exceed its time limit on a busy machine, ms. */
#define GRACE_MS	20000

#define ARGUMENTS_MAX	32
#define REPORTS_MAX	2	/* per worker */

/* A worker gives up after this many violations with failing allocations. */
#define ALLOCATIONS_MAX	100

/*
 * In the directory of each worker.  The name of the socket is part of the
 * report.
 */
#define SOCKET		"a.sock"
#define OUT		"out"
#define ERR		"err"
#define COUNT		"count"

/* As proto/request.c escapes it. */
#define RELOAD		"\\034command\\034:\\034reload\\034"

enum effect { SAME, MISSING, WRONG, MEMORY };

struct trial {
	const char	*name;
	const char	*timeout;	/* seconds */
	enum effect	 effect;
};

/* These follow the values of enum fault_kind. */
enum { ONCE = FAULT_NONE, FROM_THEN_ON };

static const struct trial trial_table[] = {
	[FAULT_PAUSE] = { "pause", "60", SAME },
	[FAULT_STALL] = { "stall", "0.2", MISSING },
	[FAULT_CUT] = { "cut", "5", MISSING },
	[FAULT_DROP] = { "drop", "0.5", WRONG },
	[FAULT_DUPLICATE] = { "duplicate", "0.5", WRONG },
	[FAULT_HIGH_BIT] = { "high bit", "0.5", WRONG },
	[FAULT_NEWLINE] = { "newline", "0.5", WRONG },
	[FAULT_ZERO] = { "zero", "0.5", WRONG },
	[ONCE] = { "no memory once", "60", MEMORY },
	[FROM_THEN_ON] = { "no memory from then on", "60", MEMORY }
};

/* How a run ended. */
struct result {
	int	 status;	/* from wait(2) */
	int	 is_late;
	int64_t	 ms;
	char	*out;		/* to be freed */
	size_t	 out_len;
	size_t	 err_len;
	size_t	 allocations;	/* with a failing one */
	size_t	 connections;
	size_t	 requests;	/* that were complete */
	size_t	 reloads;	/* of these */
};

struct totals {
	size_t	runs;
	size_t	failed;
	int64_t	late;
};

static struct exchange exchange;
static char *arguments[ARGUMENTS_MAX + 8];
static int argument_count;
static struct result clean;
static size_t lengths[EXCHANGE_CLIENTS_MAX];	/* of its connections */
static const char *library;
static int prints_text;
static size_t cluster;		/* number of instances; 0: no cluster */
static char *input;		/* for a console, or NULL */
static size_t input_len;

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
prepare_memory(int trial, size_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", number);
	setenv("LD_PRELOAD", library, 1);
	setenv("FAILMALLOC_AT", text, 1);
	setenv("FAILMALLOC_COUNT", COUNT, 1);
	if (trial == FROM_THEN_ON)
		setenv("FAILMALLOC_ON", "yes", 1);
	/* Overwrite freed memory, so that a use after free is noticed. */
	setenv("MALLOC_PERTURB_", "165", 1);
}

/* The input is small enough for a pipe that is not being read yet. */
static int
open_input(void)
{
	int ends[2];

	if (input == NULL)
		return open("/dev/null", O_RDONLY);
	if (pipe2(ends, O_CLOEXEC) == -1 ||
	    write(ends[1], input, input_len) != (ssize_t)input_len)
		return -1;
	close(ends[1]);
	return ends[0];
}

static pid_t
start(const char *timeout, int trial, size_t number)
{
	pid_t pid = fork();
	int out, err, in, i = argument_count;

	if (pid != 0)
		return pid;
	if (trial >= ONCE)
		prepare_memory(trial, number);
	arguments[i++] = (char *)(uintptr_t)(prints_text ? "--output=text" :
	    "--output=json");
	arguments[i++] = (char *)(uintptr_t)"--timeout";
	arguments[i++] = (char *)(uintptr_t)timeout;
	arguments[i++] = (char *)(uintptr_t)"--socket";
	arguments[i++] = (char *)(uintptr_t)SOCKET;
	arguments[i] = NULL;
	in = open_input();
	out = open(OUT, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	err = open(ERR, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (dup2(in, 0) == -1 || dup2(out, 1) == -1 || dup2(err, 2) == -1)
		_exit(126);
	execv(arguments[0], arguments);
	_exit(127);
}

static struct result
run(int trial, size_t connection, size_t at)
{
	struct fault fault = { FAULT_NONE, connection, at };
	const char *timeout = trial == -1 ? "60" : trial_table[trial].timeout;
	struct result result;
	int64_t began = now_ms(), time;
	size_t len;
	char *text;
	pid_t pid;
	int ended;

	memset(&result, 0, sizeof(result));
	time = (int64_t)(strtod(timeout, NULL) * 1000) + GRACE_MS;
	if (trial >= ONCE && unlink(COUNT) == -1 && errno != ENOENT)
		die(COUNT);
	if (trial != -1 && trial < ONCE)
		fault.kind = (enum fault_kind)trial;
	if ((pid = start(timeout, trial, at)) == -1 ||
	    (ended = pidfd_open(pid, 0)) == -1)
		die("fork");
	if (!exchange_play(&exchange, &fault, pid, ended, time)) {
		result.is_late = 1;
		kill(pid, SIGKILL);
	}
	waitpid(pid, &result.status, 0);
	close(ended);
	result.ms = now_ms() - began;
	result.connections = exchange.connections;
	result.requests = exchange.requests;
	result.reloads = exchange.watched_count;
	result.out = read_file(OUT, &result.out_len);
	text = read_file(ERR, &result.err_len);
	free(text);
	if (trial >= ONCE && access(COUNT, R_OK) == 0) {
		text = read_file(COUNT, &len);
		result.allocations = (size_t)atol(text);
		free(text);
	}
	return result;
}

static size_t
count_outcomes(const json_t *instances, const char *outcome)
{
	const char *word;
	size_t i, count = 0;

	for (i = 0; i < json_array_size(instances); i++) {
		word = json_string_value(json_object_get(json_array_get(
		    instances, i), "outcome"));
		count += word != NULL && strcmp(word, outcome) == 0;
	}
	return count;
}

/*
 * Whether a document is true for a cluster.  It must contain all instances; or
 * only the one that was asked for them, if that did not answer; or that one
 * twice, if it did not report which of them it is.  The instances that it
 * reports as reloaded must agree with the requests.
 */
static int
is_true(const json_t *document, const struct result *result)
{
	const json_t *instances = json_object_get(document, "instances");
	size_t done = json_array_size(instances), all, degraded;

	all = done + json_array_size(json_object_get(document,
	    "not_touched")) + json_array_size(json_object_get(document,
	    "skipped"));
	/* If memory ran out, the instances may be unknown. */
	if (all != cluster && (result->reloads > 0 ||
	    (all > 1 && all != cluster + 1 && library == NULL)))
		return 0;
	degraded = count_outcomes(instances, "degraded");
	return count_outcomes(instances, "reloaded") + degraded <=
	    result->reloads && result->reloads <= done;
}

/* Whether the output is exactly one document, with this exit status. */
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
	/* If memory ran out, nothing may have been started. */
	is_right = json_integer_value(json_object_get(document, "exit")) ==
	    code && (count == 1 || cluster > 0 ||
	    (library != NULL && result->requests == 0)) &&
	    result->out[result->out_len - 1] == '\n';
	if (cluster > 0)
		is_right = is_right && is_true(document, result);
	json_decref(document);
	return is_right;
}

/* Returns the next of several consecutive documents, or NULL. */
static json_t *
next_document(const char **at, const char *end)
{
	json_error_t error;
	json_t *document;

	document = json_loadb(*at, (size_t)(end - *at), JSON_ALLOW_NUL |
	    JSON_DISABLE_EOF_CHECK, &error);
	if (document == NULL)
		return NULL;
	*at += error.position;
	if (*at < end && **at == '\n') {
		++*at;
		return document;
	}
	json_decref(document);
	return NULL;
}

static int
tells_failure(const json_t *document)
{
	return json_object_get(document, "error") != NULL ||
	    json_integer_value(json_object_get(document, "exit")) != 0;
}

/*
 * Whether the output consists of whole documents.  Unless `anything_goes`, each
 * of them must also be printed without a fault, in this order, or report a
 * failure.
 */
static int
are_whole(const struct result *result, int anything_goes)
{
	const char *at = result->out, *end = at + result->out_len;
	const char *clean_at = clean.out;
	json_t *document, *expected;
	int is_known;

	while (at < end) {
		if ((document = next_document(&at, end)) == NULL)
			return 0;
		is_known = anything_goes || tells_failure(document);
		while (!is_known && (expected = next_document(&clean_at,
		    clean.out + clean.out_len)) != NULL) {
			is_known = json_equal(document, expected);
			json_decref(expected);
		}
		json_decref(document);
		if (!is_known)
			return 0;
	}
	return 1;
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
	if (code != 1 && code != 8 && (code != 3 || input == NULL))
		return "ends with a wrong status";
	if (result->err_len == 0)
		return "says nothing";
	if (prints_text || result->out_len == 0 ||
	    (input != NULL ? are_whole(result, 0) : is_whole(result, code)))
		return NULL;
	return "prints something else than a document";
}

/*
 * Whether a run may end like this because it is a console or is for a cluster.
 */
static int
is_more(const struct result *result, const struct fault *fault, int code)
{
	if (input != NULL)
		return code == 3 && (fault->connection > 0 ||
		    trial_table[fault->kind].effect == WRONG);
	if (cluster == 0)
		return 0;
	/* A retry may have been successful. */
	return code == 5 || code == 6 || (is_clean(result) &&
	    result->connections > clean.connections);
}

/* Returns what is wrong with the result of a run, or NULL. */
static const char *
problem(const struct result *result, int trial, const struct fault *fault)
{
	enum effect effect = trial_table[trial].effect;
	int code, same;

	if (result->is_late)
		return "does not end";
	/* The exchange sends SIGTERM to a console that waits forever. */
	if (input != NULL && WIFSIGNALED(result->status) &&
	    WTERMSIG(result->status) == SIGTERM)
		code = 4;
	else if (!WIFEXITED(result->status))
		return "crashes";
	else
		code = WEXITSTATUS(result->status);
	same = code == WEXITSTATUS(clean.status);
	if (effect == MEMORY)
		return memory_problem(result, code, same);
	if (input != NULL ? !are_whole(result, effect == WRONG) :
	    !is_whole(result, code))
		return "prints no document, or another exit status";
	if (effect == SAME)
		return same && is_clean(result) ? NULL :
		    "ends in another way than without a fault";
	if (code == 2 || code == 4 || code == 8 ||
	    is_more(result, fault, code))
		return NULL;
	return effect == WRONG && same ? NULL : "ends with a wrong status";
}

static void
show(const struct result *result, int trial, const struct fault *fault,
    const char *what)
{
	size_t len;
	char *err = read_file(ERR, &len);

	printf("%s at %zu of connection %zu: %s: status %x, %lld ms\n"
	    "%.400s\n%.200s\n", trial_table[trial].name, fault->offset,
	    fault->connection, what, (unsigned)result->status,
	    (long long)result->ms, err, result->out);
	fflush(stdout);
	free(err);
}

/* Changes to a directory of its own, and listens there. */
static void
settle(int number)
{
	char name[32];

	snprintf(name, sizeof(name), "misbehave.%d", number);
	if ((mkdir(name, 0777) == -1 && errno != EEXIST) || chdir(name) == -1)
		die(name);
	exchange.listener = peer_listen(SOCKET, EXCHANGE_CLIENTS_MAX);
}

/* Tests one case.  Returns the number of allocations in it. */
static size_t
try(int trial, size_t connection, size_t at, struct totals *totals)
{
	const struct fault fault = { (enum fault_kind)trial, connection, at };
	struct result result = run(trial, connection, at);
	const char *what = problem(&result, trial, &fault);
	int64_t late;

	totals->runs++;
	late = result.ms - (int64_t)(strtod(trial_table[trial].timeout,
	    NULL) * 1000);
	if (late > totals->late)
		totals->late = late;
	if (what != NULL && ++totals->failed <= REPORTS_MAX)
		show(&result, trial, &fault, what);
	free(result.out);
	return result.allocations;
}

/* Tests one worker's share of the faults at all offsets. */
static void
try_offsets(size_t number, size_t jobs, size_t every, struct totals *totals)
{
	size_t connection, at, i = 0, cases = 0;
	int kind;

	for (connection = 0; connection < clean.connections; connection++) {
		for (at = 0; at < lengths[connection]; at++, i++) {
			for (kind = 0; kind < FAULT_NONE; kind++) {
				/* With a step, each kind has other offsets. */
				if ((i + (size_t)kind) % every == 0 &&
				    cases++ % jobs == number)
					try(kind, connection, at, totals);
			}
		}
	}
}

/*
 * Tests one worker's share of the failing allocations, with larger steps if all
 * later ones fail as well.  The count is 0 if the program has crashed.
 */
static void
try_allocations(size_t number, size_t jobs, size_t every,
    struct totals *totals)
{
	size_t i, count, step;
	int trial;

	for (trial = ONCE; trial <= FROM_THEN_ON; trial++) {
		step = (trial == ONCE ? every : 5 * every) * jobs;
		i = number * every + 1;
		do {
			count = try(trial, 0, i, totals);
			i += step;
		} while ((count == 0 || count >= i - step) &&
		    totals->failed < ALLOCATIONS_MAX);
	}
}

/* Runs a worker, which writes its totals to a pipe. */
static void
work(size_t number, size_t jobs, size_t every, int to)
{
	struct totals totals = { 0, 0, 0 };

	settle((int)number);
	if (library != NULL)
		try_allocations(number, jobs, every, &totals);
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

/*
 * Adds the reply to lines that contain a text, or to all lines if that is NULL.
 */
static void
add_reply(const char *to, const char *path)
{
	struct exchange_reply *reply;

	if (exchange.reply_count == EXCHANGE_REPLIES_MAX)
		abort();
	reply = &exchange.replies[exchange.reply_count++];
	reply->to = to;
	reply->data = read_file(path, &reply->len);
}

/* Parses the options.  Returns 0, or -1 if they are wrong. */
static int
parse(int argc, char *argv[], int *jobs, size_t *every)
{
	int letter, i;
	char *path;

	while ((letter = getopt(argc, argv, "+bc:e:i:j:m:r:t")) != -1) {
		if (letter == 'b')
			exchange.is_binary = 1;
		else if (letter == 'c')
			cluster = (size_t)strtonum(optarg, 1, 100, NULL);
		else if (letter == 'e')
			*every = (size_t)strtonum(optarg, 1, 100000, NULL);
		else if (letter == 'i')
			input = read_file(optarg, &input_len);
		else if (letter == 'j')
			*jobs = (int)strtonum(optarg, 1, 1000, NULL);
		else if (letter == 'm')
			library = optarg;
		else if (letter == 't')
			prints_text = 1;
		else if (letter != 'r' ||
		    (path = strrchr(optarg, '=')) == NULL)
			return -1;
		else {
			*path = '\0';
			add_reply(optarg, path + 1);
		}
	}
	if (argc - optind < 2 || argc - optind - 1 > ARGUMENTS_MAX ||
	    *every == 0 || *jobs == 0)
		return -1;
	add_reply(NULL, argv[optind]);
	for (i = optind + 1; i < argc; i++)
		arguments[argument_count++] = argv[i];
	return 0;
}

int
main(int argc, char *argv[])
{
	size_t every = 1;
	int jobs = 8;

	if (parse(argc, argv, &jobs, &every) == -1) {
		fputs("usage: misbehave [-b] [-e EVERY] [-j JOBS] [-m LIBRARY [-t]] "
		    "[-r TEXT=REPLY ...] [-c COUNT | -i INPUT]\n"
		    "    REPLY PROGRAM ARGUMENT ...\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	exchange.watched = RELOAD;
	exchange.is_patient = input != NULL;

	settle(jobs);
	clean = run(-1, 0, 0);
	memcpy(lengths, exchange.lengths, sizeof(lengths));
	close(exchange.listener);
	if (chdir("..") == -1)
		die("..");
	if (clean.is_late || !WIFEXITED(clean.status) ||
	    (!prints_text && input == NULL &&
	    !is_whole(&clean, WEXITSTATUS(clean.status)))) {
		printf("without a fault: status %x\n%.400s\n",
		    (unsigned)clean.status, clean.out);
		return 1;
	}
	return work_all(jobs, every);
}
