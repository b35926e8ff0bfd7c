/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What went wrong: how the command ends, a stable word for programs and a
 * sentence for people.  Functions that can fail fill one in for their caller;
 * only main prints it.
 */

#ifndef CR_ERROR_H
#define CR_ERROR_H

#include "util/outcome.h"

struct error {
	enum outcome	 outcome;
	const char	*code;		/* error.code of the report; static */
	int		 transient;	/* may pass by itself: --wait retries */
	char		 message[1024];	/* one line, raw: escape to print */
};

/*
 * Fills in an error.  A message that is too long is cut.  Always returns -1,
 * so that a function can `return error_set(...)`.
 */
int	error_set(struct error *, enum outcome, const char *code,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same for an error that --wait is to retry. */
int	error_set_transient(struct error *, enum outcome, const char *code,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same for lack of memory on our side. */
int	error_out_of_memory(struct error *);

#endif
