/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * One request to one instance, tried again as long as that helps: directly, or
 * relayed by another instance.  A state machine on top of the exchange, so that
 * one loop can run many.
 */

#ifndef CR_JOB_H
#define CR_JOB_H

#include <jansson.h>
#include <stdint.h>

#include "net/exchange.h"
#include "proto/report.h"
#include "proto/request.h"
#include "target/target.h"
#include "util/error.h"

struct job;

/* What it would mean that a request was sent and its reply is not seen. */
enum side_effect {
	EFFECT_NONE,		/* nothing changes in the instance */
	EFFECT_EVAL,
	EFFECT_RELOAD,
	EFFECT_PUSH,
	EFFECT_NATIVE
};

/* What is asked: the same for many jobs, which it must outlive. */
struct job_spec {
	struct request		 request;	/* asked directly */
	struct request		 relayed;	/* asked through another */
	char			 command[16];
	/* The ways in which it can end well; the second may be the first. */
	enum outcome		 expected[2];
	int			 expects_any;	/* a command of another table */
	enum side_effect	 side_effect;
	double			 timeout;	/* for one try, seconds */
	int			 parse_results;	/* of the results of eval */
	/*
	 * Whether an answer is one to ask again for, in time.  NULL: if it
	 * may pass by itself.
	 */
	int			(*should_retry)(const struct job *);
};

/* What the one who runs jobs is told while they run. */
struct job_hooks {
	void	(*on_phase)(const struct job *);	/* of the instance */
	/* It is to be tried again; the report says why. */
	void	(*on_retry)(const struct job *);
};

enum job_state {
	JOB_RUNNING,
	JOB_BACKOFF,		/* to try again */
	JOB_DONE		/* there is a report */
};

struct job {
	const struct job_spec		*spec;
	const struct job_hooks		*hooks;
	const struct target		*target;	/* to connect to */
	const char			*name;		/* in the report */
	const char			*uri;	/* relay to it, or NULL */
	void				*owner;		/* of the caller */
	enum job_state		 state;
	int64_t				 until;		/* to try again */
	int64_t				 limit;		/* of all tries, or 0 */
	int64_t				 began;
	int64_t				 tried;		/* the last try began */
	unsigned			 tries;
	int64_t				 next;		/* when to try again */
	int64_t				 delay;
	struct exchange_request		 asked;
	char				*rest;		/* of the line */
	struct exchange			*exchange;
	int				 was_unhealthy;	/* for `again` */
	char				 phase[256];	/* escaped */
	struct report			 report;	/* of the last try */
};

/*
 * Makes a kind of request with these arguments, whose timeout is left to each
 * job; relayed ones too if so wanted.  The other fields are set to none.
 * Returns 0, or -1 with an error.
 */
int	 job_spec_init(struct job_spec *, const json_t *args,
	    double timeout, int relayed, struct error *);
void	 job_spec_finish(struct job_spec *);

/*
 * Begins a job: all must outlive it; the hooks may be NULL.  Until `until` it is
 * tried again.  With a `limit`, all tries end by then, and not each after its
 * timeout.
 */
void	 job_begin(struct job *, const struct job_spec *,
	    const struct job_hooks *, const struct target *, const char *name,
	    const char *uri, void *owner, int64_t until, int64_t limit);

/* What to poll, for which events, and until when at the latest. */
int	 job_fd(const struct job *);
short	 job_events(const struct job *);
int64_t	 job_deadline(const struct job *);

/* Goes on as far as possible without blocking. */
enum job_state job_step(struct job *);

/*
 * Whether the instance may be at work on it, so that to leave now is to leave
 * the outcome open.
 */
int	 job_in_flight(const struct job *);

/* Ends it now, with a report that says so; of one that waits, the last one. */
void	 job_cancel(struct job *);

/* Frees what it holds but the report, which is the caller's. */
void	 job_finish(struct job *);

#endif
