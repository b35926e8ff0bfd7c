/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/types.h>

#include <sha1.h>
#include <string.h>

#include <msgpuck.h>

#include "net/iproto.h"
#include "net/greeting.h"
#include "proto/msgpack_text.h"

enum iproto_key {
	KEY_TYPE = 0x00,
	KEY_SYNC = 0x01,
	KEY_TUPLE = 0x21,
	KEY_USER = 0x23,
	KEY_EXPRESSION = 0x27,
	KEY_DATA = 0x30,
	KEY_ERROR = 0x31
};

enum iproto_type { TYPE_AUTH = 7, TYPE_EVAL = 8, TYPE_PING = 64 };

#define METHOD		"chap-sha1"

/* The length of the size field at the start of each sent frame, in bytes. */
#define SIZE_LEN	5

/*
 * Decodes base64: four characters encode three bytes.  Does not use the decoder
 * of libresolv, because loading that library slows down every start.
 */
int
iproto_read_salt(unsigned char *salt, const char *line)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *digit;
	uint32_t bits = 0;
	size_t i, len = 0;

	for (i = 0; len < IPROTO_SALT_SIZE; i++) {
		if (line[i] == '\0' ||
		    (digit = strchr(digits, line[i])) == NULL)
			return -1;
		bits = bits << 6 | (uint32_t)(digit - digits);
		if (i % 4 > 0)
			salt[len++] = (unsigned char)(bits >>
			    (6 - 2 * (i % 4)));
	}
	return 0;
}

void
iproto_scramble(unsigned char *scramble, const struct secret *secret,
    const unsigned char *salt)
{
	SHA1_CTX ctx;
	size_t i;

	SHA1Init(&ctx);
	SHA1Update(&ctx, salt, IPROTO_SALT_SIZE);
	SHA1Update(&ctx, secret->hash_of_hash, SECRET_HASH_SIZE);
	SHA1Final(scramble, &ctx);
	explicit_bzero(&ctx, sizeof(ctx));
	for (i = 0; i < SECRET_HASH_SIZE; i++)
		scramble[i] ^= secret->hash[i];
}

static char *
write_header(char *to, enum iproto_type type, uint64_t sync)
{
	to = mp_encode_map(to + SIZE_LEN, 2);
	to = mp_encode_uint(to, KEY_TYPE);
	to = mp_encode_uint(to, type);
	to = mp_encode_uint(to, KEY_SYNC);
	return mp_encode_uint(to, sync);
}

/*
 * Fills in the size field of a frame.  The buffer from `frame` to `end`
 * contains the beginning of the frame.  The remaining `more` bytes are sent
 * separately.  Returns the number of bytes in the buffer.
 */
static size_t
finish(char *frame, const char *end, size_t more)
{
	size_t len = (size_t)(end - frame);

	*frame++ = (char)0xce;
	mp_store_u32(frame, (uint32_t)(len - SIZE_LEN + more));
	return len;
}

size_t
iproto_write_ping(char *to, uint64_t sync)
{
	char *end = write_header(to, TYPE_PING, sync);

	return finish(to, mp_encode_map(end, 0), 0);
}

size_t
iproto_write_auth(char *to, uint64_t sync, const char *user,
    const unsigned char *scramble)
{
	char *end = write_header(to, TYPE_AUTH, sync);

	end = mp_encode_map(end, 2);
	end = mp_encode_uint(end, KEY_USER);
	end = mp_encode_str(end, user, (uint32_t)strlen(user));
	end = mp_encode_uint(end, KEY_TUPLE);
	end = mp_encode_array(end, 2);
	end = mp_encode_str(end, METHOD, sizeof(METHOD) - 1);
	end = mp_encode_str(end, (const char *)scramble, SECRET_HASH_SIZE);
	return finish(to, end, 0);
}

