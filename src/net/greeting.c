/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <ctype.h>
#include <string.h>

#include "net/greeting.h"

static const char start[] = "Tarantool ";

/*
 * Reads the version from the first line of the greeting.  Returns 0, or -1 if
 * the line contains no version.
 */
static int
read_version(struct greeting *greeting, const char *line)
{
	const char *p;
	size_t len;

	/* The product name before the version may consist of several words. */
	for (p = strchr(line, ' '); p != NULL; p = strchr(p, ' ')) {
		p++;
		if (!isdigit((unsigned char)p[0]))
			continue;
		len = strspn(p, "0123456789."
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-");
		if (p[len] != ' ' || len >= sizeof(greeting->version))
			return -1;
		memcpy(greeting->version, p, len);
		greeting->version[len] = '\0';
		return 0;
	}
	return -1;
}

enum greeting_kind
greeting_check(struct greeting *greeting)
{
	enum greeting_kind kind;
	size_t len = greeting->len, start_len = sizeof(start) - 1;
	char line[GREETING_LINE_SIZE];

	if (memcmp(greeting->data, start, len < start_len ? len :
	    start_len) != 0)
		return GREETING_FOREIGN;
	if (len < GREETING_LINE_SIZE)
		return GREETING_INCOMPLETE;
	memcpy(line, greeting->data, GREETING_LINE_SIZE);
	if (line[GREETING_LINE_SIZE - 1] != '\n')
		return GREETING_FOREIGN;
	line[GREETING_LINE_SIZE - 1] = '\0';
	if (strstr(line, " (Binary)") != NULL)
		kind = GREETING_BINARY;
	else if (strstr(line, " (Lua console)") != NULL)
		kind = GREETING_CONSOLE;
	else
		return GREETING_FOREIGN;
	if (read_version(greeting, line) == -1)
		return GREETING_FOREIGN;
	if (len < GREETING_SIZE)
		return GREETING_INCOMPLETE;
	return greeting->data[GREETING_SIZE - 1] == '\n' ? kind :
	    GREETING_FOREIGN;
}
