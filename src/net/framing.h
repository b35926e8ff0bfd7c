/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The framing of the text console: splits the received bytes into documents.
 * Detects where a document ends and whether it is a push message, without
 * parsing YAML.
 *
 * A document ends at the first line that is exactly "...".  Values cannot
 * contain such a line, because the server indents continuation lines.  A push
 * message starts with "%TAG !push!"; the final reply to a request is the first
 * document that does not.
 */

#ifndef CR_FRAMING_H
#define CR_FRAMING_H

#include <stddef.h>

/* The maximum size of a document, in bytes. */
#define FRAMER_DOCUMENT_MAX	((size_t)64 * 1024 * 1024)

/*
 * The maximum total size of the unfinished documents of all connections, in
 * bytes: many peers can send at the same time.
 */
#define FRAMER_TOTAL_MAX		((size_t)256 * 1024 * 1024)

struct framer {
	char	*data;
	size_t	 size;		/* allocated */
	size_t	 start;		/* start of the current document */
	size_t	 scanned;	/* searched for an end marker up to here */
	size_t	 end;		/* end of the received bytes */
};

struct document {
	const char	*data;
	size_t		 len;	/* including the end marker */
	int		 is_push;
};

/* Initialises an empty framer.  Its memory is freed by framer_finish. */
void	 framer_init(struct framer *);
void	 framer_finish(struct framer *);

/*
 * Returns space for at least `want` more bytes; framer_commit adds the bytes
 * written there.  Invalidates documents returned before.  Returns NULL if the
 * current document would exceed FRAMER_DOCUMENT_MAX (errno EMSGSIZE), if all
 * documents together would exceed FRAMER_TOTAL_MAX (EDQUOT), or if out of
 * memory (ENOMEM).
 */
char	*framer_reserve(struct framer *, size_t want);
void	 framer_commit(struct framer *, size_t len);

/*
 * Extracts the next complete document.  Returns 1, or 0 if more bytes are
 * needed.  The document is valid until framer_reserve or framer_finish.  All
 * calls together take time linear in the number of bytes received.
 */
int	 framer_next(struct framer *, struct document *);

/*
 * framer_pending returns the number of bytes received of the unfinished
 * document; framer_data returns those bytes.
 */
size_t	 framer_pending(const struct framer *);
const char	*framer_data(const struct framer *);

/*
 * Removes the first `len` pending bytes and returns them, for protocols with
 * length-prefixed messages.  They are valid until framer_reserve or
 * framer_finish.
 */
const char	*framer_take(struct framer *, size_t len);

#endif
