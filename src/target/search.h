/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A search for sockets.  Only discover.c, layouts.c and not_found.c use this
 * header.
 */

#ifndef CR_SEARCH_H
#define CR_SEARCH_H

#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "util/error.h"

#define STATEBOARD	"stateboard"

enum match {
	WANTED,
	STATE_BOARD,		/* a stateboard that was not requested */
	NOT_A_SOCKET,
	UNREADABLE,
	OTHER			/* a socket that does not match the request */
};

/* A file that may be the console socket of an instance. */
struct candidate {
	enum match	 match;
	char		*path;
	char		*app;		/* or NULL */
	char		*instance;	/* or NULL */
	struct timespec	 born;
	/* The length of the prefix of `path` that is the run directory. */
	size_t		 run_len;
	int		 is_named;	/* run directory needs no owner check */
};

struct search {
	const char		*app;		/* requested glob, or NULL */
	const char		*instance;	/* requested glob, or NULL */
	char			*package;	/* name in rockspec, or NULL */
	int			 stateboards;	/* stateboards are requested */
	struct candidate	*list;
	size_t			 count;
	/* The values that search_add copies to each new candidate. */
	size_t			 run_len;
	int			 is_named;
	/* The list of searched directories as text, and their number. */
	FILE			*searched;
	int			 dirs;
	struct error		*error;
};

/* A run directory that is being read. */
struct run_dir {
	const char	*path;
	/*
	 * Whether a socket whose path names no application could belong to the
	 * requested application.  `owner` is the application that uses the run
	 * directory, or NULL if it is unknown.
	 */
	int		 owned;
	const char	*owner;
};

int	search_ends_with(const char *text, const char *end);
int	search_is_pattern(const char *name);
int	search_is_stateboard(const char *name);

/* Whether a name matches a glob.  NULL as the glob matches every name. */
int	search_matches(const char *pattern, const char *name);

/*
 * Whether the name of an instance of `app` matches the requested one.  The
 * stateboard of an application can be requested as "stateboard" or
 * "APP-stateboard".
 */
int	search_matches_instance(const struct search *, const char *app,
	    const char *instance);

/*
 * Whether the request matches a socket with these names.  If a socket has no
 * instance name, its instance is assumed to have the name of the application.
 */
int	search_matches_names(const struct search *, const char *app,
	    const char *instance);

/*
 * Adds a file to the candidates.  Copies all strings.  Returns 0, or -1 if out
 * of memory.
 */
int	search_add(struct search *, enum match, const char *path,
	    const char *app, const char *instance, const struct timespec *born);

/*
 * Handles a path that cannot be read; errno holds the reason.  `by_pattern`
 * says whether the path was found only by matching a pattern.  If so, and if
 * the request does not name one particular application, adds the path to the
 * candidates as UNREADABLE.  Otherwise fails, because a partial result could be
 * mistaken for the whole application.  Always fails if memory or descriptors
 * have run out.  Returns 0, or -1 with an error.
 */
int	search_unreadable(struct search *, const char *path, int by_pattern);

/* Whether an errno value means that there is no such file or directory. */
int	search_is_absent(int code);

void	search_finish(struct search *);

/*
 * Closes a memory stream.  Returns 0, or -1 if memory ran out and the text is
 * incomplete.
 */
int	search_close_text(FILE *, char *const *text);

/*
 * Adds the sockets in a run directory to the candidates.  Returns 0 on success,
 * 1 if there is no such directory, or -1 with an error.  Defined in layouts.c.
 */
int	search_scan(struct search *, const struct run_dir *);

/*
 * Sets an error that says that nothing was found, suggests a similar name, and
 * lists the names and sockets that do exist.  `searched` is the list of
 * searched directories as text.  Returns -1.  Defined in not_found.c.
 */
int	search_nothing_found(const struct search *, const char *searched);

#endif
