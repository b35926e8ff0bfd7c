/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Waits for many descriptors with epoll(7).  Each descriptor is registered
 * under a slot number that the caller chooses.  The cost of a wait depends on
 * the number of ready descriptors, not on the number of registered ones.
 */

#ifndef CR_POLLER_H
#define CR_POLLER_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct poller;

/*
 * Creates a poller with `slots` slots, numbered from 0.  Returns NULL with an
 * error on failure.
 */
struct poller	*poller_new(size_t slots, struct error *);
void		 poller_free(struct poller *);

/*
 * Sets the descriptor of a slot and the poll(2) events to wait for.  Replaces
 * the previous descriptor of the slot; -1 clears the slot.  When the descriptor
 * of a slot is opened or closed, call this function for that slot before the
 * next wait and before any call for another slot: the other slot may already
 * use the number of the closed descriptor.  Returns 0, or -1 with an error.
 */
int		 poller_set(struct poller *, size_t slot, int fd, short events,
		    struct error *);

/*
 * Waits until a descriptor is ready, a signal arrives, or clock_ms reaches
 * `until`, but for at most one minute.  Then calls `ready` for each ready slot.
 * If very many slots are ready, leaves some of them to the next call.
 */
void		 poller_wait(struct poller *, int64_t until,
		    void (*ready)(size_t slot, void *arg), void *arg);

#endif
