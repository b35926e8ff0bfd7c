/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Time, in milliseconds of the monotonic clock.
 */

#ifndef CR_CLOCK_H
#define CR_CLOCK_H

#include <stdint.h>

/* A deadline that never comes. */
#define CLOCK_FOREVER	INT64_MAX

int64_t	clock_ms(void);

/* The time so many seconds from now, a millisecond from now at least. */
int64_t	clock_after(double seconds);

/* The seconds between two of these times, rounded as people say them. */
double	clock_seconds(int64_t from, int64_t until);

#endif
