/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* memmem, of frames.h */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/fakes/frames.h"
#include "net/iproto.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(text)	text, sizeof(text) - 1

static const unsigned char salt[] = {
	0xbb, 0xd9, 0xba, 0x70, 0xa8, 0x55, 0xbd, 0x76, 0xfd, 0x1d,
	0xc5, 0xa9, 0x16, 0xf5, 0xe1, 0x5b, 0x66, 0xd9, 0xd1, 0xb1
};

/* By another implementation, for this salt and the password s3cret. */
static const unsigned char scramble[] = {
	0x0d, 0x84, 0xbb, 0x3e, 0xc3, 0x7f, 0x68, 0x5c, 0x69, 0xa3,
	0xce, 0x52, 0x70, 0x81, 0xee, 0xd9, 0x7c, 0x35, 0x29, 0x0e
};

static void
test_iproto_read_salt(void **state)
{
	static const char *const bad[] = {
		"\n", "u9m6\n", "u9m6cKhVvXb9HcWpFvXhW2bZ0 FvFvFvFvFvFv=\n",
		"=9m6cKhVvXb9HcWpFvXhW2bZ0bFv9CkJ1wVY1mJbYqQ=\n",
		"type 'help' for interactive help\n"
	};
	unsigned char got[IPROTO_SALT_SIZE];
	size_t i;

	(void)state;
	assert_int_equal(iproto_read_salt(got,
	    "u9m6cKhVvXb9HcWpFvXhW2bZ0bFv9CkJ1wVY1mJbYqQ=    \n"), 0);
	assert_memory_equal(got, salt, sizeof(salt));
	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(iproto_read_salt(got, bad[i]), -1);
}

static void
test_iproto_scramble_matches_known_answer(void **state)
{
	unsigned char got[SECRET_HASH_SIZE];
	const struct secret *secret;
	char password[] = "s3cret";
	struct error error;

	(void)state;
	secret = secret_keep(password, 6, &error);
	assert_non_null(secret);
	iproto_scramble(got, secret, salt);
	assert_memory_equal(got, scramble, sizeof(scramble));
	secret_wipe_all();
}

static void
test_iproto_requests_are_whole_frames(void **state)
{
	char user[IPROTO_USER_MAX + 1], data[IPROTO_HEAD_MAX + 3];
	struct frame frame;
	size_t len;

	(void)state;
	len = iproto_write_ping(data, 1);
	assert_int_equal(frames_read(&frame, data, len), 1);
	assert_int_equal(frame.size, len);
	assert_int_equal(frame.type, FRAMES_PING);
	assert_int_equal(frame.sync, 1);

	memset(user, 'u', IPROTO_USER_MAX);
	user[IPROTO_USER_MAX] = '\0';
	len = iproto_write_auth(data, UINT64_MAX, user, scramble);
	assert_true(len <= IPROTO_HEAD_MAX);
	assert_int_equal(frames_read(&frame, data, len), 1);
	assert_int_equal(frame.size, len);
	assert_int_equal(frame.type, FRAMES_AUTH);
	assert_true(frame.sync == UINT64_MAX);
	assert_int_equal(frame.user_len, IPROTO_USER_MAX);
	assert_memory_equal(frame.user, user, frame.user_len);
	assert_int_equal(frame.text_len, sizeof(scramble));
	assert_memory_equal(frame.text, scramble, sizeof(scramble));

	len = iproto_write_eval(data, 7, "return ...", 3);
	assert_int_equal(frames_read(&frame, data, len), 0);
	memcpy(data + len, "1+1", 3);
	assert_int_equal(frames_read(&frame, data, len + 3), 1);
	assert_int_equal(frame.size, len + 3);
	assert_int_equal(frame.type, FRAMES_EVAL);
	assert_int_equal(frame.text_len, 3);
	assert_memory_equal(frame.text, "1+1", 3);
}

static void
test_iproto_frame_size(void **state)
{
	static const struct {
		const char	*data;
		size_t		 len;
		int64_t		 size;
	} cases[] = {
		{ BYTES(""), 0 },
		{ BYTES("\xce"), 0 },
		{ BYTES("\xce\x00\x00\x00"), 0 },
		{ BYTES("\xce\x00\x00\x00\x10"), 21 },
		{ BYTES("\xce\x7f\xff\xff\xff"), INT64_C(0x7fffffff) + 5 },
		{ BYTES("\xce\x80\x00\x00\x00"), -1 },
		{ BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), -1 },
		{ BYTES("\x10"), 17 },
		{ BYTES("\xcd\x01\x00"), 259 },
		{ BYTES("\xce\x00\x00\x00\x00"), -1 },
		{ BYTES("\xa1" "a"), -1 },
		{ BYTES("\xc1"), -1 },
		{ BYTES("---\n"), 46 }
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		assert_int_equal(iproto_frame_size(cases[i].data,
		    cases[i].len), cases[i].size);
}

