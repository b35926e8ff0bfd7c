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
 * Adds the sockets of all instances that match the query, with the names of
 * application and instance where they are known.
 *
 * The run directory is that of the query, else $TARANTOOL_RUN_DIR, else that of
 * .cartridge.yml; only this one is searched.  Without any, it is the first of
 * these that has a matching socket: tmp/run, tt's (by tt.yaml, or var/run and
 * instances.enabled/APP/var/run), /var/run/tarantool.  In a run directory these
 * names are recognised, APP and INSTANCE being whole names:
 *
 *	APP.INSTANCE.control		cartridge-cli, ansible-cartridge
 *	APP-stateboard.control		the same, only if requested
 *	APP.control			tarantoolctl; INSTANCE may name it too
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
 * An instance without an application belongs to that of the rockspec in the
 * current directory.  Without a rockspec it may belong to any application, but
 * not to several.
 *
 * A stateboard is requested by a name that ends in "stateboard".  Files other
 * than sockets are skipped.  A socket without a listening process is found like
 * any other, as only connecting tells.  Of two sockets with the same names in
 * one place, the newer one is used.  The new targets are sorted by application,
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
