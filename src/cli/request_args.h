/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Builds the JSON arguments that the requests to all instances have in common.
 */

#ifndef CR_REQUEST_ARGS_H
#define CR_REQUEST_ARGS_H

#include <jansson.h>

#include "cli/options.h"
#include "util/error.h"

/*
 * Builds the arguments of the command that the options name, and returns a new
 * reference.  Reads the file of `eval -f` and the directory of `push`.  Returns
 * NULL with an error if they cannot be read.
 */
json_t	*request_args_for_command(const struct options *, struct error *);

/*
 * Wraps the arguments of a request into those of a relayed one, which is sent
 * to the gateway.  Returns a new reference.  The caller must add the address
 * and timeout of each instance.  Returns NULL with an error if out of memory.
 */
json_t	*request_args_for_relay(const json_t *args, struct error *);

/*
 * Returns the time limit to send to an instance, in seconds.  `timeout` is the
 * number of seconds that this program waits for the final reply.  The limit is
 * slightly shorter, so that the reply can still arrive in time.
 */
double	 request_args_seconds(double timeout);

#endif
