/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The owners of files and processes.  A file that another user has left in a
 * directory must not decide what this program connects to, in particular if
 * root runs it.
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
