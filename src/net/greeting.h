/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The greeting of a Tarantool: 128 bytes, two lines of 63 characters each.  It
 * tells which protocol the port speaks.
 */

#ifndef CR_GREETING_H
#define CR_GREETING_H

#include <stddef.h>

#define GREETING_SIZE		128
#define GREETING_LINE_SIZE	64	/* with its newline */

struct greeting {
	char	data[GREETING_SIZE];
	size_t	len;			/* received */
	char	version[32];		/* such as "2.6.0"; "" if not known */
};

enum greeting_kind {
	GREETING_INCOMPLETE,	/* so far it can become one */
	GREETING_CONSOLE,
	GREETING_BINARY,
	GREETING_FOREIGN	/* not that of a Tarantool */
};

/*
 * Looks at what there is of the greeting.  A peer that is not Tarantool may
 * never send all the bytes, so it is told by the first wrong one.  The version
 * is set as soon as the first line is whole.
 */
enum greeting_kind	greeting_check(struct greeting *);

#endif
