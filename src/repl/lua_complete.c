/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdlib.h>
#include <string.h>

#include "repl/lua_complete.h"
#include "output/term.h"
#include "repl/result.h"
#include "util/clock.h"
#include "util/escape.h"

/* The time limit of a completion, in seconds. */
#define SUGGEST_SECONDS	1.0

/*
 * Adds a name from the instance if it starts with `word`.  Omits a name that
 * would have to be escaped on a terminal.
 */
static void
add_name(struct strlist *names, const char *name, const char *word, size_t len)
{
	struct error ignored;
	char *escaped;

	if (name == NULL || strncmp(name, word, len) != 0 ||
	    (escaped = escape_text(name, strlen(name), 0)) == NULL)
		return;
	if (strcmp(escaped, name) == 0)
		strlist_add(names, name, strlen(name), &ignored);
	free(escaped);
}

static void
take_names(struct strlist *names, const struct document *doc,
    const char *word, size_t len)
{
	struct error ignored;
	struct result result;
	json_t *tree, *list;
	size_t i;

	if (result_read(&result, doc, &ignored) == -1 ||
	    result.kind != RESULT_NAMES ||
	    (tree = result_tree(&result, &ignored)) == NULL)
		return;
	list = json_array_get(tree, 0);
	for (i = 0; i < json_array_size(list); i++)
		add_name(names, json_string_value(json_array_get(list, i)),
		    word, len);
	json_decref(tree);
}

int
lua_complete_names(struct strlist *names, struct event_source *source,
    const char *line, size_t start, size_t stop, struct error *error)
{
	if (source->session == NULL &&
	    event_connect(source, SUGGEST_SECONDS, 0, error) == -1)
		return 0;
	/*
	 * Send nothing while an earlier line or completion still has no reply.
	 */
	if (session_waiting(source->session) > 0)
		return 0;
	if (session_eval(source->session, "complete", line + start,
	    stop - start, start, stop, error) == -1)
		return 0;
	switch (event_wait(source, NULL, clock_ms() +
	    (int64_t)(SUGGEST_SECONDS * 1000), error)) {
	case EVENT_REPLY:
		take_names(names, &source->doc, line + start, stop - start);
		break;
	case EVENT_REFUSED:
		break;
	case EVENT_DISCONNECTED:
		/*
		 * Only a completion was pending, so do not report that the
		 * outcome is unknown.
		 */
		if (error->code == ERROR_CLOSED)
			error_set(error, ERROR_CLOSED_EARLY,
			    "connection closed by the instance");
		return -1;
	default:
		session_forget(source->session);
	}
	return 0;
}
