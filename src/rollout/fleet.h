/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The fleet: the instances that a command is for.
 */

#ifndef CR_FLEET_H
#define CR_FLEET_H

#include <jansson.h>
#include <stddef.h>

#include "cli/options.h"
#include "output/output.h"
#include "output/progress.h"
#include "proto/report.h"
#include "target/target.h"
#include "util/error.h"

enum member_state {
	MEMBER_WAITING,		/* at the end: not attempted */
	MEMBER_BUSY,
	MEMBER_DONE,		/* has a report */
	MEMBER_SKIPPED
};

/* In execution order; the gateway instance is last of its kind, and alone. */
enum member_group {
	GROUP_FOLLOWERS,
	GROUP_ENTRY_FOLLOWER,
	GROUP_LEADERS,
	GROUP_ENTRY_LEADER
};

struct member {
	const struct target	*target;	/* to connect to; not owned */
	char			*name;		/* as printed and reported */
	char			*alias;		/* known in advance, or NULL */
	char			*uri;		/* to relay to, or NULL */
	char			*uuid;		/* expected UUID, or NULL */
	int			 is_entry;	/* the gateway */
	int			 is_direct;	/* not relayed to; has that alias */
	enum member_group	 group;
	enum member_state	 state;
	char			*skipped;	/* the reason */
	int			 was_unhealthy;	/* before the reload */
	struct report		 asked;		/* reply of the preflight */
	const json_t		*preflight;	/* points into it, or NULL */
	struct report		 report;
};

struct fleet {
	const struct options		*options;
	const struct output_context	*context;
	struct member			*members;
	size_t				 count;
	struct progress			 progress;
	int				 signals_fd;	/* or -1 */
	int				 interrupts;	/* handled so far */
	int				 stopped;	/* start no more jobs */
	size_t				 failures;	/* instances so far */
	json_t				*topology;	/* or NULL */
	struct targets			 direct;	/* of direct members */
	/* Fails the report of the gateway, or NULL. */
	const struct error		*refusal;
};

void	 fleet_init(struct fleet *, const struct options *,
	    const struct output_context *);
void	 fleet_finish(struct fleet *);

/*
 * Adds a member.  Strings are copied; the target must outlive the fleet.
 * Returns the member, valid until the next call, or NULL with an error.
 */
struct member	*fleet_add(struct fleet *, const struct target *,
		    const char *name, const char *alias, const char *uri,
		    struct error *);

/* Prints a notice on standard error, in place of the progress line. */
void	 fleet_log(struct fleet *, const char *target, const char *message);

/* Skips a member and prints why.  Returns 0, or -1 if out of memory. */
int	 fleet_skip(struct fleet *, struct member *, const char *why);

/*
 * Sets the UUID that a reply of the member must have.  Returns 0, or -1 if out
 * of memory.
 */
int	 fleet_expect(struct member *, const char *uuid);

/* Fails the report if another instance now answers at the address. */
void	 fleet_check_identity(struct member *);

/* Marks a member as done and prints its report. */
void	 fleet_report(struct fleet *, struct member *);

#endif
