/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* The monotonic clock, in milliseconds. */

#ifndef CR_CLOCK_H
#define CR_CLOCK_H

#include <stdint.h>

/* A deadline that never expires. */
#define CLOCK_FOREVER	INT64_MAX

int64_t	clock_ms(void);

/*
 * Returns the time `seconds` from now, but at least one millisecond from now.
 */
int64_t	clock_after(double seconds);

/* Returns the seconds between two clock_ms times, rounded for display. */
double	clock_seconds(int64_t from, int64_t until);

#endif
