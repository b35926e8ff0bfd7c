/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Checks the owners of files and processes.  Root may run this program, so a
 * file left by another user must not decide what the program connects to.
 */

#ifndef CR_OWNER_H
#define CR_OWNER_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Whether a user is trusted: root, the user of this process, or the user who
 * ran sudo(8).
 */
int	owner_is_trusted(uid_t);

/*
 * Stores the name of a user in `name`, or "uid N" if the user has no name.
 * Returns `name`.
 */
const char	*owner_name(uid_t, char *name, size_t size);

#endif
