/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What the Lua in the instance is told: the arguments of a request, as JSON,
 * as far as they are the same for all instances.
 */

#ifndef CR_REQUEST_ARGS_H
#define CR_REQUEST_ARGS_H

#include <jansson.h>

#include "util/error.h"
#include "cli/options.h"

/*
 * The arguments for the command of the options, a new reference.  Reads the
 * file of `eval -f` and the folder of `push`.  Returns NULL with a usage error
 * if that cannot be read.
 */
json_t	*arguments_of_command(const struct options *, struct error *);

/*
 * The arguments for having another instance relay a request with these
 * arguments; without its address and a timeout.  A new reference, or NULL with
 * an error.
 */
json_t	*arguments_of_relay(const json_t *args, struct error *);

/*
 * How long the instance gets, in seconds, if we wait for so long: a little
 * less, so that we still hear how it ended.
 */
double	 arguments_seconds(double timeout);

#endif
