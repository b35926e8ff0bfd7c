/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/linereader.h"

#define READ_SIZE	((size_t)64 * 1024)

void
lines_init(struct lines *lines, int fd)
{
	memset(lines, 0, sizeof(*lines));
	lines->fd = fd;
}

void
lines_finish(struct lines *lines)
{
	free(lines->data);
	lines->data = NULL;
}

char *
lines_next(struct lines *lines, size_t *len)
{
	char *line, *newline = NULL;

	if (lines->data == NULL)
		return NULL;
	line = lines->data + lines->start;
	if (lines->scanned < lines->end)
		newline = memchr(lines->data + lines->scanned, '\n',
		    lines->end - lines->scanned);
	if (newline != NULL) {
		*len = (size_t)(newline - line);
		lines->start += *len + 1;
	} else if (lines->is_over && lines->start < lines->end) {
		*len = lines->end - lines->start;
		lines->start = lines->end;
	} else {
		lines->scanned = lines->end;
		return NULL;
	}
	lines->scanned = lines->start;
	if (*len > 0 && line[*len - 1] == '\r')
		(*len)--;
	line[*len] = '\0';
	return line;
}

/* Makes room for one read and a NUL behind it. */
static int
make_room(struct lines *lines, struct error *error)
{
	size_t pending = lines->end - lines->start, size;
	char *data;

	if (lines->start > 0) {
		memmove(lines->data, lines->data + lines->start, pending);
		lines->scanned -= lines->start;
		lines->start = 0;
		lines->end = pending;
	}
	if (pending > LINES_MAX)
		return error_set(error, ERROR_USAGE,
		    "a line is longer than %zu MiB", LINES_MAX / 1024 / 1024);
	if (lines->size - lines->end > READ_SIZE)
		return 0;
	size = 2 * lines->size > 2 * READ_SIZE ? 2 * lines->size :
	    2 * READ_SIZE;
	if ((data = realloc(lines->data, size)) == NULL)
		return error_out_of_memory(error);
	lines->data = data;
	lines->size = size;
	return 0;
}

int
lines_read(struct lines *lines, struct error *error)
{
	ssize_t len;

	if (make_room(lines, error) == -1)
		return -1;
	len = read(lines->fd, lines->data + lines->end, READ_SIZE);
	if (len > 0)
		lines->end += (size_t)len;
	else if (len == 0)
		lines->is_over = 1;
	else if (errno != EINTR && errno != EAGAIN)
		return error_set(error, ERROR_LOCAL,
		    "cannot read standard input: %s", strerror(errno));
	return 0;
}
