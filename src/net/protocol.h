/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A protocol encodes what a connection (net/conn.h) sends and decodes what the
 * connection receives.  A protocol never touches the socket.
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

/* A message to send.  Its bytes are in several pieces of memory. */
struct packet {
	struct iovec	 pieces[PACKET_PIECES];
	size_t		 count;
	size_t		 first;		/* index of the first unsent piece */
	char		 own[IPROTO_HEAD_MAX];	/* memory for the header */
};

struct protocol_state {
	const struct target	*target;
	const struct greeting	*greeting;
	int			 is_accepted;
	uint64_t		 sync;		/* id of the last request */
	uint64_t		 answered;	/* id of the last reply */
	char			*push;		/* last push message, or NULL */
};

enum message {
	MESSAGE_NONE,		/* more bytes are needed */
	MESSAGE_ACCEPTED,	/* the handshake was accepted */
	MESSAGE_DOCUMENT,	/* a document */
	MESSAGE_REFUSED,	/* an error reply; `error` is set */
	MESSAGE_INVALID		/* an invalid message; `error` is set */
};

struct protocol {
	/* Set if each line must wait for the reply to the previous line. */
	int		 one_at_a_time;
	/*
	 * Parts of the error message for an unanswered handshake: the kind of
	 * peer, and advice to the user.
	 */
	const char	*peer;
	const char	*advice;
	/* Encodes the handshake.  Returns 0, or -1 with an error. */
	int		(*handshake)(struct protocol_state *, struct packet *,
			    struct error *);
	/* Encodes a line without copying its bytes. */
	void		(*encode)(struct protocol_state *,
			    const struct conn_line *, struct packet *);
	/*
	 * Decodes the next message.  The document is valid until the next call
	 * of this function or of framer_reserve.
	 */
	enum message	(*decode)(struct protocol_state *, struct framer *,
			    struct document *, struct error *);
};

extern const struct protocol protocol_text;
extern const struct protocol protocol_iproto;

/* Appends a piece of memory to a packet, without copying it. */
void	packet_add(struct packet *, const char *data, size_t len);

#endif
