/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What a protocol does for a connection (net/conn.h): it encodes what is sent
 * and takes messages out of what was received.  It never touches the socket.
 */

#ifndef CR_PROTOCOL_H
#define CR_PROTOCOL_H

#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "net/conn.h"
#include "net/framing.h"
#include "net/greeting.h"
#include "target/target.h"
#include "util/error.h"

#define PACKET_PIECES	3

/* A message to be sent: pieces of memory, one after the other. */
struct packet {
	struct iovec	 pieces[PACKET_PIECES];
	size_t		 count;
	size_t		 first;		/* that is not sent yet */
};

/* What a protocol remembers of one connection. */
struct protocol_state {
	const struct target	*target;
	const struct greeting	*greeting;
	int			 is_accepted;	/* the handshake was */
};

enum message {
	MESSAGE_NONE,		/* more bytes are needed */
	MESSAGE_ACCEPTED,	/* the answer to the handshake, a good one */
	MESSAGE_DOCUMENT,	/* a document, which is passed on */
	MESSAGE_INVALID		/* the error says what is wrong */
};

struct protocol {
	/* The first message that is sent.  Returns 0, or -1 with an error. */
	int		(*handshake)(struct protocol_state *, struct packet *,
			    struct error *);
	/* A line, whose bytes are referred to. */
	void		(*encode)(struct protocol_state *,
			    const struct conn_line *, struct packet *);
	/* The next message.  A document is valid as framer_next says. */
	enum message	(*decode)(struct protocol_state *, struct framer *,
			    struct document *, struct error *);
};

/* The text console. */
extern const struct protocol protocol_text;

/* Adds a piece to a packet, to which it is only a reference. */
void	packet_add(struct packet *, const char *data, size_t len);

#endif
