/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Builds the line of Lua that a request sends: the embedded modules that a
 * command needs, and its arguments as data.
 *
 *	(loadstring("<boot.lua>","@cartridge-reload/boot.lua")(
 *	    "<name>","<source>",...,"<arguments in JSON>"))
 *
 * The console puts `return ` before the line.  The last byte closes the first
 * parenthesis, so every proper prefix is a syntax error: if the connection is
 * cut, nothing runs.
 */

#ifndef CR_REQUEST_H
#define CR_REQUEST_H

#include <jansson.h>
#include <stddef.h>

/* The first part of a line.  It is the same for all instances. */
struct request {
	char	*head;
	size_t	 len;
};

/*
 * Builds the part of the line that does not depend on the instance: boot.lua,
 * src/lua/commands/<command>.lua, the modules that it requires, and `args`, an
 * object whose "command" names the command.  If `args` contains "request", the
 * arguments of a command that the gateway relays, the line also contains what
 * the gateway needs for this: the source of boot.lua and the modules of that
 * command.  The strings in the object "texts" are sent next to the modules, not
 * as JSON, so that they are escaped only once.  Returns 0, or -1 if out of
 * memory or if a module does not exist (a bug).
 */
int	 request_init(struct request *, const json_t *args);
void	 request_finish(struct request *);

/*
 * Builds the rest of the line, without a newline.  `more`, which may be NULL,
 * is an object with the arguments for one instance; its keys must not be in
 * `args`.  Returns a text that the caller frees, or NULL if out of memory.
 */
char	*request_rest(const json_t *more, size_t *len);

/*
 * Builds a line that calls src/lua/commands/repl.lua with the typed text and
 * the environment of the session:
 *
 *	(loadstring("<repl.lua>","@cartridge-reload/repl.lua"))(getfenv(1),
 *	    "<what>","<text>",<from>,<to>)
 *
 * Every proper prefix is a syntax error or, if it ends before the second call,
 * has no effect.  Returns a text that the caller frees, or NULL if out of
 * memory.
 */
char	*request_repl(const char *what, const char *text, size_t text_len,
	    size_t from, size_t to, size_t *len);

/*
 * Builds the whole line of a request whose arguments are the same for all
 * instances.  Returns a text that the caller frees, or NULL if out of memory.
 */
char	*request_line(const json_t *args, size_t *len);

#endif
