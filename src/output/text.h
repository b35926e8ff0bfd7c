/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The text format has more than one file; this is what they share, and
 * nobody else's business.
 */

#ifndef CR_TEXT_H
#define CR_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "output/output.h"
#include "output/term.h"

/* How much of a digest is shown: enough to tell two apart. */
#define TEXT_DIGEST	8

/* Prints a text of the report, or nothing if it is null. */
void	text_print(const struct output_context *, const char *text);
void	text_print_styled(const struct output_context *, enum term_style,
	    const char *text);

/* These print what they are about after `before`, or nothing at all. */
void	text_print_duration(const struct output_context *, const char *before,
	    const json_t *ms);
void	text_print_generation(const struct output_context *,
	    const char *before, const json_t *of);

/* "3 things", "1 thing". */
void	text_print_count(const struct output_context *, const char *before,
	    size_t count, const char *what);

/* Prints each text of a list on a line of its own. */
void	text_print_list(const struct output_context *, const char *label,
	    enum term_style, const json_t *list);

/* What the first lines of `reload` and of `stale` say of stale references. */
void	text_print_stale_remain(const struct output_context *,
	    const json_t *report);
void	text_print_stale_found(const struct output_context *,
	    const json_t *report);

/* The lines below the first one, if there is anything to tell. */
void	text_print_stale(const struct output_context *, const json_t *report);

/* Of `push`: how many sections there are of each kind; and which, and where. */
void	text_print_sections(const struct output_context *,
	    const char *before, const json_t *report);
void	text_print_push(const struct output_context *, const json_t *report);

/*
 * Why Cartridge finds the cluster not healthy, by the reports on their status:
 * each reason once, on a line of its own.  Returns 0, or -1 without memory.
 */
int	text_print_unhealthy(const struct output_context *,
	    const char *before, const json_t *reports);

/* A table of instances, by the reports on their status; failures last. */
int	text_print_table(const struct output_context *, const json_t *reports);

/* How many of several ended how, and the failures again, if they are not all. */
void	text_print_summary(const struct output_context *,
	    const struct output_run *);

static inline const char *
string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static inline int
is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static inline json_int_t
integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

#endif
