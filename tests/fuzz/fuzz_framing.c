/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Framing: data that arrives in pieces of any size is split as if it had
 * arrived at once.  The first bytes are the sizes of the pieces, up to a 0.
 */

#include "fuzz.h"
#include "net/framing.h"

/*
 * Returns the end of the document that begins here, found line by line; 0 if it
 * is incomplete.
 */
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
check(const struct document *doc, const uint8_t *data, size_t size,
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
	struct document doc;
	struct framer framer;
	size_t count = 0, at, taken, piece, i = 0;
	char *room;

	while (count < size && data[count] != 0)
		count++;
	if (count == size)
		return 0;
	data += count + 1;
	size -= count + 1;

	heap_begin();
	framer_init(&framer);
	for (at = taken = 0; at < size; at += piece) {
		piece = count == 0 ? size : sizes[i++ % count];
		if (piece > size - at)
			piece = size - at;
		MUST((room = framer_reserve(&framer, piece)) != NULL);
		memcpy(room, data + at, piece);
		framer_commit(&framer, piece);
		/* Documents are not taken after every piece. */
		if (piece % 4 == 3 && at + piece < size)
			continue;
		while (framer_next(&framer, &doc))
			check(&doc, data, at + piece, &taken);
		MUST(document_end(data + taken, at + piece - taken) == 0);
		MUST(framer_pending(&framer) == at + piece - taken);
	}
	framer_finish(&framer);
	MUST(heap_peak() <= 32 * 1024 + 4 * size);
	return 0;
}
