/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "proto/script.h"

static int
compare(const void *name, const void *script)
{
	return strcmp(name, ((const struct script *)script)->name);
}

const struct script *
script_find(const char *name)
{
	return bsearch(name, script_table, script_count,
	    sizeof(script_table[0]), compare);
}
