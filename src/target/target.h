/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Targets: the addresses of consoles and binary ports, as the user writes them.
 */

#ifndef CR_TARGET_H
#define CR_TARGET_H

#include <sys/types.h>

#include <stddef.h>

#include "util/error.h"
#include "util/secret.h"

enum target_kind { TARGET_UNIX, TARGET_TCP };

struct target {
	enum target_kind	 kind;
	char			*name;	/* as printed and reported */
	char			*path;	/* of a unix socket, else NULL */
	char			*host;	/* of a TCP port, else NULL */
	char			*port;
	/* For binary ports; NULL is the user guest.  The secret is borrowed. */
	char			*user;
	const struct secret	*secret;
	int			 is_exposed;	/* the target had a password */
	/* Set for sockets that were found by name, else NULL. */
	char			*app;
	char			*instance;
	/* The file, if it existed when the target was added. */
	int			 exists;
	/* Found by discovery: `owner` may serve it besides root and us. */
	int			 is_found;
	uid_t			 owner;
	dev_t			 device;
	ino_t			 inode;
};

struct targets {
	struct target	*list;
	size_t		 count;
};

/*
 * Adds the targets that a TARGET argument names: a path (relative or absolute),
 * unix/:PATH, unix:PATH, unix://PATH, HOST:PORT, [IPV6]:PORT or
 * tcp://HOST:PORT, with USER@ or USER:PASSWORD@ before HOST if needed.  A path
 * with glob characters that is not itself an existing file is expanded and
 * sorted.  Duplicates are dropped, also if two names lead to the same file.  A
 * text with a '/' before any ':' is always a path.  Does not connect or resolve
 * names.
 *
 * Returns 0, or -1 with an error: usage (empty, bad port, no host) or
 * unreachable (a glob without a match, possibly because a directory is
 * unreadable).
 */
int	targets_add(struct targets *, const char *spec, struct error *);

/*
 * Adds a unix socket by its literal path, with the names of its application and
 * instance, which may be NULL.  All strings are copied.  A duplicate is
 * dropped.
 *
 * Returns 0, or -1 if out of memory.
 */
int	targets_add_socket(struct targets *, const char *path,
	    const char *app, const char *instance, struct error *);

/*
 * Returns a copy of a TARGET argument with "***" in place of a password, safe
 * to print.  To be freed; NULL if out of memory.
 */
char	*target_without_password(const char *spec);

/* Overwrites the password in a TARGET argument, if there is one. */
void	target_hide_password(char *spec);

/*
 * The same as targets_add_socket, for a socket found in a directory of `owner`.
 * Only root, the user of this process, and the owner may serve it.
 */
int	targets_add_found(struct targets *, const char *path,
	    const char *app, const char *instance, uid_t owner,
	    struct error *);

/*
 * Adds the address that an instance has for another one, HOST:PORT or the
 * absolute path of a unix socket after unix/:, with this user and secret, both
 * of which may be NULL.  The text is not trusted: nothing is expanded.
 *
 * Returns 0, or -1 with an error: usage (no such address), out of memory.
 */
int	targets_add_peer(struct targets *, const char *uri, const char *user,
	    const struct secret *, struct error *);

/* Frees the contents of a list and leaves it empty. */
void	targets_finish(struct targets *);

#endif
