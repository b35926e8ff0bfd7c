/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The greeting that Tarantool sends to each client.  It is 128 bytes long: two
 * lines of 63 characters and their newlines.  It says which protocol the port
 * uses.
 */

#ifndef CR_GREETING_H
#define CR_GREETING_H

#include <stddef.h>

#define GREETING_SIZE		128
#define GREETING_LINE_SIZE	64	/* size of a line, with the newline */

struct greeting {
	char	data[GREETING_SIZE];
	size_t	len;			/* received */
	char	version[32];		/* such as "2.6.0", or "" if unknown */
};

enum greeting_kind {
	GREETING_INCOMPLETE,	/* valid, but more bytes are needed */
	GREETING_CONSOLE,
	GREETING_BINARY,
	GREETING_FOREIGN	/* the peer is not Tarantool */
};

/*
 * Checks the part of the greeting that has been received.  Detects a peer other
 * than Tarantool as early as possible, because such a peer may never send 128
 * bytes.  Sets the version as soon as the first line is complete.
 */
enum greeting_kind	greeting_check(struct greeting *);

#endif
