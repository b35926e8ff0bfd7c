/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Passwords.  Of a password only the two hashes are kept that chap-sha1 needs,
 * in a page that is in no core dump and, if possible, never swapped out.
 */

#ifndef CR_SECRET_H
#define CR_SECRET_H

#include <stddef.h>

#include "util/error.h"

#define SECRET_HASH_SIZE	20

struct secret {
	unsigned char	hash[SECRET_HASH_SIZE];		/* of the password */
	unsigned char	hash_of_hash[SECRET_HASH_SIZE];
};

/*
 * Has the kernel write no core dump of this process and let no other process of
 * the user look into it.  To be called before a password is read.
 */
void	secret_protect_process(void);

/*
 * Keeps a password until secret_wipe_all, and overwrites the given text.
 * Returns NULL with an error if memory is out.
 */
const struct secret	*secret_keep(char *password, size_t len,
			    struct error *);

/* Overwrites all that is kept; what was returned is invalid then. */
void	secret_wipe_all(void);

#endif
