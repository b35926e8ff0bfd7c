/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Builds the arguments of a request, as JSON: those that are the same for all
 * instances.
 */

#ifndef CR_REQUEST_ARGS_H
#define CR_REQUEST_ARGS_H

#include <jansson.h>

#include "cli/options.h"
#include "util/error.h"

/*
 * Returns the arguments of the command in the options, a new reference.  Reads
 * the file of `eval -f` and the directory of `push`; returns NULL with a usage
 * error if they cannot be read.
 */
json_t	*request_args_for_command(const struct options *, struct error *);

/*
 * Returns the arguments of a request that makes the gateway relay a request
 * with `args`; each instance's address and timeout are still missing.  A new
 * reference, or NULL with an error.
 */
json_t	*request_args_for_relay(const json_t *args, struct error *);

/*
 * Returns the time limit to send to an instance, in seconds, if this program
 * waits `timeout` seconds for it: slightly less, so that the final reply still
 * arrives in time.
 */
double	 request_args_seconds(double timeout);

#endif
