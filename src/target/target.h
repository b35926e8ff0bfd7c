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
	/* Of a binary port; NULL is the user guest.  The secret is borrowed. */
	char			*user;
	const struct secret	*secret;
	int			 is_exposed;	/* the target had a password */
	/* Known for sockets that were found by their names; else NULL. */
	char			*app;
	char			*instance;
	/* The file, if there was one when the target was added. */
	int			 exists;
	/* Found, not given: whoever else may serve it besides root and us. */
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
 * Adds what one TARGET names to the list: a path (relative or absolute),
 * unix/:PATH, unix:PATH, unix://PATH, HOST:PORT, [IPV6]:PORT or
 * tcp://HOST:PORT.  USER@ or USER:PASSWORD@ may stand before HOST.  A path with glob characters that is not itself an
 * existing file is expanded; the matches come sorted.  An address that the
 * list has already is not added again, nor is an existing file by another of
 * its names.  A text with a '/' before any ':' is always a path.  Does not
 * connect and does not resolve names.
 *
 * Returns 0, or -1 with an error: usage (empty, bad port, no host) or
 * unreachable (a glob that matches nothing, maybe as a directory on its way may
 * not be read).
 */
int	targets_add(struct targets *, const char *spec, struct error *);

/*
 * Adds the unix socket at a path, taken as it is, with the names of its
 * application and instance, both of which may be NULL.  All texts are copied.
 * Does nothing if the list has that socket already.
 *
 * Returns 0, or -1 with an error: out of memory.
 */
int	targets_add_socket(struct targets *, const char *path,
	    const char *app, const char *instance, struct error *);

/*
 * A copy of what one TARGET names, with "***" in place of a password: nothing
 * else of it may be printed.  To be freed; NULL without memory.
 */
char	*target_without_password(const char *spec);

/* Overwrites the password in what one TARGET names, if there is one. */
void	target_hide_password(char *spec);

/*
 * The same for a socket that was found in a directory of that owner.  Only
 * root, the user who runs this, and the owner may serve it.
 */
int	targets_add_found(struct targets *, const char *path,
	    const char *app, const char *instance, uid_t owner,
	    struct error *);

/* Frees what a list holds and leaves it empty. */
void	targets_finish(struct targets *);

#endif
