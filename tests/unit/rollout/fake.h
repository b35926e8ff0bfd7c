/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Command lines that are run with exchanges that are made up, and with a clock
 * and signals of their own: exchanges last and waiting takes as long as the
 * test says.  The linker puts them in place of the real ones (--wrap).
 */

#ifndef CR_TEST_FAKE_H
#define CR_TEST_FAKE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "target/target.h"
#include "util/error.h"

/* What the next exchange comes to. */
struct answer {
	const char	*reply;		/* JSON with ' for ", or NULL */
	enum error_code	 code;		/* of the error then */
	int		 transient;
	int		 sent;
	int64_t		 lasts;		/* milliseconds */
	const char	*push;		/* a push message before the end */
};

struct fake {
	int64_t			 now_ms;	/* 5000 when a run begins */
	const struct answer	*answers;	/* in their order */
	size_t			 exchanges;	/* how many were started */
	size_t			 running;	/* at a time */
	size_t			 most_running;
	char			 log[4096];	/* "TARGET COMMAND URI;..." */
	/*
	 * What was reported, if not in JSON: "TARGET OUTCOME CODE;..." as the
	 * instances end, and then "TARGET skipped;..." and
	 * "TARGET untouched;...".
	 */
	char			 reports[4096];
	char			*last_line;	/* the last request */
	int64_t			 last_deadline;
	int			 last_read_only;
	int64_t			 interrupt_at[2];	/* 0 for never */
	size_t			 poller_fails_at;	/* exchange, or 0 */
};

extern struct fake fake;

/* A command line, run. */
struct ran {
	struct options	 options;
	struct targets	 targets;
	json_t		*args;
	enum outcome	 outcome;
	char		*out;
	char		*err;
};

void	fake_parse(struct ran *, int argc, char *argv[]);
void	fake_run(struct ran *, const struct answer *);
void	fake_finish(struct ran *);

#define FAKE_PARSE(ran, ...) do {					\
	char *argv_[] = { (char *)"cartridge-reload", __VA_ARGS__, NULL };	\
	fake_parse(ran, (int)(sizeof(argv_) / sizeof(argv_[0])) - 1, argv_); \
} while (0)

#define REPLY(outcome)	"[{'cartridge_reload': 1, 'outcome': '" outcome "'}]"
#define OK_REPLY	REPLY("reloaded")
#define REFUSED_REPLY(transient) "[{'cartridge_reload': 1, "		\
	"'outcome': 'refused', 'error': {'code': 'locked', "		\
	"'message': 'busy', 'transient': " transient "}}]"

/* How an instance is, as the reply to a preflight. */
#define STATUS(status) "[{'cartridge_reload': 1, 'outcome': 'ok', "	\
	"'status': {'box': 'running', " status "}}]"
#define FOLLOWER STATUS("'role': 'follower'")
#define LEADER STATUS("'role': 'leader'")
#define ANSWER(reply) { reply, 0, 0, 1, 0, NULL }
#define LASTING(reply, ms) { reply, 0, 0, 1, ms, NULL }
#define FAILED_REPLY "[{'cartridge_reload': 1, 'outcome': 'failed', "	\
	"'error': {'code': 'init_failed', 'message': 'no'}}]"

/* Runs it, and compares what was asked of whom. */
#define CHECK_ASKED(ran, list, expected) do {				\
	fake_run(ran, list);							\
	assert_string_equal(fake.log, expected);				\
	assert_int_equal(fake.exchanges, sizeof(list) / sizeof((list)[0]));	\
} while (0)

#endif
