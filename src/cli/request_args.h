/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Builds the JSON arguments of requests. */

#ifndef CR_REQUEST_ARGS_H
#define CR_REQUEST_ARGS_H

#include <jansson.h>

#include "cli/options.h"
#include "util/error.h"

/*
 * Builds the arguments that a command sends to all instances.  Reads the file
 * of `eval -f` or the directory of `push`.  Returns a new reference, or NULL
 * with an error if reading fails, a text is not UTF-8, or memory runs out.
 */
json_t	*request_args_for_command(const struct options *, struct error *);

/*
 * Wraps the arguments of a request in those of the `relay` command, which makes
 * the gateway instance forward the request.  The caller must add the address
 * and the time limit of the receiving instance.  Returns a new reference, or
 * NULL with an error if out of memory.
 */
json_t	*request_args_for_relay(const json_t *args, struct error *);

/*
 * Returns the time limit that the request sets for the instance.  `timeout` is
 * how long this program waits for the final reply.  Both are in seconds.  The
 * limit is slightly shorter than `timeout`, so that the reply arrives in time.
 */
double	 request_args_seconds(double timeout);

#endif
