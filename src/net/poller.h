/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Waits for many descriptors at once; each is watched for a slot, which is a
 * number of the caller.  What it takes does not depend on how many there are,
 * but on how many are ready.
 */

#ifndef CR_POLLER_H
#define CR_POLLER_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct poller;

/* A poller for slots 0 to slots - 1.  Returns NULL with an error. */
struct poller	*poller_new(size_t slots, struct error *);
void		 poller_free(struct poller *);

/*
 * Watches a descriptor for the events of poll(2) from now on, instead of the
 * one before of this slot; -1 for none.  To be called after everything that
 * may have opened or closed one, before the same is done for another slot.
 * Returns 0, or -1 with an error.
 */
int		 poller_set(struct poller *, size_t slot, int fd, short events,
		    struct error *);

/*
 * Waits until something is ready, until that time of clock_ms, or for a
 * signal, and calls `ready` for each slot that is; not for one whose events
 * are none of poll's.
 */
void		 poller_wait(struct poller *, int64_t until,
		    void (*ready)(size_t slot, void *arg), void *arg);

#endif
