/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* The limit on open files (RLIMIT_NOFILE). */

#ifndef CR_FDLIMIT_H
#define CR_FDLIMIT_H

#include <stddef.h>

/*
 * Raises the soft limit, if necessary, to allow `wanted` connections at the
 * same time.  Returns the number of connections that are possible, from 1 to
 * `wanted`.
 */
size_t	fdlimit_ensure(size_t wanted);

#endif
