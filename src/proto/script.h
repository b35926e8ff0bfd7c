/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The Lua files under src/lua/, embedded at build time by scripts/embed.sh.
 * They are kept escaped, as nothing is done with them but to send them.
 */

#ifndef CR_SCRIPT_H
#define CR_SCRIPT_H

#include <stddef.h>

struct script {
	const char	*name;	/* as in require: "adapters.http" */
	const char	*text;	/* what goes between the quotes of a Lua string */
	size_t		 len;	/* of text, without the NUL that ends it */
	/* What its `require('NAME')` name, closed by NULL. */
	const char	*const *required;
};

/* Sorted by name; closed by an entry whose name is NULL, which is not counted. */
extern const struct script script_table[];
extern const size_t script_count;

/* The script of that name, or NULL. */
const struct script *script_find(const char *name);

#endif
