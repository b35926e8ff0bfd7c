/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* The input buffer of the fake consoles. */

#ifndef CR_TEST_INBOX_H
#define CR_TEST_INBOX_H

#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* The least free space for the next recv(2), in bytes. */
#define INBOX_ROOM	65536

static inline void *
must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

/*
 * Appends what has arrived to a buffer that holds `len` of `size` bytes, and
 * grows the buffer if needed; the caller updates `len`.  Does not block.
 * Returns the number of bytes, 0 if there is nothing, or -1 if the peer is
 * gone.
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
