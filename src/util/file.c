/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/file.h"

#define FIRST_SIZE	4096

char *
file_read(int fd, size_t max, size_t *len)
{
	char *data = NULL, *grown;
	size_t size = 0;
	ssize_t got;
	int error;

	*len = 0;
	for (;;) {
		/* Make room for at least one more byte and the NUL. */
		if (size - *len < 2) {
			size = size == 0 ? FIRST_SIZE : 2 * size;
			if ((grown = realloc(data, size)) == NULL)
				break;
			data = grown;
		}
		got = read(fd, data + *len, size - *len - 1);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			break;
		if (got == 0) {
			data[*len] = '\0';
			return data;
		}
		*len += (size_t)got;
		if (*len > max) {
			errno = EFBIG;
			break;
		}
	}
	error = errno;
	free(data);
	errno = error;
	return NULL;
}
