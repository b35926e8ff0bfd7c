/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Reads and writes frames of the binary protocol, as a server does.  Shares no
 * code with src/net/iproto.c, so that neither can hide a bug of the other.
 */

#ifndef CR_TEST_FRAMES_H
#define CR_TEST_FRAMES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <msgpuck.h>

#define FRAMES_AUTH	7
#define FRAMES_EVAL	8
#define FRAMES_PING	64

#define FRAMES_CHUNK	0x80
#define FRAMES_ERROR	0x8000

struct frame {
	size_t		 size;		/* including the length itself */
	uint64_t	 type;
	uint64_t	 sync;
	const char	*user;		/* in an AUTH request, or NULL */
	size_t		 user_len;
	const char	*text;		/* the last argument, a string */
	size_t		 text_len;
};

static inline void
frames_read_map(struct frame *frame, const char **at)
{
	uint32_t i, k, count, len, items;
	uint64_t key;

	for (i = 0, count = mp_decode_map(at); i < count; i++) {
		key = mp_decode_uint(at);
		if (key == 0x00 || key == 0x01) {
			*(key == 0x00 ? &frame->type : &frame->sync) =
			    mp_decode_uint(at);
		} else if (key == 0x23) {
			frame->user = mp_decode_str(at, &len);
			frame->user_len = len;
		} else if (key == 0x21) {
			items = mp_decode_array(at);
			for (k = 0; k < items; k++) {
				frame->text = mp_decode_str(at, &len);
				frame->text_len = len;
			}
		} else {
			mp_next(at);
		}
	}
}

/*
 * Reads the request at the start of these bytes.  Returns 1, or 0 if it is
 * incomplete.  Aborts if it is malformed, which is a bug of the client or the
 * tests.
 */
static inline int
frames_read(struct frame *frame, const char *data, size_t len)
{
	const char *at = data;
	uint32_t size;

	if (len < 5)
		return 0;
	if (mp_typeof(*data) != MP_UINT)
		abort();
	size = (uint32_t)mp_decode_uint(&at);
	if (len < 5 || len - 5 < size)
		return 0;
	memset(frame, 0, sizeof(*frame));
	frame->size = 5 + (size_t)size;
	frames_read_map(frame, &at);
	if (at < data + frame->size)
		frames_read_map(frame, &at);
	if (at != data + frame->size)
		abort();
	return 1;
}

/*
 * Writes a reply: an error (FRAMES_ERROR and its number), a push message or a
 * result.  Without a text, its body is empty.  The caller frees it.
 */
static inline char *
frames_write(uint64_t type, uint64_t sync, const char *text, size_t len,
    size_t *size)
{
	char *frame = malloc(len + 100), *to;

	if (frame == NULL)
		abort();
	to = mp_encode_map(frame + 5, 3);
	to = mp_encode_uint(to, 0x00);
	to = mp_encode_uint(to, type);
	to = mp_encode_uint(to, 0x01);
	to = mp_encode_uint(to, sync);
	/* Every reply has the schema version. */
	to = mp_encode_uint(to, 0x05);
	to = mp_encode_uint(to, 81);
	to = mp_encode_map(to, text == NULL ? 0 : 1);
	if (text != NULL && type & FRAMES_ERROR) {
		to = mp_encode_uint(to, 0x31);
		to = mp_encode_str(to, text, (uint32_t)len);
	} else if (text != NULL) {
		to = mp_encode_uint(to, 0x30);
		to = mp_encode_array(to, 1);
		to = mp_encode_str(to, text, (uint32_t)len);
	}
	*size = (size_t)(to - frame);
	frame[0] = (char)0xce;
	mp_store_u32(frame + 1, (uint32_t)(*size - 5));
	return frame;
}

/*
 * Writes the documents of a console as replies of the binary port: each message
 * in a frame, and the result.  Sets *used to the bytes of the documents that
 * are whole.  To be freed.
 */
static inline char *
frames_write_documents(const char *data, size_t len, uint64_t sync,
    size_t *used, size_t *size)
{
	static const char end[] = "\n...\n", push[] = "%TAG !push!";
	char *frames = NULL, *frame;
	const char *at, *after, *value;
	size_t part;
	int is_push;

	*used = *size = 0;
	for (;;) {
		at = data + *used;
		/* A document may have nothing but its end. */
		if (len - *used >= sizeof(end) - 2 &&
		    memcmp(at, end + 1, sizeof(end) - 2) == 0)
			after = at - 1;
		else if ((after = memmem(at, len - *used, end,
		    sizeof(end) - 1)) == NULL)
			return frames;
		after += sizeof(end) - 1;
		is_push = (size_t)(after - at) > sizeof(push) &&
		    memcmp(at, push, sizeof(push) - 1) == 0;
		value = at;
		/* A message is a value, not a document. */
		if (is_push && (value = memmem(at, (size_t)(after - at),
		    "--- ", 4)) != NULL)
			value += 4;
		if (value == NULL)
			abort();
		frame = frames_write(is_push ? FRAMES_CHUNK : 0, sync, value,
		    (size_t)(after - value) -
		    (is_push ? sizeof(end) - 1 : 0), &part);
		if ((frames = realloc(frames, *size + part)) == NULL)
			abort();
		memcpy(frames + *size, frame, part);
		free(frame);
		*size += part;
		*used = (size_t)(after - data);
	}
}

#endif
