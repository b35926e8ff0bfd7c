/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <ctype.h>
#include <string.h>

#include "net/handshake.h"

#define ANSWER	"---\n- true\n...\n"

int
handshake_check(const struct document *doc, struct error *error)
{
	char text[200];
	size_t i;

	if (doc->len == sizeof(ANSWER) - 1 &&
	    memcmp(doc->data, ANSWER, doc->len) == 0)
		return 0;
	for (i = 0; i < doc->len && i < sizeof(text) - 1; i++)
		text[i] = isspace((unsigned char)doc->data[i]) ? ' ' :
		    doc->data[i] == '\0' ? '?' : doc->data[i];
	text[i] = '\0';
	return error_set(error, OUTCOME_PROTOCOL, "bad_handshake",
	    "the console did not take YAML as its "
	    "format: %s", text);
}
