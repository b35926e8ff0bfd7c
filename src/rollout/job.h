/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A job: one request to one instance, with retries.  The request is sent
 * directly or relayed by the gateway.  A job is a state machine on top of the
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
 * The description of a request.  Many jobs can share it; it must outlive them.
 */
struct job_spec {
	struct request		 request;	/* form to send directly */
	struct request		 relayed;	/* form to send to a gateway */
	char			 command[16];
	unsigned		 expected;	/* OUTCOME_BIT: of a success */
	enum side_effect	 side_effect;
	double			 timeout;	/* per attempt, in seconds */
	int			 parse_results;	/* parse the results of eval */
	/*
	 * Decides from the report of the job whether to retry.  If NULL, only
	 * temporary errors are retried.
	 */
	int			(*should_retry)(const struct job *);
};

/* Functions that a job calls to notify the scheduler. */
struct job_hooks {
	/* Called when the instance reports that a phase begins. */
	void	(*on_phase)(const struct job *);
	/* Called when a retry is scheduled.  The report contains the reason. */
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
	const struct target		*target;	/* to connect to */
	const char			*name;		/* as reported */
	const char			*uri;	/* to relay to, or NULL */
	void				*owner;		/* for the caller */
	enum job_state		 state;
	int64_t				 until;		/* see job_begin */
	int64_t				 limit;		/* see job_begin */
	int64_t				 began;
	int64_t				 tried;		/* start of attempt */
	unsigned			 tries;
	int64_t				 next;		/* when to retry */
	int64_t				 delay;
	struct exchange_request		 asked;
	char				*rest;		/* rest of the line */
	struct exchange			*exchange;
	int				 was_unhealthy;	/* see health_ok */
	char				 phase[256];	/* escaped */
	struct report			 report;	/* of last attempt */
};

/*
 * Initialises a spec from the arguments of a request.  The arguments contain no
 * timeout, because each job sets its own.  If `relayed` is set, also prepares
 * the form for a gateway.  Zeroes all other fields.  Returns 0, or -1 with an
 * error.
 */
int	 job_spec_init(struct job_spec *, const json_t *args,
	    double timeout, int relayed, struct error *);
void	 job_spec_finish(struct job_spec *);

/*
 * Starts a job.  All pointers must outlive it.  `hooks` may be NULL.  The job
 * retries each failure for which the spec allows a retry, until the time
 * `until`.  If `limit` is not 0, it is a common deadline for all attempts;
 * otherwise each attempt has its own timeout.
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

/* Advances as far as possible without blocking. */
enum job_state job_step(struct job *);

/*
 * Whether the request was sent and the job still runs: if the program exits
 * now, the outcome is unknown.
 */
int	 job_in_flight(const struct job *);

/*
 * Cancels the job.  If an attempt is running, the job's report says that it was
 * cancelled.  Otherwise the job keeps the report of its last attempt.
 */
void	 job_cancel(struct job *);

/* Frees everything except for the report, which belongs to the caller. */
void	 job_finish(struct job *);

#endif
