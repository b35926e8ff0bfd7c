/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#ifndef REPLIES_H
#define REPLIES_H

/* Builds reports from replies that are written as JSON with ' for ". */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proto/report.h"

/* The report on a reply, which is written with ' for ". */
static inline void
from_reply(struct report *report, const char *reply)
{
	json_t *tree;
	char *json, *quote;

	assert_non_null(json = strdup(reply));
	while ((quote = strchr(json, '\'')) != NULL)
		*quote = '"';
	tree = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(tree);
	report_from_reply(report, "a.control", tree, 0);
	json_decref(tree);
	free(json);
}

static inline const char *
string_at(const struct report *report, const char *object, const char *key)
{
	const json_t *from = report->instance;

	if (object != NULL)
		from = json_object_get(from, object);
	return json_string_value(json_object_get(from, key));
}

static inline void
assert_json(const json_t *value, const char *expected)
{
	char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(dumped);
	assert_string_equal(dumped, expected);
	free(dumped);
}

#endif
