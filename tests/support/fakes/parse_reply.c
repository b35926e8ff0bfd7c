/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * parse_reply MEGABYTES: parses a reply of that size with yaml_tree_parse, and
 * prints the number of modules in it.  The reply is always the same: a report
 * on many modules, as the console would write it.
 */

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "proto/yaml_tree.h"

static const char *const kinds[] = { "roles", "lib", "models", "handlers" };

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

int
main(int argc, char *argv[])
{
	struct error error;
	const char *kind;
	char *text;
	size_t len, size;
	json_t *reply;
	FILE *stream;
	unsigned i;

	size = argc == 2 ? (size_t)atoi(argv[1]) * 1000 * 1000 : 0;
	if (size == 0 || (stream = open_memstream(&text, &len)) == NULL) {
		fputs("usage: parse_reply MEGABYTES\n", stderr);
		return 1;
	}
	fputs("---\n- cartridge_reload: 1\n  outcome: ok\n  modules:\n", stream);
	for (i = 0; ftell(stream) < (long)size; i++) {
		kind = kinds[i % nitems(kinds)];
		fprintf(stream, "  - name: app.%s.module_%u\n"
		    "    path: /srv/shop/app/%s/module_%u.lua\n"
		    "    changed: %s\n    lines: %u\n    load_ms: %u.%u\n",
		    kind, i, kind, i, i % 3 == 0 ? "true" : "false",
		    i * 7 % 1000, i % 50, i % 10);
		if (i % 8 == 0)
			fputs("    note: 'it''s the first of eight: \xc3\xa4'\n"
			    "    trace: \"at\\tinit\\n  in \\u2026\\n\"\n", stream);
	}
	fputs("...\n", stream);
	if (fclose(stream) == EOF) {
		perror("parse_reply");
		return 1;
	}
	if ((reply = yaml_tree_parse(text, len, &error)) == NULL) {
		fprintf(stderr, "parse_reply: %s\n", error.message);
		return 1;
	}
	printf("%zu\n", json_array_size(json_object_get(json_array_get(reply,
	    0), "modules")));
	json_decref(reply);
	free(text);
	return 0;
}
