/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Connects to a target: to a unix socket at once, to a TCP host by trying its
 * addresses in turn.  Deals with sockets only, not with the protocol.
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
	int64_t			 due;		/* time limit of this address */
	struct addrinfo		*addresses;	/* of the host, or NULL */
	const struct addrinfo	*address;	/* the address being tried */
};

enum dial_state {
	DIAL_WAIT,		/* poll, then call dial_step */
	DIAL_CONNECTED,
	DIAL_FAILED		/* the error is set */
};

/*
 * Starts connecting.  `deadline` is a time of clock_ms.  Blocks only to resolve
 * the host name of a TCP target.  A unix path may be of any length.  A socket
 * found by discovery must be served by a trusted user or by the owner of its
 * directory.  The caller always calls dial_finish.
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

/* Frees all resources, and closes a descriptor that was not taken. */
void		dial_finish(struct dial *);

#endif
