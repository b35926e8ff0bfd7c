/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Connects a socket to a target, without speaking a protocol.  A unix socket
 * connects at once.  The addresses of a TCP host are tried in turn.
 */

#ifndef CR_DIAL_H
#define CR_DIAL_H

#include <stdint.h>

#include "target/target.h"
#include "util/error.h"

struct addrinfo;

struct dial {
	const struct target	*target;
	int			 fd;		/* socket to poll for POLLOUT */
	int64_t			 began;
	int64_t			 deadline;
	/* The deadline for connecting to `address`. */
	int64_t			 due;
	struct addrinfo		*addresses;	/* from getaddrinfo, or NULL */
	const struct addrinfo	*address;	/* the address being tried */
};

enum dial_state {
	DIAL_WAIT,		/* poll `fd`, then call dial_step */
	DIAL_CONNECTED,
	DIAL_FAILED		/* the error is set */
};

/*
 * Starts connecting.  `deadline` is a clock_ms time.  Blocks only to resolve
 * the host name of a TCP target.  The path of a unix socket may have any
 * length.  If discovery found the socket, its server must run as a trusted user
 * or as the owner of the socket's directory.  The caller must call dial_finish,
 * whatever the result.
 */
enum dial_state	dial_begin(struct dial *, const struct target *,
		    int64_t deadline, struct error *);

/*
 * Continues connecting without blocking.  Call it at the time `due`, or earlier
 * if poll(2) reports the descriptor.
 */
enum dial_state	dial_step(struct dial *, struct error *);

/* Returns the connected descriptor, which the caller then owns. */
int		dial_take(struct dial *);

/* Frees all resources.  Closes the descriptor unless dial_take returned it. */
void		dial_finish(struct dial *);

#endif
