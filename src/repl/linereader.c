/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/linereader.h"

#define READ_SIZE	((size_t)64 * 1024)

void
linereader_init(struct linereader *reader, int fd)
{
	memset(reader, 0, sizeof(*reader));
	reader->fd = fd;
}

void
linereader_finish(struct linereader *reader)
{
	free(reader->data);
	reader->data = NULL;
}

char *
linereader_next(struct linereader *reader, size_t *len)
{
	char *line, *newline = NULL;

	if (reader->data == NULL)
		return NULL;
	line = reader->data + reader->start;
	if (reader->scanned < reader->end)
		newline = memchr(reader->data + reader->scanned, '\n',
		    reader->end - reader->scanned);
	if (newline != NULL) {
		*len = (size_t)(newline - line);
		reader->start += *len + 1;
	} else if (reader->is_over && reader->start < reader->end) {
		*len = reader->end - reader->start;
		reader->start = reader->end;
	} else {
		reader->scanned = reader->end;
		return NULL;
	}
	reader->scanned = reader->start;
	if (*len > 0 && line[*len - 1] == '\r')
		(*len)--;
	line[*len] = '\0';
	return line;
}

/* Makes room in the buffer for one read(2) and a terminating NUL. */
static int
make_room(struct linereader *reader, struct error *error)
{
	size_t pending = reader->end - reader->start, size;
	char *data;

	if (reader->start > 0) {
		memmove(reader->data, reader->data + reader->start, pending);
		reader->scanned -= reader->start;
		reader->start = 0;
		reader->end = pending;
	}
	if (pending > LINEREADER_MAX)
		return error_set(error, ERROR_USAGE,
		    "a line is longer than %zu MiB",
			    LINEREADER_MAX / 1024 / 1024);
	if (reader->size - reader->end > READ_SIZE)
		return 0;
	size = 2 * reader->size > 2 * READ_SIZE ? 2 * reader->size :
	    2 * READ_SIZE;
	if ((data = realloc(reader->data, size)) == NULL)
		return error_out_of_memory(error);
	reader->data = data;
	reader->size = size;
	return 0;
}

int
linereader_read(struct linereader *reader, struct error *error)
{
	ssize_t len;

	if (make_room(reader, error) == -1)
		return -1;
	len = read(reader->fd, reader->data + reader->end, READ_SIZE);
	if (len > 0)
		reader->end += (size_t)len;
	else if (len == 0)
		reader->is_over = 1;
	else if (errno != EINTR && errno != EAGAIN)
		return error_set(error, ERROR_LOCAL,
		    "cannot read standard input: %s", strerror(errno));
	return 0;
}
