/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Splits the bytes from a text console into documents.  Finds where each
 * document ends, and determines whether the document is a push message, without
 * parsing YAML.
 *
 * A document ends at the first line that is exactly "...".  No value contains
 * such a line, because the server indents continuation lines.  A push message
 * starts with "%TAG !push!".  The first document without this tag is the reply
 * to the request.
 */

#ifndef CR_FRAMING_H
#define CR_FRAMING_H

#include <stddef.h>

/* The maximum size of a document, in bytes. */
#define FRAMER_DOCUMENT_MAX	((size_t)64 * 1024 * 1024)

/*
 * The maximum total size of all buffers, in bytes.  The limit for one document
 * is not enough, because many peers may send large documents at the same time.
 */
#define FRAMER_TOTAL_MAX		((size_t)256 * 1024 * 1024)

struct framer {
	char	*data;
	size_t	 size;		/* allocated size of `data` */
	size_t	 start;		/* start of the current document */
	size_t	 scanned;	/* the search for the end marker resumes here */
	size_t	 end;		/* end of the received bytes */
};

struct document {
	const char	*data;
	size_t		 len;	/* length, including the end marker */
	int		 is_push;
};

/* framer_init initialises an empty framer.  framer_finish frees its memory. */
void	 framer_init(struct framer *);
void	 framer_finish(struct framer *);

/*
 * framer_reserve returns space for at least `want` more bytes, and invalidates
 * all documents returned earlier.  framer_commit adds the bytes that the caller
 * has written to this space.
 *
 * On failure, framer_reserve returns NULL and sets errno.  EMSGSIZE means that
 * the document would exceed FRAMER_DOCUMENT_MAX.  EDQUOT means that all buffers
 * together would exceed FRAMER_TOTAL_MAX.  ENOMEM means that memory has run
 * out.
 */
char	*framer_reserve(struct framer *, size_t want);
void	 framer_commit(struct framer *, size_t len);

/*
 * Extracts the next complete document.  Returns 1, or 0 if more bytes are
 * needed.  The document is valid until framer_reserve or framer_finish is
 * called.  The total time of all calls is linear in the number of received
 * bytes.
 */
int	 framer_next(struct framer *, struct document *);

/*
 * framer_pending returns the number of bytes of the unfinished document.
 * framer_data returns a pointer to them.
 */
size_t	 framer_pending(const struct framer *);
const char	*framer_data(const struct framer *);

/*
 * Removes the first `len` pending bytes and returns a pointer to them, for
 * protocols with length-prefixed messages.  The bytes are valid until
 * framer_reserve or framer_finish is called.
 */
const char	*framer_take(struct framer *, size_t len);

#endif
