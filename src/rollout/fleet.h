/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The fleet: the instances that a command runs on.  Each instance is a member.
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
	/*
	 * A member that is still waiting at the end of the run counts as not
	 * attempted.
	 */
	MEMBER_WAITING,
	MEMBER_BUSY,
	MEMBER_DONE,		/* has a report */
	MEMBER_SKIPPED
};

/*
 * The groups of a rollout, in execution order.  The gateway is in a group by
 * itself, after the other members of its role, because it relays their
 * requests.
 */
enum member_group {
	GROUP_FOLLOWERS,
	GROUP_GATEWAY_FOLLOWER,
	GROUP_LEADERS,
	GROUP_GATEWAY_LEADER
};

struct member {
	/* The target to connect to.  It belongs to the caller. */
	const struct target	*target;
	char			*name;		/* as reported */
	char			*alias;		/* expected alias, or NULL */
	/* The URI to which the gateway relays requests, or NULL. */
	char			*uri;
	char			*uuid;		/* expected UUID, or NULL */
	/* Whether this instance was asked for the topology. */
	int			 is_gateway;
	int			 is_direct;	/* reached without a gateway */
	enum member_group	 group;
	enum member_state	 state;
	char			*skipped;	/* the reason */
	int			 was_unhealthy;	/* unhealthy before reload */
	struct report		 asked;		/* reply to the preflight */
	const json_t		*preflight;	/* asked.instance, or NULL */
	struct report		 report;
};

struct fleet {
	const struct options		*options;
	const struct output_context	*context;
	struct member			*members;
	size_t				 count;
	struct progress			 progress;
	int				 signals_fd;	/* or -1 */
	/* The number of signals that have been handled. */
	int				 interrupts;
	/* Set when no more jobs may start. */
	int				 stopped;
	/* The number of failed members. */
	size_t				 failures;
	json_t				*topology;	/* or NULL */
	/* The targets of the members that are reached without a gateway. */
	struct targets			 direct;
	/*
	 * If this is not NULL and the gateway's own request succeeds, the
	 * gateway is still reported as failed, with this error.
	 */
	const struct error		*refusal;
};

void	 fleet_init(struct fleet *, const struct options *,
	    const struct output_context *);
void	 fleet_finish(struct fleet *);

/*
 * Adds a member.  Copies the strings.  The target must outlive the fleet.
 * Returns the member, or NULL with an error.  The pointer is valid until the
 * next call to fleet_add.
 */
struct member	*fleet_add(struct fleet *, const struct target *,
		    const char *name, const char *alias, const char *uri,
		    struct error *);

/* Erases the progress line, and prints a message on standard error. */
void	 fleet_log(struct fleet *, const char *target, const char *message);

/*
 * Marks a member as skipped and, unless --quiet was given, prints why.  Returns
 * 0, or -1 if out of memory.
 */
int	 fleet_skip(struct fleet *, struct member *, const char *why);

/*
 * Sets the UUID that is expected in the member's replies.  Returns 0, or -1 if
 * out of memory.
 */
int	 fleet_expect(struct member *, const char *uuid);

/*
 * Turns the report of a member into a failure if the report came from another
 * instance.
 */
void	 fleet_check_identity(struct member *);

/* Marks a member as done and prints its report. */
void	 fleet_report(struct fleet *, struct member *);

#endif
