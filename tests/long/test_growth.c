/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What replies of every shape cost, from the wire to what is printed: time
 * that grows as the reply does, and no more memory than 96 MiB and four times
 * their size.  Each is read in a process of its own, whose memory is all that
 * the kernel has seen it use.
 */

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/framing.h"
#include "output/output.h"
#include "proto/report.h"
#include "proto/yaml_tree.h"
#include "under_valgrind.h"

#ifndef __SANITIZE_ADDRESS__
#define SMALL	((size_t)128 * 1024)
#else
/* All is several times as slow. */
#define SMALL	((size_t)16 * 1024)
#endif
#define LARGE	(8 * SMALL)

/*
 * The most that eight times as much may take, in time: what grows with the
 * square of the size would take 64 times as long.
 */
#define RATIO_MAX	24

/* Less than this is not measured well, in seconds. */
#define MOMENT	0.001

/*
 * The most memory: the document is in the buffer of the wire and becomes a
 * tree; the rest is what the process has anyway.
 */
#define MEMORY_MAX(len)							\
	((len) + YAML_TREE_HEAP_MAX(len) + (size_t)2 * 1024 * 1024)

struct shape {
	const char	*name;
	const char	*head;
	const char	*unit;		/* again and again; # is a number */
	const char	*tail;
};

#define OURS "---\n- cartridge_reload: 1\n  outcome: ok\n"

