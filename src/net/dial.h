/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Connects to a target: a unix socket at once, a TCP host through one of its
 * addresses after the other.  Knows sockets, and nothing of what is said on them.
 */

#ifndef CR_DIAL_H
#define CR_DIAL_H

#include <stdint.h>

#include "target/target.h"
#include "util/error.h"

struct addrinfo;

struct dial {
	const struct target	*target;
	int			 fd;		/* to poll for POLLOUT */
	int64_t			 began;
	int64_t			 deadline;
	int64_t			 due;		/* of the address being tried */
	struct addrinfo		*addresses;	/* of a TCP host */
	const struct addrinfo	*address;	/* the one being tried */
};

enum dial_state {
	DIAL_WAIT,		/* poll, then step */
	DIAL_CONNECTED,
	DIAL_FAILED		/* the error says why */
};

/*
 * Begins to connect, to be done by `deadline`, a time of clock_ms.  Resolving
 * the name of a TCP host is the one thing that blocks.  A unix path of any
 * length works; a socket that was found, and not given, must be served by its
 * owner or by somebody trusted.  dial_finish is to be called in any case.
 */
enum dial_state	dial_begin(struct dial *, const struct target *,
		    int64_t deadline, struct error *);

/* Goes on without blocking, when poll says so or `due` has come. */
enum dial_state	dial_step(struct dial *, struct error *);

/* The connected descriptor, which is the caller's from then on. */
int		dial_take(struct dial *);

/* Frees what it holds, and closes a descriptor that was not taken. */
void		dial_finish(struct dial *);

#endif
