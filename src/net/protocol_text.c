/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The protocol of the text console, which receives lines and sends YAML
 * documents.
 */

#include <ctype.h>
#include <string.h>

#include "net/protocol.h"

/*
 * The first line on every connection.  It sets the output format of the
 * session, because the instance may have another default.
 */
#define HANDSHAKE	"\\set output yaml\n"
#define HANDSHAKE_REPLY	"---\n- true\n...\n"

void
packet_add(struct packet *packet, const char *data, size_t len)
{
	struct iovec *piece = &packet->pieces[packet->count++];

	/* Casting away const is safe: sendmsg(2) only reads the memory. */
	piece->iov_base = (void *)(uintptr_t)data;
	piece->iov_len = len;
}

static int
handshake(struct protocol_state *state, struct packet *packet,
    struct error *error)
{
	(void)state;
	(void)error;
	packet_add(packet, HANDSHAKE, sizeof(HANDSHAKE) - 1);
	return 0;
}

static void
encode(struct protocol_state *state, const struct conn_line *line,
    struct packet *packet)
{
	(void)state;
	packet_add(packet, line->data, line->len);
	packet_add(packet, line->rest, line->rest_len);
	packet_add(packet, "\n", 1);
}

static enum message
check_handshake(struct protocol_state *state, const struct document *doc,
    struct error *error)
{
	char text[200];
	size_t i;

	if (doc->len == sizeof(HANDSHAKE_REPLY) - 1 &&
	    memcmp(doc->data, HANDSHAKE_REPLY, doc->len) == 0) {
		state->is_accepted = 1;
		return MESSAGE_ACCEPTED;
	}
	for (i = 0; i < doc->len && i < sizeof(text) - 1; i++)
		text[i] = isspace((unsigned char)doc->data[i]) ? ' ' :
		    doc->data[i] == '\0' ? '?' : doc->data[i];
	text[i] = '\0';
	error_set(error, ERROR_BAD_HANDSHAKE,
	    "the console rejected YAML as its output format: %s", text);
	return MESSAGE_INVALID;
}

static enum message
decode(struct protocol_state *state, struct framer *framer,
    struct document *doc, struct error *error)
{
	if (!framer_next(framer, doc))
		return MESSAGE_NONE;
	return state->is_accepted ? MESSAGE_DOCUMENT :
	    check_handshake(state, doc, error);
}

const struct protocol protocol_text = {
	.peer = "console",
	.advice = "the instance is busy, or --timeout is too short",
	.handshake = handshake,
	.encode = encode,
	.decode = decode
};
