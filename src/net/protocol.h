/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The operations of a protocol, used by a connection (net/conn.h): it encodes
 * what is sent and decodes what is received.  It never touches the socket.
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

/* A message to send: consecutive pieces of memory. */
struct packet {
	struct iovec	 pieces[PACKET_PIECES];
	size_t		 count;
	size_t		 first;		/* first unsent piece */
	char		 own[IPROTO_HEAD_MAX];	/* bytes of the protocol */
};

/* The state of a protocol on one connection. */
struct protocol_state {
	const struct target	*target;
	const struct greeting	*greeting;
	int			 is_accepted;	/* handshake accepted */
	uint64_t		 sync;		/* of the last request */
	uint64_t		 answered;	/* of the last reply */
	char			*push;		/* to be freed, or NULL */
};

enum message {
	MESSAGE_NONE,		/* more bytes are needed */
	MESSAGE_ACCEPTED,	/* the handshake was accepted */
	MESSAGE_DOCUMENT,	/* a document */
	MESSAGE_REFUSED,	/* in place of a reply; the error says why */
	MESSAGE_INVALID		/* the error is set */
};

struct protocol {
	/* Send a line only after the reply to the previous one. */
	int		 one_at_a_time;
	/*
	 * The name of the peer and advice for a handshake that is not answered.
	 */
	const char	*peer;
	const char	*advice;
	/* Builds the first message.  Returns 0, or -1 with an error. */
	int		(*handshake)(struct protocol_state *, struct packet *,
			    struct error *);
	/* Encodes a line without copying its bytes. */
	void		(*encode)(struct protocol_state *,
			    const struct conn_line *, struct packet *);
	/*
	 * Decodes the next message.  A document is valid until the next call or
	 * framer_reserve.
	 */
	enum message	(*decode)(struct protocol_state *, struct framer *,
			    struct document *, struct error *);
};

extern const struct protocol protocol_text;	/* the text console */
extern const struct protocol protocol_iproto;	/* the binary port */

/* Appends a piece to a packet, by reference. */
void	packet_add(struct packet *, const char *data, size_t len);

#endif
