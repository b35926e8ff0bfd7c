/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Builds the arguments of a request, as JSON, as far as they are the same for
 * all instances.
 */

#ifndef CR_ARGUMENTS_H
#define CR_ARGUMENTS_H

#include <jansson.h>

#include "util/error.h"
#include "cli/options.h"

/*
 * Returns the arguments of the options' command, a new reference.  Reads the
 * file of `eval -f` and the directory of `push`.  Returns NULL with a usage
 * error if they cannot be read.
 */
json_t	*arguments_of_command(const struct options *, struct error *);

/*
 * Returns the arguments for relaying a request with these arguments, without
 * address and timeout.  A new reference, or NULL with an error.
 */
json_t	*arguments_of_relay(const json_t *args, struct error *);

/*
 * Returns the time limit for an instance, in seconds, when this program waits
 * `timeout`: slightly less, so that the final reply still arrives in time.
 */
double	 arguments_seconds(double timeout);

#endif
