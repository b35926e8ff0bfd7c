/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/epoll.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/poller.h"
#include "util/clock.h"

/* The maximum number of descriptors that one call of epoll_wait(2) reports. */
#define BATCH		128

/* The maximum duration of one wait, in milliseconds.  It must fit in an int. */
#define WAIT_MAX_MS	60000

struct poller {
	int	 epoll;
	size_t	 slots;
	int	 fds[];		/* descriptor of each slot, or -1 */
};

struct poller *
poller_new(size_t slots, struct error *error)
{
	struct poller *poller;
	size_t i;

	poller = slots > (SIZE_MAX - sizeof(*poller)) / sizeof(poller->fds[0]) ?
	    NULL : malloc(sizeof(*poller) + slots * sizeof(poller->fds[0]));
	if (poller == NULL) {
		error_out_of_memory(error);
		return NULL;
	}
	poller->slots = slots;
	for (i = 0; i < slots; i++)
		poller->fds[i] = -1;
	if ((poller->epoll = epoll_create1(EPOLL_CLOEXEC)) == -1) {
		error_set(error, ERROR_LOCAL,
		    "epoll_create1: %s", strerror(errno));
		free(poller);
		return NULL;
	}
	return poller;
}

void
poller_free(struct poller *poller)
{
	if (poller == NULL)
		return;
	close(poller->epoll);
	free(poller);
}

int
poller_set(struct poller *poller, size_t slot, int fd, short events,
    struct error *error)
{
	struct epoll_event event;
	int before = poller->fds[slot], result = -1;

	poller->fds[slot] = fd;
	/* Ignore errors: a closed descriptor is no longer in the epoll set. */
	if (before != -1 && before != fd)
		epoll_ctl(poller->epoll, EPOLL_CTL_DEL, before, NULL);
	if (fd == -1)
		return 0;
	memset(&event, 0, sizeof(event));
	event.events = ((events & POLLIN) != 0 ? (uint32_t)EPOLLIN : 0) |
	    ((events & POLLOUT) != 0 ? (uint32_t)EPOLLOUT : 0);
	event.data.u64 = slot;
	/*
	 * If the descriptor was closed and its number reused, EPOLL_CTL_MOD
	 * fails with ENOENT.  Add the new descriptor in that case.
	 */
	if (before == fd)
		result = epoll_ctl(poller->epoll, EPOLL_CTL_MOD, fd, &event);
	if (result == -1 && (before != fd || errno == ENOENT))
		result = epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event);
	if (result == 0)
		return 0;
	return error_set(error, errno == ENOMEM ?
	    ERROR_OUT_OF_MEMORY : ERROR_LOCAL,
	    "epoll_ctl: %s", strerror(errno));
}

void
poller_wait(struct poller *poller, int64_t until,
    void (*ready)(size_t slot, void *arg), void *arg)
{
	struct epoll_event events[BATCH];
	int64_t left = until - clock_ms();
	int count, i;

	left = left < 0 ? 0 : left > WAIT_MAX_MS ? WAIT_MAX_MS : left;
	count = epoll_wait(poller->epoll, events, BATCH, (int)left);
	for (i = 0; i < count; i++)
		ready((size_t)events[i].data.u64, arg);
}
