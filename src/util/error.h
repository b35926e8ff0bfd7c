/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * An error consists of a code and a message.  The code is for programs: it has
 * a stable name and determines the outcome.  The message is a sentence for
 * people.  A function that can fail fills in an error for its caller and prints
 * nothing: the command, or main, decides what to do with it.
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
	enum outcome	 outcome;	/* of the code */
	int		 transient;	/* --wait retries */
	char		 message[1024];	/* one line, unescaped */
};

/*
 * Returns the name of a code, as it appears in `error.code` of a report.  The
 * name is a static string.
 */
const char	*error_word(enum error_code);

/* Returns the outcome of a command that fails with this code. */
enum outcome	 error_outcome(enum error_code);

/*
 * Returns the sentence of the manual that explains the code, a static string.
 */
const char	*error_explanation(enum error_code);

/*
 * Fills in an error.  Truncates a message that is too long.  Always returns -1,
 * so that a function can `return error_set(...)`.
 */
int	error_set(struct error *, enum error_code, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* Like error_set, for a temporary error, which --wait retries. */
int	error_set_transient(struct error *, enum error_code, const char *fmt,
	    ...) __attribute__((format(printf, 3, 4)));

/* Fills in the error "out of memory".  Returns -1. */
int	error_out_of_memory(struct error *);

#endif
