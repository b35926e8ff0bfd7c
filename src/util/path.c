/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/path.h"

char *
path_join(const char *dir, const char *name)
{
	size_t len = strlen(dir), size;
	char *path;

	if (len == 0 || strcmp(dir, ".") == 0)
		return strdup(name);
	size = len + strlen(name) + sizeof("/");
	if ((path = malloc(size)) != NULL)
		snprintf(path, size, "%s%s%s", dir,
		    dir[len - 1] == '/' ? "" : "/", name);
	return path;
}
