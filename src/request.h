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

/*
 * Builds the line for a command: boot.lua, the modules that src/lua/<command>
 * requires, and `args`, an object whose "command" names it.  Which modules are
 * needed is found by following the `require('...')` calls of the sources.
 * Returns the line without a newline, to be freed by the caller, or NULL if
 * memory is out or a module does not exist (a bug).
 */
char	*request_line(const json_t *args, size_t *len);

#endif
