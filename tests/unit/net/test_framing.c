/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "net/framing.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))
#define PUSH	"%TAG !push! tag:tarantool.io/push,2018\n"

/*
 * What is sent, and what is received of it: documents separated by '|', push
 * messages with a '>' before them.
 */
static const struct {
	const char	*in;
	const char	*out;
	size_t		 pending;
} framing[] = {
	{ "", "", 0 },
	{ "---\n- 1\n...\n", "---\n- 1\n...\n|", 0 },
	{ "---\n...\n", "---\n...\n|", 0 },
	{ "...\n", "...\n|", 0 },
	{ "...\n...\n", "...\n|...\n|", 0 },
	{ "---\n- 1\n...", "", 11 },
	{ "---\n- 1\n..", "", 10 },
	{ "---\n- 1\n...\n-", "---\n- 1\n...\n|", 1 },
	{ "---\n- 1\n...\n---\n- 2\n...\n",
	    "---\n- 1\n...\n|---\n- 2\n...\n|", 0 },
	/* A line that has more than the marker is not the end. */
	{ "---\n- 'a\n\n  ...\n\n  b'\n...\n",
	    "---\n- 'a\n\n  ...\n\n  b'\n...\n|", 0 },
	{ "---\n- ...\n", "", 10 },
	{ "---\n....\n", "", 9 },
	{ "---\n... \n", "", 9 },
	{ "---\n...\r\n", "", 9 },
	{ " ...\n", "", 5 },
	{ "..\n.\n...\n", "..\n.\n...\n|", 0 },
	{ PUSH "--- hi\n...\n---\n- true\n...\n",
	    ">" PUSH "--- hi\n...\n|---\n- true\n...\n|", 0 },
	{ PUSH "---\na:\n- 1\n...\n" PUSH "--- null\n...\n",
	    ">" PUSH "---\na:\n- 1\n...\n|>" PUSH "--- null\n...\n|", 0 },
	{ "---\n- '" PUSH "  '\n...\n", "---\n- '" PUSH "  '\n...\n|", 0 },
	{ "%TAG !pus! x\n--- a\n...\n", "%TAG !pus! x\n--- a\n...\n|", 0 },
};

static void
take_all(struct framer *framer, char *out, size_t size)
{
	struct document doc;

	while (framer_next(framer, &doc)) {
		if (doc.is_push)
			strlcat(out, ">", size);
		assert_true(strlen(out) + doc.len + 1 < size);
		strncat(out, doc.data, doc.len);
		strlcat(out, "|", size);
	}
}

/* Feeds in pieces of `piece` bytes, taking documents after each. */
static void
feed(struct framer *framer, const char *in, size_t len, size_t piece, char *out,
    size_t size)
{
	size_t i, n;
	char *room;

	for (i = 0; i < len; i += n) {
		n = len - i < piece ? len - i : piece;
		room = framer_reserve(framer, n);
		assert_non_null(room);
		memcpy(room, in + i, n);
		framer_commit(framer, n);
		take_all(framer, out, size);
	}
}

static void
test_framing_split_anywhere_finds_documents(void **state)
{
	char out[1000];
	struct framer framer;
	size_t i, len, piece;

	(void)state;
	for (i = 0; i < nitems(framing); i++) {
		len = strlen(framing[i].in);
		for (piece = 1; piece <= len + 1; piece++) {
			framer_init(&framer);
			out[0] = '\0';
			feed(&framer, framing[i].in, len, piece, out,
			    sizeof(out));
			if (strcmp(out, framing[i].out) != 0 ||
			    framer_pending(&framer) != framing[i].pending)
				fail_msg("case %zu, pieces of %zu: '%s', "
				    "pending %zu", i, piece, out,
				    framer_pending(&framer));
			framer_finish(&framer);
		}
	}
}

static void
test_framing_nul_byte_is_content(void **state)
{
	static const char in[] = "---\n- \0\n...\n";
	struct document doc;
	struct framer framer;

	(void)state;
	framer_init(&framer);
	memcpy(framer_reserve(&framer, sizeof(in) - 1), in, sizeof(in) - 1);
	framer_commit(&framer, sizeof(in) - 1);
	assert_int_equal(framer_next(&framer, &doc), 1);
	assert_int_equal(doc.len, sizeof(in) - 1);
	assert_memory_equal(doc.data, in, doc.len);
	framer_finish(&framer);
}

static void
test_framing_document_is_valid_until_reserve(void **state)
{
	static const char in[] = "---\n- 1\n...\n---\n- 2\n...\n---\n- 3";
	struct document first, second, none;
	struct framer framer;

	(void)state;
	framer_init(&framer);
	memcpy(framer_reserve(&framer, sizeof(in) - 1), in, sizeof(in) - 1);
	framer_commit(&framer, sizeof(in) - 1);
	assert_int_equal(framer_next(&framer, &first), 1);
	assert_int_equal(framer_next(&framer, &second), 1);
	assert_int_equal(framer_next(&framer, &none), 0);
	assert_memory_equal(first.data, in, first.len);
	assert_memory_equal(second.data, in + first.len, second.len);
	framer_finish(&framer);
}

