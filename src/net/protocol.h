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
#include "net/iproto.h"
#include "target/target.h"
#include "util/error.h"

#define PACKET_PIECES	3

/* A message to be sent: pieces of memory, one after the other. */
struct packet {
	struct iovec	 pieces[PACKET_PIECES];
	size_t		 count;
	size_t		 first;		/* that is not sent yet */
	char		 own[IPROTO_HEAD_MAX];	/* bytes of the protocol */
};

/* What a protocol remembers of one connection. */
struct protocol_state {
	const struct target	*target;
	const struct greeting	*greeting;
	int			 is_accepted;	/* the handshake was */
	uint64_t		 sync;		/* of the last request */
	uint64_t		 answered;	/* of the last one with a reply */
	char			*push;		/* being passed on; to be freed */
};

enum message {
	MESSAGE_NONE,		/* more bytes are needed */
	MESSAGE_ACCEPTED,	/* the answer to the handshake, a good one */
	MESSAGE_DOCUMENT,	/* a document, which is passed on */
	MESSAGE_REFUSED,	/* in place of a reply; the error says why */
	MESSAGE_INVALID		/* the error says what is wrong */
};

struct protocol {
	/* A line is sent once the one before it is answered. */
	int		 one_at_a_time;
	/* What does not answer the handshake, and why that may be. */
	const char	*peer;
	const char	*advice;
	/* The first message that is sent.  Returns 0, or -1 with an error. */
	int		(*handshake)(struct protocol_state *, struct packet *,
			    struct error *);
	/* A line, whose bytes are referred to. */
	void		(*encode)(struct protocol_state *,
			    const struct conn_line *, struct packet *);
	/*
	 * The next message.  A document is valid until the next call or
	 * framer_reserve.
	 */
	enum message	(*decode)(struct protocol_state *, struct framer *,
			    struct document *, struct error *);
};

extern const struct protocol protocol_text;	/* the text console */
extern const struct protocol protocol_iproto;	/* the binary port */

/* Adds a piece to a packet, to which it is only a reference. */
void	packet_add(struct packet *, const char *data, size_t len);

#endif
