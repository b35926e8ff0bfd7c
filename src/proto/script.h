/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The Lua files under src/lua/, embedded at build time by scripts/embed.sh.
 */

#ifndef CR_SCRIPT_H
#define CR_SCRIPT_H

#include <stddef.h>

struct script {
	const char		*name;	/* as in require: "adapters.http" */
	const unsigned char	*data;
	size_t			 len;
};

/* Sorted by name; closed by an entry whose name is NULL. */
extern const struct script script_table[];

/* The script of that name, or NULL. */
const struct script	*script_find(const char *name);

#endif
