/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Whose file or process is it?  What another user has left in a directory must
 * not decide what this program, maybe run by root, connects to.
 */

#ifndef CR_OWNER_H
#define CR_OWNER_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Whether a user is root, the one who runs this process, or the one who runs
 * it by sudo(8).
 */
int	owner_is_trusted(uid_t);

/* Writes the name of a user, or the number of one without, and returns it. */
const char	*owner_name(uid_t, char *name, size_t size);

#endif
