/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Converts MessagePack, which the binary port sends, to YAML.  The input is
 * untrusted.
 */

#ifndef CR_MSGPACK_TEXT_H
#define CR_MSGPACK_TEXT_H

#include <stddef.h>

/* The maximum nesting depth of values. */
#define MSGPACK_DEPTH_MAX	64

/*
 * Moves `*at` past the MessagePack value that starts there.  Checks that the
 * value is complete and does not extend beyond `end`.  Returns 0, or -1 if the
 * value is invalid, truncated, or nested deeper than MSGPACK_DEPTH_MAX.
 * mp_check(3) alone is not enough, because its int counter overflows with large
 * maps.
 */
int	 msgpack_skip(const char **at, const char *end);

/*
 * Converts a value to one line of YAML in flow style.  msgpack_skip must have
 * accepted the value.  An extension value is shown only as its type number.
 * Returns a string that the caller frees, and sets *len to its length.  Returns
 * NULL if out of memory.
 */
char	*msgpack_text(const char *value, size_t *len);

#endif
