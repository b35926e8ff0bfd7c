/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The frames of the binary protocol: converts between bytes and structures,
 * without interpreting them.  Every length in a frame is checked.
 */

#ifndef CR_IPROTO_H
#define CR_IPROTO_H

#include <stddef.h>
#include <stdint.h>

#include "util/secret.h"

#define IPROTO_SALT_SIZE	20

/* The length limit of a user name. */
#define IPROTO_USER_MAX		255

/* The size limit of the beginning of a request, without the line. */
#define IPROTO_HEAD_MAX		400

/* Types of successful replies; all others are errors or unknown. */
#define IPROTO_OK		0
#define IPROTO_CHUNK		0x80
#define IPROTO_ERROR_BIT	0x8000

/* Error codes that are handled here. */
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
	const char	*value;		/* first data value, or NULL */
	const char	*value_end;
	const char	*message;	/* error message, or NULL */
	uint32_t	 message_len;
};

/*
 * Decodes the salt in the second line of a greeting.  Returns 0, or -1 if it is
 * invalid.
 */
int	iproto_read_salt(unsigned char *salt, const char *line);

/* Computes the proof of a password for the authentication method chap-sha1. */
void	iproto_scramble(unsigned char *scramble, const struct secret *,
	    const unsigned char *salt);

/* These write a request with this number and return its length. */
size_t	iproto_write_ping(char *to, uint64_t sync);
size_t	iproto_write_auth(char *to, uint64_t sync, const char *user,
	    const unsigned char *scramble);

/*
 * The same for an EVAL with one string argument of `len` bytes; the argument
 * itself must be sent after it.
 */
size_t	iproto_write_eval(char *to, uint64_t sync, const char *expression,
	    size_t len);

/*
 * Returns the total length of the frame that starts here; 0 if more bytes are
 * needed, or -1 if it is not a frame.
 */
int64_t	iproto_frame_size(const char *data, size_t len);

/*
 * Parses a whole frame; the reply points into it.  Returns 0, or -1 if it is
 * not a reply.
 */
int	iproto_read(struct iproto_reply *, const char *frame, size_t len);

#endif