static void
test_framing_taken_documents_free_their_memory(void **state)
{
	static const char in[] = "---\n- something to take\n...\n";
	char out[100];
	struct framer framer;
	size_t i;

	(void)state;
	framer_init(&framer);
	for (i = 0; i < 100000; i++) {
		out[0] = '\0';
		feed(&framer, in, sizeof(in) - 1, 20, out, sizeof(out));
		assert_memory_equal(out, in, sizeof(in) - 1);
	}
	assert_true(framer.size < 100000);
	framer_finish(&framer);
}

static void
test_framing_document_above_limit_is_refused(void **state)
{
	struct document doc;
	struct framer framer;
	char *room;

	(void)state;
	framer_init(&framer);
	errno = 0;
	assert_null(framer_reserve(&framer, FRAMER_DOCUMENT_MAX + 1));
	assert_int_equal(errno, EMSGSIZE);
	room = framer_reserve(&framer, FRAMER_DOCUMENT_MAX);
	assert_non_null(room);
	memset(room, 'x', FRAMER_DOCUMENT_MAX);
	memcpy(room + FRAMER_DOCUMENT_MAX - 5, "\n...\n", 5);
	framer_commit(&framer, FRAMER_DOCUMENT_MAX);
	errno = 0;
	assert_null(framer_reserve(&framer, 1));
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(framer_next(&framer, &doc), 1);
	assert_int_equal(doc.len, FRAMER_DOCUMENT_MAX);
	assert_non_null(framer_reserve(&framer, 1));
	framer_finish(&framer);
}

/* Seconds of processor time to receive one document in pieces. */
static double
time_to_receive(size_t len, size_t piece, char fill)
{
	struct document doc;
	struct framer framer;
	clock_t begin;
	size_t done, n;
	char *room;

	begin = clock();
	framer_init(&framer);
	for (done = 0; done < len; done += n) {
		n = len - done < piece ? len - done : piece;
		room = framer_reserve(&framer, n);
		assert_non_null(room);
		memset(room, fill, n);
		framer_commit(&framer, n);
		assert_int_equal(framer_next(&framer, &doc), 0);
	}
	memcpy(framer_reserve(&framer, 5), "\n...\n", 5);
	framer_commit(&framer, 5);
	assert_int_equal(framer_next(&framer, &doc), 1);
	assert_int_equal(doc.len, len + 5);
	framer_finish(&framer);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void
test_framing_long_reply_in_any_pieces_takes_linear_time(void **state)
{
	static const struct {
		size_t	 len, piece;
		char	 fill;
	} cases[] = {
		/* Were it quadratic, each would take many minutes. */
		{ 4 * 1024 * 1024, 1, 'x' },
		{ 4 * 1024 * 1024, 1, '\n' },
		{ 4 * 1024 * 1024, 3, '.' },
		{ 20 * 1024 * 1024, 64 * 1024, 'x' },
		{ 20 * 1024 * 1024, 64 * 1024, '\n' },
	};
	double seconds;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		seconds = time_to_receive(cases[i].len, cases[i].piece,
		    cases[i].fill);
		if (seconds > 20)
			fail_msg("case %zu took %g s", i, seconds);
	}
}

static void
test_framing_documents_above_total_limit_are_refused(void **state)
{
	enum { FRAMERS = 8 };
	struct framer framers[FRAMERS];
	size_t i, count;

	(void)state;
	for (i = 0; i < FRAMERS; i++)
		framer_init(&framers[i]);
	/* Nothing is written there, so nothing is taken of the machine. */
	for (count = 0; count < FRAMERS; count++)
		if (framer_reserve(&framers[count], FRAMER_DOCUMENT_MAX) == NULL)
			break;
	assert_int_equal(errno, EDQUOT);
	assert_int_equal(count, FRAMER_TOTAL_MAX / FRAMER_DOCUMENT_MAX);
	framer_finish(&framers[0]);
	assert_non_null(framer_reserve(&framers[count], FRAMER_DOCUMENT_MAX));
	for (i = 1; i < FRAMERS; i++)
		framer_finish(&framers[i]);
	assert_non_null(framer_reserve(&framers[0], FRAMER_DOCUMENT_MAX));
	framer_finish(&framers[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_framing_split_anywhere_finds_documents),
		cmocka_unit_test(test_framing_nul_byte_is_content),
		cmocka_unit_test(
		    test_framing_documents_above_total_limit_are_refused),
		cmocka_unit_test(test_framing_document_is_valid_until_reserve),
		cmocka_unit_test(
		    test_framing_taken_documents_free_their_memory),
		cmocka_unit_test(test_framing_document_above_limit_is_refused),
		cmocka_unit_test(
		    test_framing_long_reply_in_any_pieces_takes_linear_time),
	};

	return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
