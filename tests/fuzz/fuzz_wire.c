/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The wire: what comes in pieces of any size is split as it would be in one.
 * The first bytes are the sizes of the pieces, up to a 0.
 */

#include "fuzz.h"
#include "net/framing.h"

/* Where the document that begins here ends, by lines; 0 if it does not. */
static size_t
document_end(const uint8_t *data, size_t size)
{
	size_t start, i;

	for (start = i = 0; i < size; i++) {
		if (data[i] != '\n')
			continue;
		if (i - start == 3 && memcmp(data + start, "...", 3) == 0)
			return i + 1;
		start = i + 1;
	}
	return 0;
}

static void
check(const struct wire_document *doc, const uint8_t *data, size_t size,
    size_t *taken)
{
	static const char tag[] = "%TAG !push!";
	size_t len = document_end(data + *taken, size - *taken);

	MUST(len > 0 && doc->len == len);
	MUST(memcmp(doc->data, data + *taken, len) == 0);
	MUST(doc->is_push == (len >= sizeof(tag) &&
	    memcmp(data + *taken, tag, sizeof(tag) - 1) == 0));
	*taken += len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *sizes = data;
	struct wire_document doc;
	struct wire wire;
	size_t count = 0, at, taken, piece, i = 0;
	char *room;

	while (count < size && data[count] != 0)
		count++;
	if (count == size)
		return 0;
	data += count + 1;
	size -= count + 1;

	heap_begin();
	wire_init(&wire);
	for (at = taken = 0; at < size; at += piece) {
		piece = count == 0 ? size : sizes[i++ % count];
		if (piece > size - at)
			piece = size - at;
		MUST((room = wire_room(&wire, piece)) != NULL);
		memcpy(room, data + at, piece);
		wire_put(&wire, piece);
		/* Not after each piece is it asked for. */
		if (piece % 4 == 3 && at + piece < size)
			continue;
		while (wire_next(&wire, &doc))
			check(&doc, data, at + piece, &taken);
		MUST(document_end(data + taken, at + piece - taken) == 0);
		MUST(wire_pending(&wire) == at + piece - taken);
	}
	wire_finish(&wire);
	MUST(heap_peak() <= 32 * 1024 + 4 * size);
	return 0;
}
