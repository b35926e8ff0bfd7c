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
	char			*name;	/* for messages and reports */
	char			*path;	/* path of a unix socket, or NULL */
	char			*host;	/* host of a TCP port, or NULL */
	char			*port;
	/*
	 * For binary ports.  A NULL `user` means the guest user.  util/secret.c
	 * owns `secret`.  `is_exposed` is set if the command line contained the
	 * password.
	 */
	char			*user;
	const struct secret	*secret;
	int			 is_exposed;
	/*
	 * The names of the application and the instance as found by discovery.
	 * An unknown name is NULL.
	 */
	char			*app;
	char			*instance;
	/*
	 * The device and inode of the unix socket, if it existed when the
	 * target was added.
	 */
	int			 exists;
	dev_t			 device;
	ino_t			 inode;
	/*
	 * `is_found` is set if discovery found the socket.  In that case, only
	 * trusted users and `owner` may listen on it.
	 */
	int			 is_found;
	uid_t			 owner;
};

struct targets {
	struct target	*list;
	size_t		 count;
};

/*
 * Adds the targets that a TARGET argument names: a path (relative or absolute),
 * unix/:PATH, unix:PATH, unix://PATH, HOST:PORT, [IPV6]:PORT or
 * tcp://HOST:PORT.  USER@ or USER:PASSWORD@ may precede HOST.  A text with a
 * '/' before any ':' is always a path.
 *
 * A path with glob characters is expanded and sorted, unless a file with this
 * exact name exists.  Drops duplicates, even if two different names lead to the
 * same file.  Does not connect or resolve names.
 *
 * Returns 0, or -1 with an error: usage (empty, bad port, no host) or
 * unreachable (a glob without a match, possibly because a directory is
 * unreadable).
 */
int	targets_add(struct targets *, const char *spec, struct error *);

/*
 * Adds a unix socket by its literal path.  The names of its application and
 * instance may be NULL.  Copies all strings.  Ignores a socket that is already
 * in the list.  Returns 0, or -1 if out of memory.
 */
int	targets_add_socket(struct targets *, const char *path,
	    const char *app, const char *instance, struct error *);

/*
 * Returns a copy of a TARGET argument for printing, with "***" in place of the
 * password.  The caller frees the copy.  Returns NULL if out of memory.
 */
char	*target_without_password(const char *spec);

/* Overwrites the password in a TARGET argument, if it has one. */
void	target_hide_password(char *spec);

/*
 * Adds a socket that discovery found in a directory of the user `owner`.  Only
 * `owner` and trusted users may listen on it.  In all other respects, works
 * like targets_add_socket.
 */
int	targets_add_found(struct targets *, const char *path,
	    const char *app, const char *instance, uid_t owner,
	    struct error *);

/*
 * Adds the address at which one instance reaches another: HOST:PORT, or unix/:
 * followed by the absolute path of a socket.  `user` and `secret` may be NULL.
 * The text is not trusted, so nothing in it is expanded.  Returns 0, or -1 with
 * an error: usage (not an address) or out of memory.
 */
int	targets_add_peer(struct targets *, const char *uri, const char *user,
	    const struct secret *, struct error *);

/* Frees the contents of a list and empties it. */
void	targets_finish(struct targets *);

#endif
