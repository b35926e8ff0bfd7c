/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Ownership of files and processes.  A file that another user left in a
 * directory must not decide what this program, possibly run by root, connects
 * to.
 */

#ifndef CR_OWNER_H
#define CR_OWNER_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Whether a user is root, the user of this process, or the caller of sudo(8).
 */
int	owner_is_trusted(uid_t);

/*
 * Stores the user's name in `name`; if the user has none, stores "uid N".
 * Returns `name`.
 */
const char	*owner_name(uid_t, char *name, size_t size);

#endif