static const struct shape shapes[] = {
	{ "integers", "---\n", "- 1\n", "...\n" },
	{ "reals", "---\n", "- 1.5\n", "...\n" },
	{ "short strings", "---\n", "- a\n", "...\n" },
	{ "quoted strings", "---\n", "- 'a'\n", "...\n" },
	{ "empty strings", "---\n", "-\n", "...\n" },
	{ "nulls on a line", "---\n- [", "~,", "~]\n...\n" },
	{ "integers on a line", "---\n- [", "1,", "1]\n...\n" },
	{ "empty lists on a line", "---\n- [", "[],", "1]\n...\n" },
	{ "empty maps on a line", "---\n- [", "{},", "1]\n...\n" },
	{ "empty maps", "---\n", "- {}\n", "...\n" },
	{ "tiny maps", "---\n", "- a: 1\n", "...\n" },
	{ "tiny maps on a line", "---\n- [", "{a},", "1]\n...\n" },
	{ "tiny lists", "---\n", "- - 1\n", "...\n" },
	{ "pairs in a list", "---\n- [", "a: b,", "1]\n...\n" },
	{ "sets", "---\n- {", "#,", "a}\n...\n" },
	{ "one large map", "---\n", "k#: 1\n", "...\n" },
	{ "the same key", "---\n", "k: 1\n", "...\n" },
	{ "keys that are lists", "---\n", "? [#]\n: 1\n", "...\n" },
	{ "keys that are maps", "---\n", "? {#: {}}\n: 1\n", "...\n" },
	{ "anchors", "---\n", "- &a# 1\n", "...\n" },
	{ "the same anchor", "---\n", "- &a 1\n", "...\n" },
	{ "aliases", "---\n- &a x\n", "- *a\n", "...\n" },
	{ "aliases to a list", "---\n- &a [1, 2, 3]\n", "- *a\n", "...\n" },
	{ "aliases as keys", "---\n- &a [1, 2, 3]\n-\n", "  *a : 1\n",
	    "...\n" },
	{ "cycles", "---\n- &a\n", "  - *a\n", "...\n" },
	{ "laughs", "---\n- &a0 [x, x, x, x, x, x, x, x]\n"
	    "- &a1 [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]\n"
	    "- &a2 [*a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1]\n"
	    "- &a3 [*a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2]\n"
	    "- &a4 [*a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3]\n",
	    "- *a4\n", "...\n" },
	{ "laughs as keys", "---\n- &a0 [x, x, x, x, x, x, x, x]\n"
	    "- &a1 [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]\n"
	    "- &a2 [*a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1]\n"
	    "- &a3 [*a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2]\n",
	    "- {? *a3 : 1}\n", "...\n" },
	{ "a list in a list in a list", "---\n- ", "[", "\n...\n" },
	{ "a map in a map in a map", "---\n- ", "{a: ", "\n...\n" },
	{ "a map in a key of a map", "---\n- ", "{? ", "\n...\n" },
	{ "lists begun on a line", "---\n", "- ", "\n...\n" },
	{ "keys begun on a line", "---\n", "? ", "\n...\n" },
	{ "brackets closed", "---\n", "]", "\n...\n" },
	{ "a long line", "---\n- ", "abcdefg", "\n...\n" },
	{ "words on a line", "---\n- ", "abc def ", "\n...\n" },
	{ "words on many lines", "---\n- ", "abc\n  def ", "x\n...\n" },
	{ "blank lines", "---\n- a\n", "\n", "...\n" },
	{ "blanks", "---\n- a", " ", "\n...\n" },
	{ "tabs", "---\n- a", "\t", "\n...\n" },
	{ "a long quoted text", "---\n- '", "it''s\n\n    ", "'\n...\n" },
	{ "escapes", "---\n- \"", "\\0\\e\\n\\\\", "\"\n...\n" },
	{ "Unicode escapes", "---\n- \"", "\\U0001F600", "\"\n...\n" },
	{ "bytes as escapes", "---\n- \"", "\\xFF", "\"\n...\n" },
	{ "bytes as escapes, not quoted", "---\n- a", "\\xFF", "\n...\n" },
	{ "bytes", "---\n- \"", "\xff", "\"\n...\n" },
	{ "strings of one byte", "---\n", "- \"\xff\"\n", "...\n" },
	{ "control characters", "---\n- \"", "\x01\x1b", "\"\n...\n" },
	{ "backslashes", "---\n- a", "\\", "\n...\n" },
	{ "characters of the stand-ins", "---\n- a", "\xf4\x8f\x80\x80",
	    "\n...\n" },
	{ "a literal text", "---\n- |\n", "    line\n", "...\n" },
	{ "a folded text", "---\n- >\n", "    line\n\n", "...\n" },
	{ "literal blank lines", "---\n- |\n", "    \n", "...\n" },
	{ "base64", "---\n- !!binary ", "AP8A", "\n...\n" },
	{ "base64 of text", "---\n- !!binary ", "YWJj", "\n...\n" },
	{ "short base64", "---\n", "- !!binary /w==\n", "...\n" },
	{ "tags", "---\n", "- !t# a\n", "...\n" },
	{ "comments", "---\n- 1 ", "# comment\n", "...\n" },
	{ "directives", "", "%TAG !#! x\n", "---\n- 1\n...\n" },
	{ "documents", "", "---\n- 1\n...\n", "" },
	{ "documents begun", "", "---\n", "...\n" },
	{ "documents without an end", "", "--- a\n", "...\n" },
	{ "keys without an end", "---\n", "a:\n ", "\n...\n" },
	{ "indicators", "---\n- ", "-?:,[]{}#&*!|>'\"%@`", "\n...\n" },
	{ "colons", "---\n", "a: ", "\n...\n" },
	{ "ampersands", "---\n- ", "&a ", "\n...\n" },
	{ "zeros", "---\n- a", "\\x00", "\n...\n" },

	{ "report: empty places", OURS "  stale: [", "[],", "[]]\n...\n" },
	{ "report: empty places as maps", OURS "  stale: [", "{},",
	    "{}]\n...\n" },
	{ "report: empty modules", OURS "  modules: [", "[],", "[]]\n...\n" },
	{ "report: empty roles", OURS "  roles: [", "[],", "[]]\n...\n" },
	{ "report: instances", OURS "  topology:\n    instances: [", "[],",
	    "[]]\n...\n" },
	{ "report: names", OURS "  warnings: [", "a,", "a]\n...\n" },
	{ "report: lists of names", OURS "  kept: [", "{names: [a]},",
	    "[]]\n...\n" },
	{ "report: names that are aliases", OURS "  alias: &a x\n"
	    "  warnings: [", "*a,", "a]\n...\n" },
	{ "report: one that is large", OURS "  alias: &a abcdefghijklmnopqrst"
	    "uvwxyz\n  cluster: [", "&b {message: *a},", "*b]\n...\n" },
	{ "report: unknown fields", OURS, "  k#: 1\n", "...\n" },
	{ "report: places", OURS "  stale:\n", "  - kind: upvalue\n"
	    "    where: global on_sale.callback upvalue handler\n"
	    "    function: \"/srv/shop/app/sales.lua:44\"\n"
	    "    name: on_sale\n    patched: false\n    generation: 2\n"
	    "    reason: no counterpart in the new code\n", "...\n" },
	{ "report: a long message", OURS "  error:\n    code: x\n"
	    "    message: \"", "\\n\\xff\\e[2J", "\"\n...\n" },
	{ "report: results", OURS "  results: \"---\\n", "- 1\\n",
	    "...\\n\"\n...\n" },
	{ "report: results on a line", OURS "  results: \"---\\n- [", "{},",
	    "1]\\n...\\n\"\n...\n" },
	{ "an error of the console", "---\n- error: '", "a b ", "'\n...\n" },
	{ "an error that is a table", "---\n- error: [", "1,",
	    "1]\n...\n" },
};

struct cost {
	size_t	 memory;
	double	 seconds;
	int	 outcome;
};

/* The shape with so many bytes of units; the caller frees it. */
static char *
draw(const struct shape *shape, size_t size, size_t *len)
{
	char *text, *to;
	const char *from;
	size_t count = 0;

	text = malloc(strlen(shape->head) + size + strlen(shape->unit) + 64 +
	    strlen(shape->tail));
	assert_non_null(text);
	to = stpcpy(text, shape->head);
	while ((size_t)(to - text) < size + strlen(shape->head)) {
		count++;
		for (from = shape->unit; *from != '\0'; from++) {
			/* "# " is a comment. */
			if (*from == '#' && from[1] != ' ' &&
			    from[1] != '&')
				to += sprintf(to, "%zu", count);
			else
				*to++ = *from;
		}
	}
	to = stpcpy(to, shape->tail);
	*len = (size_t)(to - text);
	return text;
}

