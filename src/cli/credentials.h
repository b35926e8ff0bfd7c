/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Users and passwords for binary ports.  They come from options, from the
 * environment, or from a prompt.
 */

#ifndef CR_CREDENTIALS_H
#define CR_CREDENTIALS_H

#include "cli/options.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Sets the user and the password of all targets that lack one.  They come from
 * the options, the environment or a prompt; the prompt blocks.  Text consoles
 * among the targets are not affected.  Overwrites the passwords in the
 * environment and in the arguments of the program.
 *
 * Returns 0, or -1 with a usage error: an unreadable password file, a user name
 * that is too long, or an unanswered prompt.  A missing password is not an
 * error here, because only a binary port requires it.
 */
int	credentials_apply(const struct options *, struct targets *,
	    struct error *);

#endif
