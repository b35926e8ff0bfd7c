/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/resource.h>

#include "util/fdlimit.h"

/*
 * The usual and the minimum number of descriptors reserved for uses other than
 * connections.
 */
#define OTHERS		32
#define OTHERS_MIN	8

size_t
fdlimit_ensure(size_t wanted)
{
	struct rlimit limit, raised;
	rlim_t need = (rlim_t)wanted + OTHERS, others;
	size_t room;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need)
		return wanted;
	raised = limit;
	raised.rlim_cur = limit.rlim_max == RLIM_INFINITY ||
	    limit.rlim_max > need ? need : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
		limit = raised;
	if (limit.rlim_cur >= need)
		return wanted;
	/*
	 * If the limit is very low, reserve only half of it, so that at least
	 * some connections are possible.
	 */
	others = limit.rlim_cur / 2 > OTHERS ? OTHERS :
	    limit.rlim_cur / 2 < OTHERS_MIN ? OTHERS_MIN : limit.rlim_cur / 2;
	room = limit.rlim_cur > others ? (size_t)(limit.rlim_cur - others) : 1;
	return room < wanted ? room : wanted;
}
