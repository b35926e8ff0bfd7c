/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Reads lines from a pipe, a file, or a terminal without line editing.
 */

#ifndef CR_LINEREADER_H
#define CR_LINEREADER_H

#include <stddef.h>

#include "util/error.h"

/* The maximum size of a line, in bytes. */
#define LINEREADER_MAX	((size_t)16 * 1024 * 1024)

struct linereader {
	int	 fd;
	char	*data;
	size_t	 size;		/* allocated */
	size_t	 start;		/* offset of the next line */
	size_t	 scanned;	/* start of the search for a newline */
	size_t	 end;		/* end of the data in the buffer */
	int	 is_over;	/* end of file */
};

/* Initialises a reader, which never closes the descriptor. */
void	 linereader_init(struct linereader *, int fd);
void	 linereader_finish(struct linereader *);

/*
 * Returns the next line, without its \n or \r\n; the last line of the input
 * need not have one.  The line is valid until linereader_read is called.
 * Returns NULL if no complete line has been read yet, or if no line is left at
 * the end of the input.
 */
char	*linereader_next(struct linereader *, size_t *len);

/*
 * Reads from the descriptor once.  Blocks unless the descriptor is readable.
 * Returns 0, or -1 with an error if the read fails, a line is too long or
 * memory runs out.
 */
int	 linereader_read(struct linereader *, struct error *);

#endif
