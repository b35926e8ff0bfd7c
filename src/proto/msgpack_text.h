/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * MessagePack of the binary protocol, none of which is trusted.
 */

#ifndef CR_MSGPACK_TEXT_H
#define CR_MSGPACK_TEXT_H

#include <stddef.h>

/* How deep values may be nested. */
#define MSGPACK_DEPTH_MAX	64

/*
 * Checks that a whole value begins at `*at` and ends before `end`, and moves
 * `*at` behind it.  Returns 0, or -1: not MessagePack, cut, or nested deeper
 * than MSGPACK_DEPTH_MAX.  mp_check(3) alone is not enough: it counts in an int,
 * which large maps make overflow.
 */
int	 msgpack_skip(const char **at, const char *end);

/*
 * A value that msgpack_skip has accepted as one line of YAML in flow style.
 * Extension types are told by their number.  To be freed; NULL without memory.
 */
char	*msgpack_text(const char *value, size_t *len);

#endif
