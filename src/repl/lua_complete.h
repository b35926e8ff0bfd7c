/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What can stand for a word of Lua, by what the instance knows.
 */

#ifndef CR_LUA_COMPLETE_H
#define CR_LUA_COMPLETE_H

#include "repl/event.h"
#include "util/error.h"
#include "util/strlist.h"

/* What ends a word of Lua, for a completion; `a.b:c` is one. */
#define SUGGEST_BREAKS	"\t\r\n !\"#$%&'()*+,-/;<=>?@[\\]^`{|}~"

/*
 * Adds the names that the word from `start` to `stop` of a line may become,
 * but for those that could harm a terminal; none if that takes too long, or if
 * the instance is at work.  Connects if there is no connection.  Blocks for
 * that, and for a second at most.  Returns 0, or -1 with an error: the
 * connection was lost.
 */
int	suggest_names(struct strlist *, struct event_source *,
	    const char *line, size_t start, size_t stop, struct error *);

#endif
