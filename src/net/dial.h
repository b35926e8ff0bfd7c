/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Connects to a target.  A unix socket is connected at once; for a TCP host,
 * the addresses are tried in turn.  This file deals with sockets only, not with
 * the protocol.
 */

#ifndef CR_DIAL_H
#define CR_DIAL_H

#include <stdint.h>

#include "target/target.h"
#include "util/error.h"

struct addrinfo;

struct dial {
	const struct target	*target;
	int			 fd;		/* poll it for POLLOUT */
	int64_t			 began;
	int64_t			 deadline;
	int64_t			 due;		/* deadline of this address */
	struct addrinfo		*addresses;	/* from getaddrinfo, or NULL */
	const struct addrinfo	*address;	/* the address being tried */
};

enum dial_state {
	DIAL_WAIT,		/* poll, then call dial_step */
	DIAL_CONNECTED,
	DIAL_FAILED		/* the error is set */
};

/*
 * Starts connecting.  `deadline` is a time of clock_ms.  Blocks only to resolve
 * the host name of a TCP target.  The path of a unix socket may be of any
 * length.  The process that listens on a socket found by discovery must belong
 * to a trusted user or to the owner of the socket's directory.  Whatever it
 * returns, the caller must call dial_finish.
 */
enum dial_state	dial_begin(struct dial *, const struct target *,
		    int64_t deadline, struct error *);

/*
 * Advances without blocking.  Call it when poll(2) reports the descriptor or
 * `due` has passed.
 */
enum dial_state	dial_step(struct dial *, struct error *);

/* Returns the connected descriptor, which now belongs to the caller. */
int		dial_take(struct dial *);

/*
 * Frees all resources, including a descriptor that dial_take has not returned.
 */
void		dial_finish(struct dial *);

#endif
