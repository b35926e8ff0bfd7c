/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A search for sockets: internal to discover.c, layouts.c and not_found.c.
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
	OTHER			/* a socket with another name or none */
};

/* A file that may be the console socket of an instance. */
struct candidate {
	enum match	 match;
	char		*path;
	char		*app;		/* or NULL */
	char		*instance;	/* or NULL */
	struct timespec	 born;
	size_t		 run_len;	/* length of its run directory */
	int		 is_named;	/* do not check its owner */
};

struct search {
	const char		*app;		/* pattern, or NULL */
	const char		*instance;	/* pattern, or NULL */
	char			*package;	/* app from rockspec, or NULL */
	int			 stateboards;	/* stateboards were requested */
	struct candidate	*list;
	size_t			 count;
	/*
	 * The values of run_len and is_named for the candidates that are added
	 * next.
	 */
	size_t			 run_len;
	int			 is_named;
	/* The text that lists the searched directories, and their number. */
	FILE			*searched;
	int			 dirs;
	struct error		*error;
};

/* A run directory that is being read. */
struct run_dir {
	const char	*path;
	/*
	 * Whether sockets without an application name may belong to the
	 * requested application.  `owner` is the application that such sockets
	 * belong to, or NULL if it is unknown.
	 */
	int		 owned;
	const char	*owner;
};

int	search_ends_with(const char *text, const char *end);
int	search_is_pattern(const char *name);
int	search_is_stateboard(const char *name);

/* Whether a name matches a pattern; NULL matches everything. */
int	search_matches(const char *pattern, const char *name);

/*
 * Whether an instance name matches the requested one.  The stateboard of an
 * application can be requested as "stateboard" or "APP-stateboard".
 */
int	search_matches_instance(const struct search *, const char *app,
	    const char *instance);

/*
 * Whether the request matches a socket with these names.  A socket that has
 * only an application name also matches a request for an instance of that name.
 */
int	search_matches_names(const struct search *, const char *app,
	    const char *instance);

/*
 * Adds a file to the candidates.  Copies all strings.  Returns 0, or -1 with an
 * error.
 */
int	search_add(struct search *, enum match, const char *path,
	    const char *app, const char *instance, const struct timespec *born);

/*
 * Handles a path that cannot be read; errno has the reason.  If the path was
 * found only by matching a pattern, records it, to be listed if nothing is
 * found.  Otherwise fails: a partial result could be mistaken for the whole
 * application.
 */
int	search_unreadable(struct search *, const char *path, int by_pattern);

/* Whether an errno says that there is no such file or directory. */
int	search_is_absent(int code);

void	search_finish(struct search *);

/*
 * Closes a memory stream.  Returns 0, or -1 if the text is incomplete because
 * memory has run out.
 */
int	search_close_text(FILE *, char *const *text);

/*
 * Adds the sockets in a run directory to the candidates (layouts.c).  Returns
 * 0, 1 if there is no such directory, or -1 with an error.
 */
int	search_scan(struct search *, const struct run_dir *);

/*
 * Sets the error that nothing was found, with a suggestion and a list of what
 * exists instead (not_found.c).  Returns -1.
 */
int	search_nothing_found(const struct search *, const char *searched);

#endif
