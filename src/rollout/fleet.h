/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The instances that a command is for, and requests to all of them: so many at
 * a time, in one thread, group after group, until one fails or somebody
 * interrupts.
 */

#ifndef CR_FLEET_H
#define CR_FLEET_H

#include <jansson.h>
#include <stddef.h>

#include "cli/options.h"
#include "output/output.h"
#include "output/progress.h"
#include "proto/report.h"
#include "rollout/job.h"
#include "target/target.h"
#include "util/error.h"

enum member_state {
	MEMBER_WAITING,		/* for its turn; at the end: not touched */
	MEMBER_BUSY,
	MEMBER_DONE,		/* it has a report */
	MEMBER_SKIPPED
};

/* In their order; the one that relays comes last, and alone. */
enum member_group {
	GROUP_FOLLOWERS,
	GROUP_ENTRY_FOLLOWER,
	GROUP_LEADERS,
	GROUP_ENTRY_LEADER
};

struct member {
	const struct target	*target;	/* to connect to; not owned */
	char			*name;		/* as printed and reported */
	char			*alias;		/* known beforehand, or NULL */
	char			*uri;		/* relay to it, or NULL */
	char			*uuid;		/* that it must have, or NULL */
	int			 is_entry;	/* relays to the others */
	enum member_group	 group;
	enum member_state	 state;
	char			*skipped;	/* why */
	int			 was_unhealthy;	/* not healthy from the start */
	struct report		 asked;		/* how it was then */
	const json_t		*preflight;	/* of that, or NULL */
	struct report		 report;
};

struct fleet {
	const struct options		*options;
	const struct output_context	*context;
	struct member			*members;
	size_t				 count;
	struct progress			 progress;
	int				 signals_fd;	/* or -1 */
	int				 interrupts;	/* seen so far */
	int				 stopped;	/* nothing is begun */
	size_t				 casualties;	/* failed so far */
	json_t				*topology;	/* of a cluster */
	/* What the entry is to be told off for, or NULL. */
	const struct error		*refusal;
};

/* One request to all members that wait for one. */
struct batch {
	struct job_spec		*spec;
	struct job_spec		*health;	/* after each, or NULL */
	size_t			 jobs;
	int			 by_group;	/* one after the other */
	int			 stop_on_failure;
	int			 defer_reports;	/* reports are kept, not told */
};

void	 fleet_init(struct fleet *, const struct options *,
	    const struct output_context *);
void	 fleet_finish(struct fleet *);

/*
 * Adds a member; the texts are copied, the target must outlive the fleet.
 * Returns it, valid until the next is added, or NULL with an error.
 */
struct member	*fleet_add(struct fleet *, const struct target *,
		    const char *name, const char *alias, const char *uri,
		    struct error *);

/* Leaves a member out, and says so.  Returns 0, or -1 if memory is out. */
int	 fleet_skip(struct fleet *, struct member *, const char *why);

/*
 * Has a report count only if it is of the instance with that uuid.  Returns 0,
 * or -1 if memory is out.
 */
int	 fleet_expect(struct member *, const char *uuid);

/* Gives a member the report that it ends with, and tells it. */
void	 fleet_report(struct fleet *, struct member *);

/*
 * Runs a batch.  What went wrong with an instance is in its report; what went
 * wrong here is the error.  Returns 0 or -1.
 */
int	 fleet_run(struct fleet *, const struct batch *, struct error *);

#endif
