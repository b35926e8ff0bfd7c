/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The framing of the text console: bytes in, whole documents out.  Knows where
 * a document ends and whether it is a push message, and no YAML.
 *
 * A document ends at the first line that is exactly "..."; values cannot
 * contain such a line, as the server indents their continuation lines.  A
 * push message begins with "%TAG !push!" and is followed by further
 * documents; the final reply of a request is the first document that does not.
 */

#ifndef CR_FRAMING_H
#define CR_FRAMING_H

#include <stddef.h>

/* The most bytes that one document may have. */
#define WIRE_DOCUMENT_MAX	((size_t)64 * 1024 * 1024)

/*
 * The most bytes that all unfinished documents of this process may take of the
 * heap together: many peers can send at a time.
 */
#define WIRE_TOTAL_MAX		((size_t)256 * 1024 * 1024)

struct wire {
	char	*data;
	size_t	 size;		/* allocated */
	size_t	 start;		/* of the document in progress */
	size_t	 scanned;	/* no end marker ends before this */
	size_t	 end;		/* of the bytes received */
};

struct wire_document {
	const char	*data;
	size_t		 len;	/* with the end marker */
	int		 is_push;
};

/* A wire with nothing on it; wire_finish frees what it holds. */
void	 wire_init(struct wire *);
void	 wire_finish(struct wire *);

/*
 * Room for at least `want` more bytes; what is written there is put on the
 * wire by wire_put.  Invalidates the documents returned before.  Returns NULL
 * if the document in progress would pass WIRE_DOCUMENT_MAX, if all together
 * would pass WIRE_TOTAL_MAX, or if memory is out (errno EMSGSIZE, EDQUOT or
 * ENOMEM).
 */
char	*wire_room(struct wire *, size_t want);
void	 wire_put(struct wire *, size_t len);

/*
 * Takes the next whole document off the wire.  Returns 1, or 0 if more bytes
 * are needed.  The document is valid until wire_room or wire_finish.  The
 * time of all calls together is linear in the bytes received.
 */
int	 wire_next(struct wire *, struct wire_document *);

/* Bytes of an unfinished document on the wire. */
size_t	 wire_pending(const struct wire *);

#endif
