/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Completes Lua names by asking the instance.
 */

#ifndef CR_LUA_COMPLETE_H
#define CR_LUA_COMPLETE_H

#include "repl/event.h"
#include "util/error.h"
#include "util/strlist.h"

/*
 * The characters that separate words in a completion.  They do not include '.'
 * and ':', so that `a.b:c` is one word.
 */
#define SUGGEST_BREAKS	"\t\r\n !\"#$%&'()*+,-/;<=>?@[\\]^`{|}~"

/*
 * Adds the names that can complete the word from `start` to `stop` of a line.
 * Omits names that would have to be escaped.  Blocks: connects if necessary,
 * and waits at most a second for the reply.  Adds nothing if no reply arrives
 * in that time, or if the instance is busy.  Returns 0, or -1 with an error if
 * the connection was lost.
 */
int	lua_complete_names(struct strlist *, struct event_source *,
	    const char *line, size_t start, size_t stop, struct error *);

#endif
