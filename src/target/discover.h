/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Discovery: finds the console sockets of an application's instances in the
 * places where cartridge-cli, tt, tarantoolctl and the Docker image create
 * them.
 */

#ifndef CR_DISCOVER_H
#define CR_DISCOVER_H

#include "target/target.h"
#include "util/error.h"

/*
 * What to search for.  A string is NULL if it is not given.  At least one of
 * `app`, `instance` and `run_dir` must be given.
 */
struct discover_query {
	const char	*app;		/* a name or a glob */
	const char	*instance;	/* a name or a glob */
	const char	*run_dir;
	const char	*system_run_dir; /* set only by tests, otherwise NULL */
	int		 only_here;	/* do not search /var/run/tarantool */
};

/*
 * Adds the sockets of all instances that match the query, with the names of the
 * application and the instance if they are known.
 *
 * The run directory is named by the query, or else by $TARANTOOL_RUN_DIR, or
 * else by .cartridge.yml.  If one of them names a directory, only that one is
 * searched.  Otherwise tmp/run, the run directories of tt and
 * /var/run/tarantool are searched in this order, until a socket matches.  The
 * run directories of tt come from tt.yaml.  Without tt.yaml, they are var/run
 * and instances.enabled/APP/var/run.
 *
 * The following paths in a run directory are recognised.  APP and INSTANCE
 * stand for whole names:
 *
 *	APP.INSTANCE.control		cartridge-cli, ansible-cartridge
 *	APP-stateboard.control		the same, for a stateboard, if requested
 *	APP.control			tarantoolctl; also matches a request for
 *					an instance with the name APP
 *	APP/INSTANCE/tarantool.control	tt
 *	APP/INSTANCE/INSTANCE.control	tt 1
 *	APP/APP.INSTANCE.control	tt cartridge
 *	INSTANCE/tarantool.control	tt, Tarantool 3, if the run directory is
 *					known to belong to the application, or
 *					if no application is requested
 *	INSTANCE/INSTANCE.control	tt 1, in the same cases
 *	tarantool.sock			the Docker image; the names come from
 *					$TARANTOOL_APP_NAME and
 *					$TARANTOOL_INSTANCE_NAME; if neither is
 *					set, the application is "tarantool"
 *
 * If only an instance is requested, the rockspec in the current directory names
 * the application.  Without a rockspec, instances of any application match, but
 * only one application may have an instance of this name.
 *
 * A stateboard is requested by a name that ends in "stateboard".  Files other
 * than sockets are skipped.  Sockets on which no process listens are added,
 * too, because only connecting reveals them.  If several sockets have the same
 * names, the newest is used.  The new targets are appended, sorted by
 * application, instance and path.
 *
 * Blocks only on the file system.  Returns 0, or -1 with one of these errors:
 *
 *	usage		an empty query, an empty or invalid name (such as one
 *			with '/' or '..'), an instance name that exists in
 *			several applications, an unusable .cartridge.yml or
 *			tt.yaml, too many open files
 *	unreachable	no socket found (a temporary error), a directory that
 *			is unreadable or belongs to an untrusted user
 *	out of memory
 */
int	discover_targets(const struct discover_query *, struct targets *,
	    struct error *);

#endif
