/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Users and passwords for binary ports. */

#ifndef CR_CREDENTIALS_H
#define CR_CREDENTIALS_H

#include "cli/options.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Sets the user and the password of each target that lacks them.  Takes them
 * from options, from the environment or from a prompt, which blocks.  A text
 * console needs neither.  Overwrites the passwords in the arguments and the
 * environment of the program.
 *
 * Returns 0, or -1 with an error if the password file is unreadable, empty or
 * not needed, if a user name or password is too long, if the prompt is not
 * answered, or if memory runs out.  A missing password is not an error here: if
 * a binary port requires one, connecting to it fails.
 */
int	credentials_apply(const struct options *, struct targets *,
	    struct error *);

#endif
