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
 * Gives each target without a user the one of the options or the environment,
 * and each user without a password that one.  May ask at the terminal, and wait
 * for the answer.  A text console takes neither, and may be among the targets.
 * Overwrites passwords in the environment and in the arguments of the program.
 *
 * Returns 0, or -1 with a usage error: a password file that cannot be read, a
 * name that is too long, a prompt that was not answered.  That there is no
 * password is no error before a binary port asks for it.
 */
int	credentials_apply(const struct options *, struct targets *,
	    struct error *);

#endif
