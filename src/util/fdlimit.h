/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The limit of open files (RLIMIT_NOFILE).
 */

#ifndef CR_FDLIMIT_H
#define CR_FDLIMIT_H

#include <stddef.h>

/*
 * Raises the soft limit if necessary, so that `wanted` connections can be open
 * at the same time.  Returns how many connections are possible, between 1 and
 * `wanted`.
 */
size_t	fdlimit_ensure(size_t wanted);

#endif
