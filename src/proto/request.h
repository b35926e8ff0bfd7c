/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The one line of Lua that is sent: the embedded modules that a command
 * needs, and its arguments as data.
 *
 *	(loadstring("<boot.lua>","@cartridge-reload/boot.lua")(
 *	    "<name>","<source>",...,"<arguments in JSON>"))
 *
 * The console puts `return ` before it.  The outermost parenthesis closes with
 * the last byte, so every proper prefix is a syntax error: a connection that
 * is cut in the middle runs nothing.
 */

#ifndef CR_REQUEST_H
#define CR_REQUEST_H

#include <jansson.h>
#include <stddef.h>

/* The beginning of a line, the same for all instances that are sent it. */
struct request {
	char	*head;
	size_t	 len;
};

/*
 * Builds all of the line that does not depend on the instance: boot.lua, the
 * modules that src/lua/<command> requires, and `args`, an object whose
 * "command" names it.  If its "request" holds the arguments of another command
 * that is to be relayed, the modules of that one too, and boot.lua as one of
 * them.  Modules are sent with all that they require.  An object "texts" of strings is not sent as JSON: they
 * go beside the modules, where they are escaped once only.
 *
 * Returns 0, or -1 if memory is out or a module does not exist (a bug).
 */
int	 request_init(struct request *, const json_t *args);
void	 request_finish(struct request *);

/*
 * The rest of such a line, without a newline: `more` are the arguments of one
 * instance, an object whose keys the others do not have, or NULL.  To be freed
 * by the caller; NULL if memory is out.
 */
char	*request_rest(const json_t *more, size_t *len);

/*
 * A line that calls src/lua/typed.lua with what was typed, by itself and with
 * the environment of the session:
 *
 *	(loadstring("<typed.lua>","@cartridge-reload/typed.lua"))(getfenv(1),
 *	    "<what>","<text>",<from>,<to>)
 *
 * Of its proper prefixes only the one that ends before the second call is no
 * syntax error, and that does nothing.  To be freed by the caller; NULL if
 * memory is out.
 */
char	*request_typed(const char *what, const char *text, size_t text_len,
	    size_t from, size_t to, size_t *len);

/* The whole line, if nothing depends on the instance; else like both. */
char	*request_line(const json_t *args, size_t *len);

#endif
