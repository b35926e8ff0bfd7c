/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Builds the line of Lua that a request sends.  It contains the embedded
 * modules that a command needs, and the arguments of the command as data:
 *
 *	(loadstring("<boot.lua>","@cartridge-reload/boot.lua")(
 *	    "<name>","<source>",...,"<arguments in JSON>"))
 *
 * The console puts `return ` before the line.  The last byte closes the first
 * parenthesis, so a truncated line is a syntax error.  If the connection is
 * cut, nothing runs.
 */

#ifndef CR_REQUEST_H
#define CR_REQUEST_H

#include <jansson.h>
#include <stddef.h>

/* The first part of a request line, which is the same for all instances. */
struct request {
	char	*head;
	size_t	 len;
};

/*
 * Builds the part of a request line that is the same for all instances: the
 * code of boot.lua, of src/lua/commands/<command>.lua and of the modules that
 * this command requires, followed by `args`.  The "command" field of `args`
 * names the command.
 *
 * If `args` contains "request", the gateway relays the command that "request"
 * describes.  Then the line also contains a second copy of boot.lua and the
 * modules of the relayed command, which the gateway sends to the other
 * instance.
 *
 * The strings in the "texts" object of `args` are sent in the same form as the
 * modules, not as JSON, so that they are escaped only once.
 *
 * Returns 0, or -1 if out of memory or if a module does not exist (a bug).
 */
int	 request_init(struct request *, const json_t *args);
void	 request_finish(struct request *);

/*
 * Builds the second part of a request line, which follows `head` and may differ
 * between instances.  Adds no newline.  `more` is an object with the arguments
 * for one instance, or NULL.  The keys of `more` must differ from those that
 * were passed to request_init.  Returns a string that the caller frees, or NULL
 * if out of memory.
 */
char	*request_rest(const json_t *more, size_t *len);

/*
 * Builds a line that calls src/lua/commands/repl.lua with the environment of
 * the session and the text that the user has typed:
 *
 *	(loadstring("<repl.lua>","@cartridge-reload/repl.lua"))(getfenv(1),
 *	    "<what>","<text>",<from>,<to>)
 *
 * A truncated line is a syntax error or, if the whole second call is missing,
 * has no effect.  Returns a string that the caller frees, or NULL if out of
 * memory.
 */
char	*request_repl(const char *what, const char *text, size_t text_len,
	    size_t from, size_t to, size_t *len);

/*
 * Builds the whole line of a request whose arguments are the same for all
 * instances.  Returns a string that the caller frees, or NULL if out of memory.
 */
char	*request_line(const json_t *args, size_t *len);

#endif
