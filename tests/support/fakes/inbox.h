/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What the fake consoles have received and not taken yet.
 */

#ifndef CR_TEST_INBOX_H
#define CR_TEST_INBOX_H

#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* The least room that there is for what comes next, in bytes. */
#define INBOX_ROOM	65536

static inline void *
must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

/*
 * Adds what is there to the `len` bytes of an allocation of `size`, which grows
 * if need be; `len` is left to the caller.  Does not block.  Returns the bytes,
 * 0 if there is nothing, or -1 if the other side is gone.
 */
static inline ssize_t
inbox_receive(int fd, char **data, size_t len, size_t *size)
{
	ssize_t got;

	if (*size - len < INBOX_ROOM) {
		*size += *size + INBOX_ROOM;
		*data = must(realloc(*data, *size));
	}
	got = recv(fd, *data + len, *size - len, MSG_DONTWAIT);
	if (got == -1 && errno == EAGAIN)
		return 0;
	return got > 0 ? got : -1;
}

#endif
