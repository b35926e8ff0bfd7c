/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The Lua files under src/lua/, which scripts/embed.sh embeds at build time.
 * They are stored in the form that is sent: escaped for a Lua string.
 */

#ifndef CR_SCRIPT_H
#define CR_SCRIPT_H

#include <stddef.h>

struct script {
	const char	*name;	/* as passed to require: "adapters.http" */
	const char	*text;	/* escaped for a Lua string */
	size_t		 len;	/* length of `text`, without NUL */
	/*
	 * The names of the modules that the script requires.  Ends with NULL.
	 */
	const char	*const *required;
};

/*
 * The scripts, sorted by name.  The table ends with an entry whose name is
 * NULL.
 */
extern const struct script script_table[];
extern const size_t script_count;

/* Returns the script with the given name, or NULL. */
const struct script *script_find(const char *name);

#endif
