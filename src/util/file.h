/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Reads whole files. */

#ifndef CR_FILE_H
#define CR_FILE_H

#include <stddef.h>

/*
 * Reads from a descriptor until the end of the file; may block.  Returns the
 * text, followed by a NUL, and sets *len to its length.  The caller frees the
 * text.  On failure, returns NULL and sets errno: EFBIG means that the text is
 * longer than `max` bytes.
 */
char	*file_read(int fd, size_t max, size_t *len);

#endif
