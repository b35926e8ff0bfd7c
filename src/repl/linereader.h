/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Lines from a descriptor that is no terminal, or at which they are not
 * edited.
 */

#ifndef CR_LINEREADER_H
#define CR_LINEREADER_H

#include <stddef.h>

#include "util/error.h"

/* The most bytes that one line may have. */
#define LINES_MAX	((size_t)16 * 1024 * 1024)

struct lines {
	int	 fd;
	char	*data;
	size_t	 size;		/* allocated */
	size_t	 start;		/* of the next line */
	size_t	 scanned;	/* no newline before this */
	size_t	 end;		/* of what was read */
	int	 is_over;	/* nothing more comes */
};

/* Lines from this descriptor, which stays open. */
void	 lines_init(struct lines *, int fd);
void	 lines_finish(struct lines *);

/*
 * The next line that was read, without its end, which is \n or \r\n; the last
 * one needs no end.  Valid until lines_read.  NULL if there is none so far, or
 * if it is over.
 */
char	*lines_next(struct lines *, size_t *len);

/*
 * Reads once; blocks unless the descriptor is readable.  Returns 0, or -1 with
 * an error: it cannot be read, the line is too long, memory.
 */
int	 lines_read(struct lines *, struct error *);

#endif
