/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Encodes and decodes frames of the binary protocol (IPROTO), without
 * interpreting their contents.  Checks every length in a received frame.
 */

#ifndef CR_IPROTO_H
#define CR_IPROTO_H

#include <stddef.h>
#include <stdint.h>

#include "util/secret.h"

#define IPROTO_SALT_SIZE	20

/* The maximum length of a user name, in bytes. */
#define IPROTO_USER_MAX		255

/*
 * The maximum number of bytes that any iproto_write_* function writes.  The
 * argument of an EVAL request is sent separately and does not count.
 */
#define IPROTO_HEAD_MAX		400

/*
 * The types of a final reply and of a push message, and the bit that is set in
 * the type of an error reply.
 */
#define IPROTO_OK		0
#define IPROTO_CHUNK		0x80
#define IPROTO_ERROR_BIT	0x8000

/* The Tarantool error codes that this program handles. */
enum iproto_error {
	IPROTO_ER_TRANSACTION = 30,	/* a transaction was left open */
	IPROTO_ER_PROC_LUA = 32,
	IPROTO_ER_ACCESS_DENIED = 42,
	IPROTO_ER_NO_SUCH_USER = 45,
	IPROTO_ER_PASSWORD = 47,
	IPROTO_ER_LOADING = 116
};

struct iproto_reply {
	uint64_t	 type;
	uint64_t	 sync;
	const char	*value;		/* first value of the data, or NULL */
	const char	*value_end;
	const char	*message;	/* the error message, or NULL */
	uint32_t	 message_len;
};

/*
 * Decodes the salt in the second line of a greeting.  Returns 0, or -1 if the
 * salt is invalid.
 */
int	iproto_read_salt(unsigned char *salt, const char *line);

/*
 * Computes the chap-sha1 scramble, which proves that the client knows the
 * password.
 */
void	iproto_scramble(unsigned char *scramble, const struct secret *,
	    const unsigned char *salt);

/* Write a ping or login request with the id `sync`.  Return its length. */
size_t	iproto_write_ping(char *to, uint64_t sync);
size_t	iproto_write_auth(char *to, uint64_t sync, const char *user,
	    const unsigned char *scramble);

/*
 * Writes an EVAL request with one string argument of `len` bytes.  Omits the
 * bytes of the argument, which the caller must send next.  Returns the number
 * of bytes written.
 */
size_t	iproto_write_eval(char *to, uint64_t sync, const char *expression,
	    size_t len);

/*
 * Returns the total size of the frame at the start of the data.  Returns 0 if
 * more bytes are needed, or -1 if the data is not a frame.
 */
int64_t	iproto_frame_size(const char *data, size_t len);

/*
 * Parses a whole frame.  The reply contains pointers into the frame.  Returns
 * 0, or -1 if the frame is not a reply.
 */
int	iproto_read(struct iproto_reply *, const char *frame, size_t len);

#endif
