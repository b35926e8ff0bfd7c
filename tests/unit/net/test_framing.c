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
take_all(struct wire *wire, char *out, size_t size)
{
	struct wire_document doc;

	while (wire_next(wire, &doc)) {
		if (doc.is_push)
			strlcat(out, ">", size);
		assert_true(strlen(out) + doc.len + 1 < size);
		strncat(out, doc.data, doc.len);
		strlcat(out, "|", size);
	}
}

/* Feeds in pieces of `piece` bytes, taking documents after each. */
static void
feed(struct wire *wire, const char *in, size_t len, size_t piece, char *out,
    size_t size)
{
	size_t i, n;
	char *room;

	for (i = 0; i < len; i += n) {
		n = len - i < piece ? len - i : piece;
		room = wire_room(wire, n);
		assert_non_null(room);
		memcpy(room, in + i, n);
		wire_put(wire, n);
		take_all(wire, out, size);
	}
}

static void
test_documents_end_at_the_marker_however_they_come(void **state)
{
	char out[1000];
	struct wire wire;
	size_t i, len, piece;

	(void)state;
	for (i = 0; i < nitems(framing); i++) {
		len = strlen(framing[i].in);
		for (piece = 1; piece <= len + 1; piece++) {
			wire_init(&wire);
			out[0] = '\0';
			feed(&wire, framing[i].in, len, piece, out,
			    sizeof(out));
			if (strcmp(out, framing[i].out) != 0 ||
			    wire_pending(&wire) != framing[i].pending)
				fail_msg("case %zu, pieces of %zu: '%s', "
				    "pending %zu", i, piece, out,
				    wire_pending(&wire));
			wire_finish(&wire);
		}
	}
}

static void
test_a_nul_is_a_byte_like_any_other(void **state)
{
	static const char in[] = "---\n- \0\n...\n";
	struct wire_document doc;
	struct wire wire;

	(void)state;
	wire_init(&wire);
	memcpy(wire_room(&wire, sizeof(in) - 1), in, sizeof(in) - 1);
	wire_put(&wire, sizeof(in) - 1);
	assert_int_equal(wire_next(&wire, &doc), 1);
	assert_int_equal(doc.len, sizeof(in) - 1);
	assert_memory_equal(doc.data, in, doc.len);
	wire_finish(&wire);
}

static void
test_a_document_stays_valid_until_room_is_asked_for(void **state)
{
	static const char in[] = "---\n- 1\n...\n---\n- 2\n...\n---\n- 3";
	struct wire_document first, second, none;
	struct wire wire;

	(void)state;
	wire_init(&wire);
	memcpy(wire_room(&wire, sizeof(in) - 1), in, sizeof(in) - 1);
	wire_put(&wire, sizeof(in) - 1);
	assert_int_equal(wire_next(&wire, &first), 1);
	assert_int_equal(wire_next(&wire, &second), 1);
	assert_int_equal(wire_next(&wire, &none), 0);
	assert_memory_equal(first.data, in, first.len);
	assert_memory_equal(second.data, in + first.len, second.len);
	wire_finish(&wire);
}

static void
test_taken_documents_do_not_cost_memory(void **state)
{
	static const char in[] = "---\n- something to take\n...\n";
	char out[100];
	struct wire wire;
	size_t i;

	(void)state;
	wire_init(&wire);
	for (i = 0; i < 100000; i++) {
		out[0] = '\0';
		feed(&wire, in, sizeof(in) - 1, 20, out, sizeof(out));
		assert_memory_equal(out, in, sizeof(in) - 1);
	}
	assert_true(wire.size < 100000);
	wire_finish(&wire);
}

static void
test_a_document_larger_than_the_limit_is_refused(void **state)
{
	struct wire_document doc;
	struct wire wire;
	char *room;

	(void)state;
	wire_init(&wire);
	errno = 0;
	assert_null(wire_room(&wire, WIRE_DOCUMENT_MAX + 1));
	assert_int_equal(errno, EMSGSIZE);
	room = wire_room(&wire, WIRE_DOCUMENT_MAX);
	assert_non_null(room);
	memset(room, 'x', WIRE_DOCUMENT_MAX);
	memcpy(room + WIRE_DOCUMENT_MAX - 5, "\n...\n", 5);
	wire_put(&wire, WIRE_DOCUMENT_MAX);
	errno = 0;
	assert_null(wire_room(&wire, 1));
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(wire_next(&wire, &doc), 1);
	assert_int_equal(doc.len, WIRE_DOCUMENT_MAX);
	assert_non_null(wire_room(&wire, 1));
	wire_finish(&wire);
}

/* Seconds of processor time to receive one document in pieces. */
static double
time_to_receive(size_t len, size_t piece, char fill)
{
	struct wire_document doc;
	struct wire wire;
	clock_t begin;
	size_t done, n;
	char *room;

	begin = clock();
	wire_init(&wire);
	for (done = 0; done < len; done += n) {
		n = len - done < piece ? len - done : piece;
		room = wire_room(&wire, n);
		assert_non_null(room);
		memset(room, fill, n);
		wire_put(&wire, n);
		assert_int_equal(wire_next(&wire, &doc), 0);
	}
	memcpy(wire_room(&wire, 5), "\n...\n", 5);
	wire_put(&wire, 5);
	assert_int_equal(wire_next(&wire, &doc), 1);
	assert_int_equal(doc.len, len + 5);
	wire_finish(&wire);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void
test_a_long_reply_takes_linear_time_in_pieces_of_any_size(void **state)
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
test_all_documents_together_have_a_limit(void **state)
{
	enum { WIRES = 8 };
	struct wire wires[WIRES];
	size_t i, count;

	(void)state;
	for (i = 0; i < WIRES; i++)
		wire_init(&wires[i]);
	/* Nothing is written there, so nothing is taken of the machine. */
	for (count = 0; count < WIRES; count++)
		if (wire_room(&wires[count], WIRE_DOCUMENT_MAX) == NULL)
			break;
	assert_int_equal(errno, EDQUOT);
	assert_int_equal(count, WIRE_TOTAL_MAX / WIRE_DOCUMENT_MAX);
	wire_finish(&wires[0]);
	assert_non_null(wire_room(&wires[count], WIRE_DOCUMENT_MAX));
	for (i = 1; i < WIRES; i++)
		wire_finish(&wires[i]);
	assert_non_null(wire_room(&wires[0], WIRE_DOCUMENT_MAX));
	wire_finish(&wires[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_documents_end_at_the_marker_however_they_come),
		cmocka_unit_test(test_a_nul_is_a_byte_like_any_other),
		cmocka_unit_test(test_all_documents_together_have_a_limit),
		cmocka_unit_test(
		    test_a_document_stays_valid_until_room_is_asked_for),
		cmocka_unit_test(test_taken_documents_do_not_cost_memory),
		cmocka_unit_test(
		    test_a_document_larger_than_the_limit_is_refused),
		cmocka_unit_test(
		test_a_long_reply_takes_linear_time_in_pieces_of_any_size),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
