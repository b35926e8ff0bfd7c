/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Users and passwords for binary ports: from options, the environment, or a
 * prompt.
 */

#ifndef CR_CREDENTIALS_H
#define CR_CREDENTIALS_H

#include "cli/options.h"
#include "target/target.h"
#include "util/error.h"

/*
 * Sets the user and the password of all targets that lack one, from the options
 * or the environment, or from a prompt, which blocks.  Has no effect on text
 * consoles among the targets.  Overwrites passwords in the environment and in
 * the arguments of the program.  Returns 0, or -1 with a usage error: an
 * unreadable password file, a name that is too long, a prompt that was not
 * answered.  A missing password is an error only if a binary port requires one.
 */
int	credentials_apply(const struct options *, struct targets *,
	    struct error *);

#endif
