/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The functions of a protocol, which a connection (net/conn.h) uses to encode
 * what it sends and to decode what it receives.  A protocol never touches the
 * socket.
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
	char		 own[IPROTO_HEAD_MAX];	/* holds the header */
};

/* The state of a protocol on one connection. */
struct protocol_state {
	const struct target	*target;
	const struct greeting	*greeting;
	int			 is_accepted;	/* the handshake was accepted */
	uint64_t		 sync;		/* id of the last request */
	uint64_t		 answered;	/* id of the last reply */
	char			*push;		/* push message, or NULL */
};

enum message {
	MESSAGE_NONE,		/* more bytes are needed */
	MESSAGE_ACCEPTED,	/* the handshake was accepted */
	MESSAGE_DOCUMENT,	/* a document */
	MESSAGE_REFUSED,	/* error instead of a reply; the error is set */
	MESSAGE_INVALID		/* bad message; the error is set */
};

struct protocol {
	/*
	 * Set if a line may be sent only after the reply to the previous one
	 * has arrived.
	 */
	int		 one_at_a_time;
	/*
	 * Parts of the error message for an unanswered handshake: the name of
	 * the peer, and advice to the user.
	 */
	const char	*peer;
	const char	*advice;
	/* Builds the handshake.  Returns 0, or -1 with an error. */
	int		(*handshake)(struct protocol_state *, struct packet *,
			    struct error *);
	/* Encodes a line without copying its bytes. */
	void		(*encode)(struct protocol_state *,
			    const struct conn_line *, struct packet *);
	/*
	 * Decodes the next message.  The document is valid until the next call
	 * or framer_reserve.
	 */
	enum message	(*decode)(struct protocol_state *, struct framer *,
			    struct document *, struct error *);
};

extern const struct protocol protocol_text;	/* the text console */
extern const struct protocol protocol_iproto;	/* the binary port */

/* Appends a piece of memory to a packet, without copying it. */
void	packet_add(struct packet *, const char *data, size_t len);

#endif
