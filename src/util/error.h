/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * An error has a code for programs and a message for people.  The code has a
 * stable name and determines the outcome.  On failure, a function fills in an
 * error for its caller and prints nothing.  The command, or main, decides what
 * to do with the error.
 */

#ifndef CR_ERROR_H
#define CR_ERROR_H

#include "util/error_codes.h"
#include "util/outcome.h"

#define ERROR_CODE(name, word, outcome, text)	ERROR_##name,
enum error_code {
	ERROR_CODES(ERROR_CODE)
	ERROR_COUNT
};
#undef ERROR_CODE

struct error {
	enum error_code	 code;
	enum outcome	 outcome;	/* the outcome of `code` */
	int		 transient;	/* with --wait, a retry may succeed */
	char		 message[1024];	/* one line of unescaped text */
};

/*
 * Returns the name of an error code, which reports show as `error.code`.  The
 * string is static.
 */
const char	*error_word(enum error_code);

/* Returns the outcome of a command that fails with this error code. */
enum outcome	 error_outcome(enum error_code);

/*
 * Returns the sentence with which the manual explains the error code.  The
 * string is static.
 */
const char	*error_explanation(enum error_code);

/*
 * Fills in an error.  Truncates a message that is too long.  Always returns -1,
 * so that a function can `return error_set(...)`.
 */
int	error_set(struct error *, enum error_code, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* Like error_set, but marks the error as temporary, so that --wait retries. */
int	error_set_transient(struct error *, enum error_code, const char *fmt,
	    ...) __attribute__((format(printf, 3, 4)));

/* Fills in the error "out of memory".  Returns -1. */
int	error_out_of_memory(struct error *);

#endif
