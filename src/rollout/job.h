/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A job: one request to one instance, with retries, sent directly or relayed by
 * the gateway.  It is a state machine on top of the exchange, so that one poll
 * loop can run many.
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

/* The description of a request, shared by many jobs.  It must outlive them. */
struct job_spec {
	struct request		 request;	/* as sent directly */
	struct request		 relayed;	/* as sent to a gateway */
	char			 command[16];
	/* The successful outcomes.  If there is only one, both are the same. */
	enum outcome		 expected[2];
	int			 expects_any;	/* any success is accepted */
	enum side_effect	 side_effect;
	double			 timeout;	/* per attempt, in seconds */
	int			 parse_results;	/* parse the results of eval */
	/*
	 * Whether to retry after the job's report.  NULL: only if the error is
	 * temporary.
	 */
	int			(*should_retry)(const struct job *);
};

/* Callbacks for the caller that runs the jobs. */
struct job_hooks {
	/* Called when the instance has begun a phase. */
	void	(*on_phase)(const struct job *);
	/* Called when a retry is scheduled; the report has the reason. */
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
	const char			*uri;	/* instance to relay to, or NULL */
	void				*owner;		/* for the caller */
	enum job_state		 state;
	int64_t				 until;		/* see job_begin */
	int64_t				 limit;		/* see job_begin */
	int64_t				 began;
	int64_t				 tried;		/* start of attempt */
	unsigned			 tries;
	int64_t				 next;		/* next attempt at */
	int64_t				 delay;
	struct exchange_request		 asked;
	char				*rest;		/* tail of the line */
	struct exchange			*exchange;
	int				 was_unhealthy;	/* see health_ok */
	char				 phase[256];	/* escaped */
	struct report			 report;	/* of the last */
};

/*
 * Initialises a spec from the arguments of a request, without the timeout,
 * which each job sets.  `relayed`: also prepare the form for a gateway.  Zeroes
 * the other fields.  Returns 0, or -1 with an error.
 */
int	 job_spec_init(struct job_spec *, const json_t *args,
	    double timeout, int relayed, struct error *);
void	 job_spec_finish(struct job_spec *);

/*
 * Starts a job.  All pointers must outlive it; `hooks` may be NULL.  Retries
 * failures until the time `until`.  If `limit` is not 0, it is the deadline of
 * all attempts together; otherwise each attempt has its own timeout.
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
 * Whether the instance may be working on the request: if the program exits now,
 * the outcome is unknown.
 */
int	 job_in_flight(const struct job *);

/*
 * Cancels the job.  If an attempt is running, the report says that it was
 * cancelled; otherwise it is that of the last attempt.
 */
void	 job_cancel(struct job *);

/* Frees everything except for the report, which belongs to the caller. */
void	 job_finish(struct job *);

#endif