static void
print(const struct report *report, const struct output *output)
{
	struct output_context context;
	struct output_run run = { .outcome = report->outcome };
	json_t *instances = json_array();
	FILE *nowhere = fopen("/dev/null", "w");

	assert_non_null(nowhere);
	memset(&context, 0, sizeof(context));
	context.out = context.err = nowhere;
	context.command = "reload";
	context.view = VIEW_RELOAD;
	context.verbose = 1;
	context.targets = 1;
	json_array_append(instances, report->instance);
	run.instances = instances;
	output->instance(&context, report->instance);
	if (outcome_exit(report->outcome) != 0)
		output_error(&context, report->instance);
	output->end(&context, &run);
	fclose(nowhere);
	json_decref(instances);
}

/* All that is done with a reply. */
static int
take(const char *text, size_t len, const struct output *output)
{
	struct document doc;
	struct framer framer;
	struct report report;
	struct error error;
	json_t *reply;
	size_t at, piece;
	char *room;

	framer_init(&framer);
	for (at = 0; at < len; at += piece) {
		piece = len - at < 65536 ? len - at : 65536;
		if ((room = framer_reserve(&framer, piece)) == NULL)
			_exit(1);
		memcpy(room, text + at, piece);
		framer_commit(&framer, piece);
		if (framer_next(&framer, &doc))
			break;
	}
	if (at >= len)
		_exit(2);
	reply = yaml_tree_parse(doc.data, doc.len, &error);
	if (reply == NULL) {
		report_from_error(&report, "a", &error);
	} else {
		report_from_reply(&report, "a", reply, 0);
		json_decref(reply);
	}
	if (output->wants_tree)
		report_parse_results(&report);
	print(&report, output);
	report_finish(&report);
	framer_finish(&framer);
	return (int)report.outcome;
}

static double
cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t
memory(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_maxrss * 1024;
}

/* Measures that in a process of its own. */
static struct cost
measure(const char *text, size_t len, const struct output *output)
{
	struct cost cost;
	size_t before;
	double began;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		before = memory();
		began = cpu_seconds();
		cost.outcome = take(text, len, output);
		cost.seconds = cpu_seconds() - began;
		cost.memory = memory() - before;
		_exit(write(ends[1], &cost, sizeof(cost)) != sizeof(cost));
	}
	close(ends[1]);
	if (read(ends[0], &cost, sizeof(cost)) != sizeof(cost))
		cost.seconds = -1;
	close(ends[0]);
	waitpid(pid, &status, 0);
	if (status != 0)
		fail_msg("status %d", status);
	return cost;
}

/* How many times as long the large one takes; the least of several tries. */
static double
ratio(const char *small, size_t small_len, const char *large, size_t large_len,
    const struct output *output)
{
	double least = -1, moment, seconds;
	int i;

	for (i = 0; i < 5 && (least < 0 || least > RATIO_MAX); i++) {
		moment = measure(small, small_len, output).seconds;
		seconds = measure(large, large_len, output).seconds;
		seconds /= moment > MOMENT ? moment : MOMENT;
		if (least < 0 || seconds < least)
			least = seconds;
	}
	return least;
}

static void
check(const struct shape *shape, const struct output *output)
{
	char *small, *large;
	size_t small_len, large_len;
	struct cost cost;
	double times;

	small = draw(shape, SMALL, &small_len);
	large = draw(shape, LARGE, &large_len);
	times = ratio(small, small_len, large, large_len, output);
	cost = measure(large, large_len, output);
	printf("%-32s %s: %zu KiB in %.0f ms, %.1f times as long as %zu KiB, "
	    "%.1f MiB: %s\n", shape->name, output->name, large_len / 1024,
	    cost.seconds * 1e3, times, small_len / 1024,
	    (double)cost.memory / 1048576, outcome_word(cost.outcome));
	if (times > RATIO_MAX)
		fail_msg("%s: that is not linear", shape->name);
#ifndef __SANITIZE_ADDRESS__
	if (cost.memory > MEMORY_MAX(large_len))
		fail_msg("%s: that is more memory than %zu MiB", shape->name,
		    MEMORY_MAX(large_len) / 1048576);
#endif
	free(small);
	free(large);
}

static void
test_reply_memory_and_time_match_promise(void **state)
{
	size_t i;

	(void)state;
	if (is_under_valgrind())
		skip();
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		check(&shapes[i], &output_text);
		/* Otherwise there is nothing of it in the report. */
		if (strncmp(shapes[i].name, "report", 6) == 0)
			check(&shapes[i], &output_json);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply_memory_and_time_match_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
