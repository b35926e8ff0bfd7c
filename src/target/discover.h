/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Discovery: finds the consoles of an application's instances in the
 * directories where cartridge-cli, tt, tarantoolctl and Docker put their
 * sockets.
 */

#ifndef CR_DISCOVER_H
#define CR_DISCOVER_H

#include "target/target.h"
#include "util/error.h"

/*
 * Strings are NULL if not given.  At least one of the first three must be
 * given.
 */
struct discover_query {
	const char	*app;		/* a name, or a glob */
	const char	*instance;	/* the same */
	const char	*run_dir;
	const char	*system_run_dir; /* set only by tests, otherwise NULL */
	int		 only_here;	/* do not search /var/run/tarantool */
};

/*
 * Adds the sockets of all instances that match the query, with the names of
 * application and instance where they are known.
 *
 * A run directory can be named by the query, by $TARANTOOL_RUN_DIR or by
 * .cartridge.yml.  If at least one of them names one, only the first of these
 * directories is searched.  Otherwise these directories are searched in turn
 * until a socket matches: tmp/run; the run directories of tt (from tt.yaml, or
 * else var/run and instances.enabled/APP/var/run); /var/run/tarantool.  The
 * following paths in a run directory are recognised.  APP and INSTANCE stand
 * for whole names:
 *
 *	APP.INSTANCE.control		cartridge-cli, ansible-cartridge
 *	APP-stateboard.control		their stateboard, if requested
 *	APP.control			tarantoolctl; the name APP may also be
 *					requested as that of the instance
 *	APP/INSTANCE/tarantool.control	tt
 *	APP/INSTANCE/INSTANCE.control	tt 1
 *	APP/APP.INSTANCE.control	tt cartridge
 *	INSTANCE/tarantool.control	tt, Tarantool 3, if the directory is
 *					known to belong to the application
 *	tarantool.sock			Docker's image: named by
 *					$TARANTOOL_APP_NAME and
 *					$TARANTOOL_INSTANCE_NAME, else the
 *					application "tarantool"
 *
 * If only an instance is requested, the application is the one named by the
 * rockspec in the current directory.  Without a rockspec, instances of any
 * application match, but only one application may have that instance.
 *
 * A stateboard is requested by a name that ends in "stateboard".  Files other
 * than sockets are skipped.  A socket on which no process listens is found like
 * any other: only connecting shows the difference.  If several sockets have the
 * same names, the newest is used.  The new targets are sorted by application,
 * instance and path, and follow those already in the list.
 *
 * Blocks on the file system only.  Returns 0, or -1 with an error: usage (a
 * name with '/' or '..', nothing given, several applications, an unusable
 * .cartridge.yml or tt.yaml), unreachable (nothing found, which is temporary;
 * an unreadable directory) or out of memory.
 */
int	discover_targets(const struct discover_query *, struct targets *,
	    struct error *);

#endif
