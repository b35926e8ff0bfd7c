/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The instances that a command is for.
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
	size_t				 failures;	/* failed so far */
	json_t				*topology;	/* of a cluster */
	/* What the entry is to be told off for, or NULL. */
	const struct error		*refusal;
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

/* Prints a notice on standard error, in place of the progress line. */
void	 fleet_log(struct fleet *, const char *target, const char *message);

/* Leaves a member out, and says so.  Returns 0, or -1 if memory is out. */
int	 fleet_skip(struct fleet *, struct member *, const char *why);

/*
 * Has a report count only if it is of the instance with that uuid.  Returns 0,
 * or -1 if memory is out.
 */
int	 fleet_expect(struct member *, const char *uuid);

/* Fails the report if the address is that of another instance by now. */
void	 fleet_check_identity(struct member *);

/* Marks a member as done and prints its report. */
void	 fleet_report(struct fleet *, struct member *);

#endif
