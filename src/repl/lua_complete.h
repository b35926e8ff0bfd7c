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
 * The characters that separate words when Lua code is completed.  '.' and ':'
 * are not among them, so that `a.b:c` is one word.
 */
#define SUGGEST_BREAKS	"\t\r\n !\"#$%&'()*+,-/;<=>?@[\\]^`{|}~"

/*
 * Adds the names with which the instance can complete the word from offset
 * `start` to offset `stop` of a line.  Omits names that would have to be
 * escaped on a terminal.  Blocks for up to a second to connect if necessary,
 * and up to a second for the reply.  Adds nothing after a timeout, or if the
 * instance is busy.  Returns 0, or -1 with an error if the connection was lost.
 */
int	lua_complete_names(struct strlist *, struct event_source *,
	    const char *line, size_t start, size_t stop, struct error *);

#endif
