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
#define FRAMER_DOCUMENT_MAX	((size_t)64 * 1024 * 1024)

/*
 * The most bytes that all unfinished documents of this process may take of the
 * heap together: many peers can send at a time.
 */
#define FRAMER_TOTAL_MAX		((size_t)256 * 1024 * 1024)

struct framer {
	char	*data;
	size_t	 size;		/* allocated */
	size_t	 start;		/* of the document in progress */
	size_t	 scanned;	/* no end marker ends before this */
	size_t	 end;		/* of the bytes received */
};

struct document {
	const char	*data;
	size_t		 len;	/* with the end marker */
	int		 is_push;
};

/* An empty framer; framer_finish frees what it holds. */
void	 framer_init(struct framer *);
void	 framer_finish(struct framer *);

/*
 * Returns room for at least `want` more bytes; framer_commit says how many were
 * written there.  Invalidates the documents returned before.  Returns NULL if
 * the document in progress would pass FRAMER_DOCUMENT_MAX, if all together
 * would pass FRAMER_TOTAL_MAX, or if memory is out (errno EMSGSIZE, EDQUOT or
 * ENOMEM).
 */
char	*framer_reserve(struct framer *, size_t want);
void	 framer_commit(struct framer *, size_t len);

/*
 * Takes the next whole document.  Returns 1, or 0 if more bytes are needed.  The
 * document is valid until framer_reserve or framer_finish.  The time of all
 * calls together is linear in the bytes received.
 */
int	 framer_next(struct framer *, struct document *);

/* How many bytes of an unfinished document were received, and these bytes. */
size_t	 framer_pending(const struct framer *);
const char	*framer_data(const struct framer *);

/*
 * Takes so many of them, for protocols that tell the length of a message.  They
 * are valid until framer_reserve or framer_finish.
 */
const char	*framer_take(struct framer *, size_t len);

#endif
