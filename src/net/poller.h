/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Waits for many descriptors with epoll(7).  Each descriptor is registered for
 * a slot, a number chosen by the caller.  The cost of a wait depends on the
 * number of ready descriptors, not on that of registered ones.
 */

#ifndef CR_POLLER_H
#define CR_POLLER_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct poller;

/*
 * Creates a poller with `slots` slots, which are numbered from 0.  Returns NULL
 * with an error on failure.
 */
struct poller	*poller_new(size_t slots, struct error *);
void		 poller_free(struct poller *);

/*
 * Registers a descriptor for a slot, and the events of poll(2) to wait for.
 * Replaces what was registered for the slot before.  The descriptor -1 clears
 * the slot.  Whenever the slot's descriptor may have been opened or closed,
 * call this function before changing another slot.  Returns 0, or -1 with an
 * error.
 */
int		 poller_set(struct poller *, size_t slot, int fd, short events,
		    struct error *);

/*
 * Waits until a descriptor is ready, until the given time of clock_ms, or until
 * a signal arrives, and calls `ready` for each ready slot.
 */
void		 poller_wait(struct poller *, int64_t until,
		    void (*ready)(size_t slot, void *arg), void *arg);

#endif
