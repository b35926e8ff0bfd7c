/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/framing.h"

#define PUSH_TAG	"%TAG !push!"
#define SIZE_MIN	((size_t)16 * 1024)

/* What all of them have allocated. */
static size_t total;

void
wire_init(struct wire *wire)
{
	memset(wire, 0, sizeof(*wire));
}

void
wire_finish(struct wire *wire)
{
	free(wire->data);
	total -= wire->size;
	wire_init(wire);
}

/* Moves the document in progress to the front of `data`. */
static void
move_to_front(struct wire *wire, char *data)
{
	size_t pending = wire_pending(wire);

	if (pending > 0)
		memmove(data, wire->data + wire->start, pending);
	wire->scanned -= wire->start;
	wire->end = pending;
	wire->start = 0;
}

static int
grow(struct wire *wire, size_t need)
{
	size_t size;
	char *data;

	size = wire->size < SIZE_MIN ? SIZE_MIN : wire->size;
	while (size < need)
		size *= 2;
	if (size > WIRE_DOCUMENT_MAX)
		size = WIRE_DOCUMENT_MAX;
	if (size - wire->size > WIRE_TOTAL_MAX - total) {
		errno = EDQUOT;
		return -1;
	}
	if (wire->start == 0) {
		/* realloc can often enlarge in place, a copy never does. */
		if ((data = realloc(wire->data, size)) == NULL)
			return -1;
	} else {
		if ((data = malloc(size)) == NULL)
			return -1;
		move_to_front(wire, data);
		free(wire->data);
	}
	wire->data = data;
	total += size - wire->size;
	wire->size = size;
	return 0;
}

char *
wire_room(struct wire *wire, size_t want)
{
	size_t pending = wire_pending(wire);

	if (want > WIRE_DOCUMENT_MAX - pending) {
		errno = EMSGSIZE;
		return NULL;
	}
	/*
	 * A document in progress is moved once at most, as it then stands at
	 * the front: all moves together are linear.
	 */
	if (wire->start > 0 && (pending == 0 ||
	    (wire->size - wire->end < want && wire->size - pending >= want)))
		move_to_front(wire, wire->data);
	if (wire->size - wire->end < want &&
	    grow(wire, pending + want) == -1)
		return NULL;
	return wire->data + wire->end;
}

void
wire_put(struct wire *wire, size_t len)
{
	wire->end += len;
}

/* Whether the line that ends with this newline is the end marker. */
static int
is_end_marker(const struct wire *wire, const char *newline)
{
	const char *start = wire->data + wire->start;

	if (newline - start < 3 || memcmp(newline - 3, "...", 3) != 0)
		return 0;
	return newline - start == 3 || newline[-4] == '\n';
}

int
wire_next(struct wire *wire, struct wire_document *doc)
{
	const char *newline;

	/*
	 * Looking back from each newline, instead of at each line from its
	 * start, keeps a long line that comes in small pieces linear.
	 */
	while (wire->scanned < wire->end) {
		newline = memchr(wire->data + wire->scanned, '\n',
		    wire->end - wire->scanned);
		if (newline == NULL) {
			wire->scanned = wire->end;
			return 0;
		}
		wire->scanned = (size_t)(newline - wire->data) + 1;
		if (!is_end_marker(wire, newline))
			continue;
		doc->data = wire->data + wire->start;
		doc->len = wire->scanned - wire->start;
		doc->is_push = doc->len > sizeof(PUSH_TAG) - 1 &&
		    memcmp(doc->data, PUSH_TAG, sizeof(PUSH_TAG) - 1) == 0;
		wire->start = wire->scanned;
		return 1;
	}
	return 0;
}

size_t
wire_pending(const struct wire *wire)
{
	return wire->end - wire->start;
}
