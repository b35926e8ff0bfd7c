/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/framing.h"

#define PUSH_TAG	"%TAG !push!"
#define SIZE_MIN	((size_t)16 * 1024)

/* The total size of the buffers of all framers, in bytes. */
static size_t total;

void
framer_init(struct framer *framer)
{
	memset(framer, 0, sizeof(*framer));
}

void
framer_finish(struct framer *framer)
{
	free(framer->data);
	total -= framer->size;
	framer_init(framer);
}

/* Moves the unfinished document to the start of the buffer `data`. */
static void
move_to_front(struct framer *framer, char *data)
{
	size_t pending = framer_pending(framer);

	if (pending > 0)
		memmove(data, framer->data + framer->start, pending);
	framer->scanned -= framer->start;
	framer->end = pending;
	framer->start = 0;
}

static int
grow(struct framer *framer, size_t need)
{
	size_t size;
	char *data;

	size = framer->size < SIZE_MIN ? SIZE_MIN : framer->size;
	while (size < need)
		size *= 2;
	if (size > FRAMER_DOCUMENT_MAX)
		size = FRAMER_DOCUMENT_MAX;
	if (size - framer->size > FRAMER_TOTAL_MAX - total) {
		errno = EDQUOT;
		return -1;
	}
	if (framer->start == 0) {
		/* realloc(3) can often grow the buffer without copying it. */
		if ((data = realloc(framer->data, size)) == NULL)
			return -1;
	} else {
		if ((data = malloc(size)) == NULL)
			return -1;
		move_to_front(framer, data);
		free(framer->data);
	}
	framer->data = data;
	total += size - framer->size;
	framer->size = size;
	return 0;
}

char *
framer_reserve(struct framer *framer, size_t want)
{
	size_t pending = framer_pending(framer);

	if (want > FRAMER_DOCUMENT_MAX - pending) {
		errno = EMSGSIZE;
		return NULL;
	}
	/*
	 * A document is moved at most once, because afterwards it starts at the
	 * front of the buffer.  The total cost of all moves is therefore
	 * linear.
	 */
	if (framer->start > 0 && (pending == 0 ||
	    (framer->size - framer->end < want &&
	    framer->size - pending >= want)))
		move_to_front(framer, framer->data);
	if (framer->size - framer->end < want &&
	    grow(framer, pending + want) == -1)
		return NULL;
	return framer->data + framer->end;
}

void
framer_commit(struct framer *framer, size_t len)
{
	framer->end += len;
}

/* Whether the line that ends with this newline is the end marker "...". */
static int
is_end_marker(const struct framer *framer, const char *newline)
{
	const char *start = framer->data + framer->start;

	if (newline - start < 3 || memcmp(newline - 3, "...", 3) != 0)
		return 0;
	return newline - start == 3 || newline[-4] == '\n';
}

int
framer_next(struct framer *framer, struct document *doc)
{
	const char *newline;

	/*
	 * Search only the new bytes for newlines, and check the characters
	 * before each newline.  Rescanning a long line from its start with each
	 * received piece would take quadratic time.
	 */
	while (framer->scanned < framer->end) {
		newline = memchr(framer->data + framer->scanned, '\n',
		    framer->end - framer->scanned);
		if (newline == NULL) {
			framer->scanned = framer->end;
			return 0;
		}
		framer->scanned = (size_t)(newline - framer->data) + 1;
		if (!is_end_marker(framer, newline))
			continue;
		doc->data = framer->data + framer->start;
		doc->len = framer->scanned - framer->start;
		doc->is_push = doc->len > sizeof(PUSH_TAG) - 1 &&
		    memcmp(doc->data, PUSH_TAG, sizeof(PUSH_TAG) - 1) == 0;
		framer->start = framer->scanned;
		return 1;
	}
	return 0;
}

size_t
framer_pending(const struct framer *framer)
{
	return framer->end - framer->start;
}

const char *
framer_data(const struct framer *framer)
{
	return framer->data == NULL ? NULL : framer->data + framer->start;
}

const char *
framer_take(struct framer *framer, size_t len)
{
	const char *data = framer_data(framer);

	framer->start += len;
	framer->scanned = framer->start;
	return data;
}
