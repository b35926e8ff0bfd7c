/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The limit of open files.
 */

#ifndef CR_FDLIMIT_H
#define CR_FDLIMIT_H

#include <stddef.h>

/*
 * Sees to it that so many connections can be open at a time, if need be by
 * raising the limit as far as the system lets us.  Returns how many can be, at
 * most `wanted` and at least one.
 */
size_t	fdlimit_ensure(size_t wanted);

#endif