size_t
iproto_write_eval(char *to, uint64_t sync, const char *expression, size_t len)
{
	char *end = write_header(to, TYPE_EVAL, sync);

	end = mp_encode_map(end, 2);
	end = mp_encode_uint(end, KEY_EXPRESSION);
	end = mp_encode_str(end, expression, (uint32_t)strlen(expression));
	end = mp_encode_uint(end, KEY_TUPLE);
	end = mp_encode_array(end, 1);
	end = mp_encode_strl(end, (uint32_t)len);
	return finish(to, end, len);
}

/*
 * Reads an unsigned MessagePack integer.  Returns 0, or -1 if the data does not
 * start with one.
 */
static int
read_number(const char **at, const char *end, uint64_t *number)
{
	if (*at >= end || mp_typeof(**at) != MP_UINT ||
	    mp_check_uint(*at, end) > 0)
		return -1;
	*number = mp_decode_uint(at);
	return 0;
}

/*
 * Reads the header of a MessagePack map.  Returns 0, or -1 if the data does not
 * start with one.
 */
static int
read_map(const char **at, const char *end, uint32_t *count)
{
	if (*at >= end || mp_typeof(**at) != MP_MAP ||
	    mp_check_map(*at, end) > 0)
		return -1;
	*count = mp_decode_map(at);
	return 0;
}

int64_t
iproto_frame_size(const char *data, size_t len)
{
	const char *at = data;
	uint64_t size;

	if (len == 0)
		return 0;
	if (mp_typeof(*data) != MP_UINT)
		return -1;
	if (mp_check_uint(data, data + len) > 0)
		return 0;
	size = mp_decode_uint(&at);
	/* No frame of the protocol is larger than 2 GiB. */
	return size == 0 || size > INT32_MAX ? -1 :
	    (int64_t)size + (at - data);
}

static int
read_header(struct iproto_reply *reply, const char **at, const char *end)
{
	uint64_t key, *field;
	uint32_t count, i;
	int found = 0;

	if (read_map(at, end, &count) == -1)
		return -1;
	for (i = 0; i < count; i++) {
		if (read_number(at, end, &key) == -1)
			return -1;
		field = key == KEY_TYPE ? &reply->type :
		    key == KEY_SYNC ? &reply->sync : NULL;
		if (field == NULL) {
			if (msgpack_skip(at, end) == -1)
				return -1;
			continue;
		}
		if (read_number(at, end, field) == -1)
			return -1;
		found |= key == KEY_TYPE ? 1 : 2;
	}
	return found == 3 ? 0 : -1;
}

/*
 * Sets the reply's value to the first element of the data array, if any.  The
 * data must have been validated by msgpack_skip.  Returns 0, or -1 if the data
 * is not an array.
 */
static int
read_data(struct iproto_reply *reply, const char *at)
{
	if (mp_typeof(*at) != MP_ARRAY)
		return -1;
	if (mp_decode_array(&at) == 0)
		return 0;
	reply->value = at;
	mp_next(&at);
	reply->value_end = at;
	return 0;
}

static int
read_body(struct iproto_reply *reply, const char **at, const char *end)
{
	const char *value;
	uint64_t key;
	uint32_t count, i;

	if (read_map(at, end, &count) == -1)
		return -1;
	for (i = 0; i < count; i++) {
		if (read_number(at, end, &key) == -1)
			return -1;
		value = *at;
		if (msgpack_skip(at, end) == -1 ||
		    (key == KEY_DATA && read_data(reply, value) == -1))
			return -1;
		if (key != KEY_ERROR)
			continue;
		if (mp_typeof(*value) != MP_STR)
			return -1;
		reply->message = mp_decode_str(&value, &reply->message_len);
	}
	return 0;
}

int
iproto_read(struct iproto_reply *reply, const char *frame, size_t len)
{
	const char *at = frame, *end = frame + len;
	uint64_t size;

	memset(reply, 0, sizeof(*reply));
	if (read_number(&at, end, &size) == -1 || size != (size_t)(end - at) ||
	    read_header(reply, &at, end) == -1)
		return -1;
	/* A reply without data need not have a body. */
	if (at < end && read_body(reply, &at, end) == -1)
		return -1;
	return at == end ? 0 : -1;
}
