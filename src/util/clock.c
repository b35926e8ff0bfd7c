/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <time.h>

#include "util/clock.h"

int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_after(double seconds)
{
	return clock_ms() + (seconds > 0.001 ? (int64_t)(seconds * 1000) : 1);
}

double
clock_seconds(int64_t from, int64_t until)
{
	int64_t ms = until > from ? until - from : 0, unit;

	/*
	 * Round the result: the two times come from different readings of the
	 * clock, so a limit of 3 s could otherwise be shown as 2.998 s.
	 */
	unit = ms < 1000 ? 10 : 50;
	ms = (ms + unit / 2) / unit * unit;
	return (double)ms / 1000.0;
}
