/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The binary protocol: whatever a server sends, in pieces of any size, is
 * rejected or becomes whole documents.  The first byte tells whether the
 * handshake is over; the following bytes, up to a 0, are the sizes of the
 * pieces.
 */

#define _GNU_SOURCE	/* memmem */

#include "fuzz.h"
#include "net/protocol.h"

static void
check(const struct document *doc)
{
	static const char end[] = "\n...\n";
	const char *found;

	MUST(doc->len >= sizeof(end) - 1);
	MUST(memcmp(doc->data, doc->is_push ? "%TAG !push!" : "---",
	    doc->is_push ? 11 : 3) == 0);
	found = memmem(doc->data, doc->len, end, sizeof(end) - 1);
	MUST(found != NULL && found + sizeof(end) - 1 == doc->data + doc->len);
}

static void
run(struct protocol_state *state, struct framer *framer, const uint8_t *data,
    size_t size, const uint8_t *sizes, size_t count)
{
	struct document doc;
	struct error error;
	enum message message;
	size_t at, piece, i = 0;
	char *room;

	for (at = 0; at < size; at += piece) {
		piece = count == 0 ? size : sizes[i++ % count];
		if (piece > size - at)
			piece = size - at;
		MUST((room = framer_reserve(framer, piece)) != NULL);
		memcpy(room, data + at, piece);
		framer_commit(framer, piece);
		while ((message = protocol_iproto.decode(state, framer, &doc,
		    &error)) != MESSAGE_NONE) {
			if (message == MESSAGE_INVALID)
				return;
			if (message == MESSAGE_DOCUMENT)
				check(&doc);
			/* As if another request had been sent. */
			state->sync = state->answered + 1;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char user[] = "op";
	const struct target target = { .user = user };
	struct protocol_state state = { .target = &target, .sync = 1 };
	struct framer framer;
	const uint8_t *sizes;
	size_t count = 0;

	if (size == 0)
		return 0;
	state.is_accepted = *data++ & 1;
	size--;
	sizes = data;
	while (count < size && data[count] != 0)
		count++;
	if (count == size)
		return 0;
	heap_begin();
	framer_init(&framer);
	run(&state, &framer, data + count + 1, size - count - 1, sizes, count);
	framer_finish(&framer);
	free(state.push);
	/* A byte of a push message can become four, and is copied once. */
	MUST(heap_peak() <= 64 * 1024 + 24 * size);
	return 0;
}
