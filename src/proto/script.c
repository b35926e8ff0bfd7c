/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <string.h>

#include "proto/script.h"

const struct script *
script_find(const char *name)
{
	const struct script *script;

	for (script = script_table; script->name != NULL; script++)
		if (strcmp(script->name, name) == 0)
			return script;
	return NULL;
}