static void
test_iproto_read_reply_gives_its_value(void **state)
{
	struct iproto_reply reply;
	char *frame;
	size_t len;

	(void)state;
	frame = frames_write(0, 5, "---\n...\n", 8, &len);
	assert_int_equal(iproto_read(&reply, frame, len), 0);
	assert_int_equal(reply.type, IPROTO_OK);
	assert_int_equal(reply.sync, 5);
	assert_int_equal(reply.value_end - reply.value, 9);
	assert_memory_equal(reply.value, "\xa8---\n...\n", 9);
	assert_null(reply.message);
	free(frame);

	frame = frames_write(FRAMES_ERROR | 47, 1, "no", 2, &len);
	assert_int_equal(iproto_read(&reply, frame, len), 0);
	assert_int_equal(reply.type, IPROTO_ERROR_BIT | IPROTO_ER_PASSWORD);
	assert_int_equal(reply.message_len, 2);
	assert_memory_equal(reply.message, "no", 2);
	free(frame);

	/* No body, keys that are not known, numbers in any width. */
	assert_int_equal(iproto_read(&reply, BYTES("\x0e\x84\x00\xcc\x80\x01"
	    "\xcd\x00\x07\x05\x51\x06\x81\x01\x02")), 0);
	assert_int_equal(reply.type, IPROTO_CHUNK);
	assert_int_equal(reply.sync, 7);
	assert_null(reply.value);
	/* No values in the data; the stack of an error. */
	assert_int_equal(iproto_read(&reply, BYTES("\x0e\x82\x00\x00\x01\x01"
	    "\x82\x30\x90\x52\x81\x00\x91\x80\xc0")), -1);
	assert_int_equal(iproto_read(&reply, BYTES("\x0d\x82\x00\x00\x01\x01"
	    "\x82\x30\x90\x52\x81\x00\x91\x80")), 0);
	assert_null(reply.value);
}

static void
test_iproto_read_malformed_frame_fails(void **state)
{
	static const struct {
		const char	*data;
		size_t		 len;
	} cases[] = {
		{ BYTES("\x01\x80") },			/* no type, no sync */
		{ BYTES("\x03\x81\x00\x00") },		/* no sync */
		{ BYTES("\x03\x81\x01\x00") },		/* no type */
		{ BYTES("\x05\x82\x00\xa0\x01\x00") },	/* a type of text */
		{ BYTES("\x05\x82\x00\xff\x01\x00") },	/* a negative one */
		{ BYTES("\x06\x82\x00\x00\xa1s\x00") },	/* a key of text */
		{ BYTES("\x05\x92\x00\x00\x01\x00") },	/* no map */
		{ BYTES("\x05\xdf\xff\xff\xff\xff") },	/* of none */
		{ BYTES("\x06\x82\x00\x00\x01\x00\x90") }, /* no body */
		{ BYTES("\x08\x82\x00\x00\x01\x00\x81\x30\x80") },
		{ BYTES("\x08\x82\x00\x00\x01\x00\x81\x31\x01") },
		{ BYTES("\x08\x82\x00\x00\x01\x00\x81\x30\x91") },
		{ BYTES("\x0c\x82\x00\x00\x01\x00\x81\x30\xdd\xff\xff\xff"
		    "\xff") },
		{ BYTES("\x07\x82\x00\x00\x01\x00\x80\x80") },	/* and more */
		{ BYTES("\x04\x82\x00\x00\x01\x00") }	/* another length */
	};
	struct iproto_reply reply;
	char *copy;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		/* Nothing is read beyond it. */
		copy = malloc(cases[i].len);
		assert_non_null(copy);
		memcpy(copy, cases[i].data, cases[i].len);
		if (iproto_read(&reply, copy, cases[i].len) != -1)
			fail_msg("case %zu", i);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iproto_read_salt),
		cmocka_unit_test(test_iproto_scramble_matches_known_answer),
		cmocka_unit_test(test_iproto_requests_are_whole_frames),
		cmocka_unit_test(test_iproto_frame_size),
		cmocka_unit_test(test_iproto_read_reply_gives_its_value),
		cmocka_unit_test(test_iproto_read_malformed_frame_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
