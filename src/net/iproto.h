/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The frames of the binary protocol: bytes from and to structures, and nothing
 * of what they mean.  Every length that a frame has in it is checked.
 */

#ifndef CR_IPROTO_H
#define CR_IPROTO_H

#include <stddef.h>
#include <stdint.h>

#include "util/secret.h"

#define IPROTO_SALT_SIZE	20

/* The longest name of a user. */
#define IPROTO_USER_MAX		255

/* What the beginning of a request takes at most, without the line. */
#define IPROTO_HEAD_MAX		400

/* Types of replies; all others are errors, or not understood. */
#define IPROTO_OK		0
#define IPROTO_CHUNK		0x80
#define IPROTO_ERROR_BIT	0x8000

/* The codes of errors that have words of their own here. */
enum iproto_error {
	IPROTO_ER_TRANSACTION = 30,	/* left open by a request */
	IPROTO_ER_PROC_LUA = 32,
	IPROTO_ER_ACCESS_DENIED = 42,
	IPROTO_ER_NO_SUCH_USER = 45,
	IPROTO_ER_PASSWORD = 47,
	IPROTO_ER_LOADING = 116
};

struct iproto_reply {
	uint64_t	 type;
	uint64_t	 sync;
	const char	*value;		/* the first of the data, or NULL */
	const char	*value_end;
	const char	*message;	/* of an error, or NULL */
	uint32_t	 message_len;
};

/*
 * Reads the salt out of the second line of a greeting.  Returns 0, or -1 if it
 * is none.
 */
int	iproto_read_salt(unsigned char *salt, const char *line);

/* What proves that we know a password: chap-sha1. */
void	iproto_scramble(unsigned char *scramble, const struct secret *,
	    const unsigned char *salt);

/* Write a request with that number; return its length. */
size_t	iproto_write_ping(char *to, uint64_t sync);
size_t	iproto_write_auth(char *to, uint64_t sync, const char *user,
	    const unsigned char *scramble);

/*
 * The same for an EVAL with one argument, a string of `len` bytes; all but these
 * bytes, which are to follow.
 */
size_t	iproto_write_eval(char *to, uint64_t sync, const char *expression,
	    size_t len);

/*
 * The length of the frame that these bytes begin with, with the bytes that tell
 * the length; 0 if too little is there, or -1 if it is no frame.
 */
int64_t	iproto_frame_size(const char *data, size_t len);

/*
 * Reads a whole frame.  The reply points into it.  Returns 0, or -1 if it is
 * not a frame of a reply.
 */
int	iproto_read(struct iproto_reply *, const char *frame, size_t len);

#endif
