/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A job: one request to one instance, with retries, sent directly or relayed by
 * the gateway.  It is a state machine on top of the exchange, so one loop can
 * run many.
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

/* The possible effect of a request that was sent but not answered. */
enum side_effect {
	EFFECT_NONE,		/* read-only */
	EFFECT_EVAL,
	EFFECT_RELOAD,
	EFFECT_PUSH,
	EFFECT_NATIVE
};

/* Describes the request, shared by many jobs; must outlive them. */
struct job_spec {
	struct request		 request;	/* sent directly */
	struct request		 relayed;	/* sent through the gateway */
	char			 command[16];
	/* The successful outcomes; the second may equal the first. */
	enum outcome		 expected[2];
	int			 expects_any;	/* any is accepted */
	enum side_effect	 side_effect;
	double			 timeout;	/* per attempt, in seconds */
	int			 parse_results;	/* parse the results of eval */
	/*
	 * Whether to retry after this report.  NULL: if its error is temporary.
	 */
	int			(*should_retry)(const struct job *);
};

/* Callbacks for the owner of the jobs. */
struct job_hooks {
	void	(*on_phase)(const struct job *);	/* of the instance */
	/* A retry is scheduled; the report has the reason. */
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
	const char			*name;		/* in the report */
	const char			*uri;	/* relay to it, or NULL */
	void				*owner;		/* for the caller */
	enum job_state		 state;
	int64_t				 until;		/* retry until then */
	int64_t				 limit;		/* of all, or 0 */
	int64_t				 began;
	int64_t				 tried;		/* last attempt */
	unsigned			 tries;
	int64_t				 next;		/* next attempt */
	int64_t				 delay;
	struct exchange_request		 asked;
	char				*rest;		/* end of the line */
	struct exchange			*exchange;
	int				 was_unhealthy;	/* for `should_retry` */
	char				 phase[256];	/* escaped */
	struct report			 report;	/* of the last */
};

/*
 * Initialises a description from the arguments of a request; each job sets its
 * own timeout.  With `relayed`, also prepares the relayed form.  Other fields
 * are zeroed.  Returns 0, or -1 with an error.
 */
int	 job_spec_init(struct job_spec *, const json_t *args,
	    double timeout, int relayed, struct error *);
void	 job_spec_finish(struct job_spec *);

/*
 * Starts a job.  All pointers must outlive it; hooks may be NULL.  Failures are
 * retried until `until`.  If `limit` is not 0, all attempts end by then;
 * otherwise each has its own timeout.
 */
void	 job_begin(struct job *, const struct job_spec *,
	    const struct job_hooks *, const struct target *, const char *name,
	    const char *uri, void *owner, int64_t until, int64_t limit);

/* The descriptor and events to poll, and the time by which to call job_step. */
int	 job_fd(const struct job *);
short	 job_events(const struct job *);
int64_t	 job_deadline(const struct job *);

/* Advances as far as possible without blocking. */
enum job_state job_step(struct job *);

/*
 * Whether the instance may be working on the request, so that its outcome is
 * unknown if the program exits now.
 */
int	 job_in_flight(const struct job *);

/* Cancels the job.  Its report says so, or is that of the last attempt. */
void	 job_cancel(struct job *);

/* Frees everything but the report, which belongs to the caller. */
void	 job_finish(struct job *);

#endif
