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
	MEMBER_WAITING,		/* after the run: not attempted */
	MEMBER_BUSY,
	MEMBER_DONE,		/* has a report */
	MEMBER_SKIPPED
};

/*
 * The groups of a rollout, in execution order.  The gateway is in a group of
 * its own, after all other members with its role, because it relays their
 * requests.
 */
enum member_group {
	GROUP_FOLLOWERS,
	GROUP_GATEWAY_FOLLOWER,
	GROUP_LEADERS,
	GROUP_GATEWAY_LEADER
};

struct member {
	const struct target	*target;	/* to connect to; not owned */
	char			*name;		/* as reported */
	char			*alias;		/* expected alias, or NULL */
	char			*uri;		/* to relay to, or NULL */
	char			*uuid;		/* expected UUID, or NULL */
	int			 is_gateway;	/* relays for the others */
	int			 is_direct;	/* reached without a gateway */
	enum member_group	 group;
	enum member_state	 state;
	char			*skipped;	/* the reason */
	int			 was_unhealthy;	/* before the reload */
	struct report		 asked;		/* reply of the preflight */
	const json_t		*preflight;	/* report in `asked`, or NULL */
	struct report		 report;
};

struct fleet {
	const struct options		*options;
	const struct output_context	*context;
	struct member			*members;
	size_t				 count;
	struct progress			 progress;
	int				 signals_fd;	/* or -1 */
	int				 interrupts;	/* signals handled */
	int				 stopped;	/* start no more jobs */
	size_t				 failures;	/* failed members */
	json_t				*topology;	/* or NULL */
	struct targets			 direct;	/* of direct members */
	/* The error to report for the gateway if it succeeds, or NULL. */
	const struct error		*refusal;
};

void	 fleet_init(struct fleet *, const struct options *,
	    const struct output_context *);
void	 fleet_finish(struct fleet *);

/*
 * Adds a member.  Copies the strings; the target must outlive the fleet.
 * Returns the member, which is valid until the next call, or NULL with an
 * error.
 */
struct member	*fleet_add(struct fleet *, const struct target *,
		    const char *name, const char *alias, const char *uri,
		    struct error *);

/* Prints a message on standard error.  Erases the progress line first. */
void	 fleet_log(struct fleet *, const char *target, const char *message);

/*
 * Marks a member as skipped and prints why.  Returns 0, or -1 if out of memory.
 */
int	 fleet_skip(struct fleet *, struct member *, const char *why);

/*
 * Sets the UUID that a reply of the member must contain.  Returns 0, or -1 if
 * out of memory.
 */
int	 fleet_expect(struct member *, const char *uuid);

/*
 * Turns the report of a member into a failure if another instance has sent it.
 */
void	 fleet_check_identity(struct member *);

/* Marks a member as done and prints its report. */
void	 fleet_report(struct fleet *, struct member *);

#endif
