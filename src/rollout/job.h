/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A job: one request to one instance, with retries.  The request is sent
 * directly or relayed by the gateway.  A job is a state machine around an
 * exchange, so that one poll loop can run many jobs.
 */

#ifndef CR_JOB_H
#define CR_JOB_H

#include <jansson.h>
#include <stdint.h>

#include "cli/commands.h"
#include "net/exchange.h"
#include "proto/report.h"
#include "proto/request.h"
#include "target/target.h"
#include "util/error.h"

struct job;

/*
 * The description of a request.  Many jobs can share a spec, which must outlive
 * them.
 */
struct job_spec {
	struct request		 request;	/* sent directly */
	struct request		 relayed;	/* sent to a gateway */
	char			 command[16];
	/* The outcomes that count as a success: a set of OUTCOME_BITs. */
	unsigned		 expected;
	enum side_effect	 side_effect;
	double			 timeout;	/* per attempt, in seconds */
	int			 parse_results;	/* parse the results of eval */
	/*
	 * Decides from the job's report whether to retry.  If NULL, the job
	 * retries only after temporary errors.
	 */
	int			(*should_retry)(const struct job *);
};

/* Functions that a job calls to notify the scheduler. */
struct job_hooks {
	/* Called when the instance reports that a phase begins. */
	void	(*on_phase)(const struct job *);
	/*
	 * Called when a retry is scheduled.  The job's report gives the reason.
	 */
	void	(*on_retry)(const struct job *);
};

enum job_state {
	JOB_RUNNING,
	JOB_BACKOFF,		/* waiting for the next attempt */
	JOB_DONE		/* has a report */
};

struct job {
	const struct job_spec		*spec;
	const struct job_hooks		*hooks;
	const struct target		*target;
	const char			*name;		/* as reported */
	/* The URI to which the gateway relays the request, or NULL. */
	const char			*uri;
	void				*owner;		/* context for hooks */
	enum job_state		 state;
	/* No retry is scheduled for later than this time. */
	int64_t				 until;
	/* The common deadline for all attempts, or 0. */
	int64_t				 limit;
	int64_t				 began;
	int64_t				 tried;		/* start of attempt */
	unsigned			 tries;
	int64_t				 next;		/* time of next retry */
	int64_t				 delay;
	struct exchange_request		 asked;
	/* The second part of the request line.  `asked` points to it. */
	char				*rest;
	struct exchange			*exchange;
	/* Whether to ignore Cartridge's health flag, see health_ok. */
	int				 was_unhealthy;
	char				 phase[256];	/* escaped */
	/* The report of the last attempt. */
	struct report			 report;
};

/*
 * Initialises a spec from the arguments of a request.  `timeout` is the time
 * limit for each attempt, in seconds.  A timeout in `args` is ignored.  If
 * `relayed` is set, also prepares the request to a gateway.  Zeroes all other
 * fields.  Returns 0, or -1 with an error.
 */
int	 job_spec_init(struct job_spec *, const json_t *args,
	    double timeout, int relayed, struct error *);
void	 job_spec_finish(struct job_spec *);

/*
 * Starts a job.  Everything that is passed by pointer must outlive the job.
 * `hooks` may be NULL.  After each attempt, the job retries if the spec asks
 * for it.  No retry is scheduled for later than `until`.  `limit` is a common
 * deadline for all attempts.  If `limit` is 0, each attempt has its own
 * timeout.
 */
void	 job_begin(struct job *, const struct job_spec *,
	    const struct job_hooks *, const struct target *, const char *name,
	    const char *uri, void *owner, int64_t until, int64_t limit);

/*
 * Return the descriptor and events to poll, and the time by which job_step must
 * be called.
 */
int	 job_fd(const struct job *);
short	 job_events(const struct job *);
int64_t	 job_deadline(const struct job *);

/* Advances the job as far as possible without blocking. */
enum job_state job_step(struct job *);

/*
 * Whether the request was sent and the job is still waiting for the reply.  If
 * the program exits while this is true, the outcome is unknown.
 */
int	 job_in_flight(const struct job *);

/*
 * Cancels the job.  If an attempt is running, the job's report says that the
 * attempt was cancelled.  Otherwise the job keeps the report of its last
 * attempt.
 */
void	 job_cancel(struct job *);

/* Frees everything except for the report, which belongs to the caller. */
void	 job_finish(struct job *);

#endif
