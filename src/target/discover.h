/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Discovery: finds the consoles of an application's instances in the
 * directories where cartridge-cli, tt, tarantoolctl and Docker put their
 * sockets.
 */

#ifndef CR_DISCOVER_H
#define CR_DISCOVER_H

#include "util/error.h"
#include "target/target.h"

/* NULL means not given; one of the first three is required. */
struct discover_query {
	const char	*app;		/* a name, or a glob of names */
	const char	*instance;	/* the same */
	const char	*run_dir;
	const char	*system_run_dir; /* for tests: /var/run/tarantool */
	int		 only_here;	/* do not search /var/run/tarantool */
};

/*
 * Adds the sockets of all instances that the query names to the list, with
 * the names of application and instance where they are known.
 *
 * The run directory is the one of the query, else that of $TARANTOOL_RUN_DIR,
 * else that of .cartridge.yml; no other is looked at then.  Without any, it is
 * the first of these that has such a socket: tmp/run, tt's (by tt.yaml, or
 * var/run and instances.enabled/APP/var/run), /var/run/tarantool.  In a run
 * directory these are found, APP and INSTANCE being whole names:
 *
 *	APP.INSTANCE.control		cartridge-cli, ansible-cartridge
 *	APP-stateboard.control		the same, only if asked for
 *	APP.control			tarantoolctl; INSTANCE may name it too
 *	APP/INSTANCE/tarantool.control	tt
 *	APP/INSTANCE/INSTANCE.control	tt 1
 *	APP/APP.INSTANCE.control	tt cartridge
 *	INSTANCE/tarantool.control	tt, Tarantool 3, if the directory is
 *					known to belong to the application
 *	tarantool.sock			Docker's image: has no name but what
 *					$TARANTOOL_APP_NAME and
 *					$TARANTOOL_INSTANCE_NAME say, else
 *					the application "tarantool"
 *
 * An instance without an application is one of the application of the
 * rockspec in the current directory.  If there is no rockspec, it may be of
 * any, but not of several.
 *
 * A stateboard is asked for by a name that ends in "stateboard".  What is not
 * a socket is passed over.  Sockets on which nobody listens are found like
 * others: only connecting tells.  Of two sockets with the same names in one
 * place, the younger counts.  The list is sorted by application, instance and
 * path; what it had before stays in front.
 *
 * Blocks on the file system only.  Returns 0, or -1 with an error: usage (a
 * name with '/' or '..', nothing given, several applications, a .cartridge.yml
 * or tt.yaml that cannot be used), unreachable (nothing found, which may pass;
 * a directory that cannot be read) or out of memory.
 */
int	discover_targets(const struct discover_query *, struct targets *,
	    struct error *);

#endif
