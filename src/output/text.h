/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Declarations shared by the files of the text format. */

#ifndef CR_TEXT_H
#define CR_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "output/output.h"
#include "output/term.h"

/* The number of digest characters to print. */
#define TEXT_DIGEST	8

/* --- Parts of a line: text_print.c -----------------------------------------*/

/* Print a string from the report, or nothing if the string is NULL. */
void	text_print(const struct output_context *, const char *text);
void	text_print_styled(const struct output_context *, enum term_style,
	    const char *text);

/*
 * Print a value after the text `before`.  Print nothing if the report lacks the
 * value.
 */
void	text_print_duration(const struct output_context *, const char *before,
	    const json_t *ms);
void	text_print_generation(const struct output_context *,
	    const char *before, const json_t *of);
void	text_print_field(const struct output_context *, const char *before,
	    const char *text, const char *after);

/* Prints a count and the noun `what`, such as "1 module" or "3 modules". */
void	text_print_count(const struct output_context *, const char *before,
	    size_t count, const char *what);

/* Prints each string of a list on its own line, in the form "label: string". */
void	text_print_list(const struct output_context *, const char *label,
	    enum term_style, const json_t *list);

/*
 * Print the beginning of the first line of a report.  text_print_target prints
 * only the target.  text_print_head also prints the text `said`, in the colour
 * of success or failure.
 */
void	text_print_target(const struct output_context *, const json_t *report);
void	text_print_head(const struct output_context *, const json_t *report,
	    const char *said);

/* --- Parts of a report -----------------------------------------------------*/

/*
 * Prints the numbers of modules, changed modules and enabled roles, and whether
 * the main script runs again.
 */
void	text_print_code_counts(const struct output_context *,
	    const char *before, const json_t *report);

/* Prints the modules, other files, main script and roles, one per line. */
void	text_print_code(const struct output_context *, const json_t *report);

/*
 * Prints the parts that the reports of all commands have in common: warnings,
 * errors, what a rollback did, stale references, fibers and times.
 */
void	text_print_details(const struct output_context *,
	    const json_t *report);

/*
 * Prints how many stale references remain, and whether the scan is incomplete.
 * The text is part of the first line of a reload report.
 */
void	text_print_stale_remain(const struct output_context *,
	    const json_t *report);

/* Prints the stale references and a summary of them. */
void	text_print_stale_references(const struct output_context *,
	    const json_t *report);

/*
 * Prints the reasons why Cartridge reports the cluster as unhealthy, one per
 * line, without duplicates.  Returns 0, or -1 if out of memory.
 */
int	text_print_unhealthy(const struct output_context *,
	    const char *before, const json_t *reports);

/* --- Views -----------------------------------------------------------------*/

/*
 * Print the report of one instance.  Each of these functions has its own file.
 * text_print_results prints only the results of `eval`, as formatted by the
 * console.
 */
void	text_print_results(const struct output_context *,
	    const json_t *report);
void	text_print_reload(const struct output_context *, const json_t *report);
void	text_print_plan(const struct output_context *, const json_t *report);
void	text_print_status(const struct output_context *, const json_t *report);
void	text_print_stale(const struct output_context *, const json_t *report);
void	text_print_push(const struct output_context *, const json_t *report);

/*
 * Prints the plans of several instances.  Prints the modules and roles of
 * identical plans only once, unless there are many different plans.
 */
void	text_print_plans(const struct output_context *, const json_t *reports);

/*
 * Prints the status reports of several instances as a table, with the failed
 * instances in the last rows.  Returns 0, or -1 if out of memory.
 */
int	text_print_table(const struct output_context *, const json_t *reports);

/*
 * Prints how many instances had each outcome, then lists the failed instances
 * again.
 */
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
