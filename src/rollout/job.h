/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * One request to one instance, tried again as long as that helps: directly, or
 * relayed by another instance.  A state machine on top of the session, so that
 * one loop can run many.
 */

#ifndef CR_JOB_H
#define CR_JOB_H

#include <jansson.h>
#include <stdint.h>

#include "util/error.h"
#include "proto/report.h"
#include "proto/request.h"
#include "net/exchange.h"
#include "target/target.h"

struct errand;

/* What it would mean that a request was sent and its reply is not seen. */
enum errand_effect {
	EFFECT_NONE,		/* nothing changes in the instance */
	EFFECT_EVAL,
	EFFECT_RELOAD,
	EFFECT_PUSH,
	EFFECT_NATIVE
};

/* What is asked: the same for many errands, which it must outlive. */
struct errand_kind {
	struct request		 request;	/* asked directly */
	struct request		 relayed;	/* asked through another */
	char			 command[16];
	/* The ways in which it can end well; the second may be the first. */
	enum outcome		 expected[2];
	int			 expects_any;	/* a command of another table */
	enum errand_effect	 effect;
	double			 timeout;	/* for one try, seconds */
	int			 wants_tree;	/* of the results of eval */
	/*
	 * Whether an answer is one to ask again for, in time.  NULL: if it
	 * may pass by itself.
	 */
	int			(*again)(const struct errand *);
	/* Called when the instance enters a phase; may be NULL. */
	void			(*on_phase)(struct errand *);
	/* Called when it is to be tried again, with the report; may be NULL. */
	void			(*on_waiting)(struct errand *);
};

enum errand_state {
	ERRAND_TALKING,
	ERRAND_WAITING,		/* to try again */
	ERRAND_DONE		/* there is a report */
};

struct errand {
	const struct errand_kind	*kind;
	const struct target		*target;	/* to connect to */
	const char			*name;		/* in the report */
	const char			*uri;		/* relay to it, or NULL */
	void				*owner;		/* of the caller */
	enum errand_state		 state;
	int64_t				 until;		/* to try again */
	int64_t				 limit;		/* of all tries, or 0 */
	int64_t				 began;
	int64_t				 tried;		/* the last try began */
	unsigned			 tries;
	int64_t				 next;		/* when to try again */
	int64_t				 delay;
	struct session_request		 asked;
	char				*rest;		/* of the line */
	struct session			*session;
	int				 was_sick;	/* for `again` */
	char				 phase[24];	/* escaped */
	struct report			 report;	/* of the last try */
};

/*
 * Makes a kind of request with these arguments, whose timeout is left to each
 * errand; relayed ones too if so wanted.  The other fields are set to none.
 * Returns 0, or -1 with an error.
 */
int	 errand_kind_init(struct errand_kind *, const json_t *args,
	    double timeout, int relayed, struct error *);
void	 errand_kind_finish(struct errand_kind *);

/*
 * Begins an errand: all must outlive it.  Until `until` it is tried again.
 * With a `limit`, all tries end by then, and not each after its timeout.
 */
void	 errand_begin(struct errand *, const struct errand_kind *,
	    const struct target *, const char *name, const char *uri,
	    void *owner, int64_t until, int64_t limit);

/* What to poll, for which events, and until when at the latest. */
int	 errand_fd(const struct errand *);
short	 errand_events(const struct errand *);
int64_t	 errand_due(const struct errand *);

/* Goes on as far as possible without blocking. */
enum errand_state errand_step(struct errand *);

/*
 * Whether the instance may be at work on it, so that to leave now is to leave
 * the outcome open.
 */
int	 errand_is_begun(const struct errand *);

/* Ends it now, with a report that says so; of one that waits, the last one. */
void	 errand_give_up(struct errand *);

/* Frees what it holds but the report, which is the caller's. */
void	 errand_finish(struct errand *);

#endif
