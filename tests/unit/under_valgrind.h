/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * For tests of what much input costs: under valgrind all of it is tens of times
 * as slow, and nothing as it is.
 */

#ifndef CR_UNDER_VALGRIND_H
#define CR_UNDER_VALGRIND_H

#include <stdlib.h>
#include <string.h>

static inline int
is_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

#endif
