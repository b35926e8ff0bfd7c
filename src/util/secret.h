/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Passwords, kept only as the two hashes that the chap-sha1 login method needs.
 * The memory of the hashes is excluded from core dumps and, if possible, never
 * swapped out.
 */

#ifndef CR_SECRET_H
#define CR_SECRET_H

#include <stddef.h>

#include "util/error.h"

#define SECRET_HASH_SIZE	20

/* The SHA-1 hash of a password, and the SHA-1 hash of that hash. */
struct secret {
	unsigned char	hash[SECRET_HASH_SIZE];
	unsigned char	hash_of_hash[SECRET_HASH_SIZE];
};

/*
 * Disables core dumps, and prevents other processes of the user from reading
 * the memory of this process.  Call this function before reading a password.
 */
void	secret_protect_process(void);

/*
 * Hashes a password and overwrites it.  Returns its hashes, or NULL with an
 * error if out of memory.  The hashes are valid until secret_wipe_all is
 * called.
 */
const struct secret	*secret_keep(char *password, size_t len,
			    struct error *);

/* Overwrites and frees all hashes that secret_keep has returned. */
void	secret_wipe_all(void);

#endif
