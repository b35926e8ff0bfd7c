/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdarg.h>
#include <stdlib.h>

#include "proto/reply.h"
#include "repl/highlight.h"
#include "repl/lineedit.h"
#include "repl/pager.h"
#include "repl/print.h"

void
display_message(const struct display *display, unsigned long line,
    const char *fmt, ...)
{
	char message[1100];
	int len = 0;
	va_list ap;

	if (line > 0 && !display->is_interactive)
		len = snprintf(message, sizeof(message), "line %lu: ", line);
	va_start(ap, fmt);
	vsnprintf(message + len, sizeof(message) - (size_t)len, fmt, ap);
	va_end(ap);
	fflush(display->context->out);
	output_message(display->context->err, display->name, message);
	fflush(display->context->err);
}

void
display_failure(struct display *display, unsigned long line,
    const struct error *error)
{
	display_message(display, line, "%s", error->message);
	display->has_failed = 1;
}

int
display_flush(const struct display *display)
{
	return output_flush(display->context->out);
}

static int
is_json(const struct display *display)
{
	return display->options->output == &output_json;
}

static void
fail_without_memory(struct display *display, unsigned long line)
{
	struct error error;

	error_out_of_memory(&error);
	display_failure(display, line, &error);
}

int
display_text(struct display *display, unsigned long line,
    display_print *print, const void *what)
{
	FILE *memory = NULL;
	char *text = NULL;
	size_t len = 0;
	int result = -1;

	if (display->is_interactive &&
	    (memory = open_memstream(&text, &len)) != NULL) {
		result = print(memory, display, what);
		if (fclose(memory) == EOF)
			result = -1;
	}
	if (result == 0)
		pager_print(display->context->out, text, len);
	else if (print(display->context->out, display, what) == -1)
		fail_without_memory(display, line);
	free(text);
	return display_flush(display);
}

static int
print_reply(FILE *out, const struct display *display, const void *what)
{
	typed_print(out, what, display->context->color);
	return 0;
}

static int
print_tree(FILE *out, const struct display *display, const void *what)
{
	(void)display;
	return output_json_value(out, what, 0);
}

int
display_reply(struct display *display, unsigned long line,
    const struct typed *typed)
{
	int is_failed = typed->kind != TYPED_DONE, result = 0;
	json_t *tree = NULL;
	struct error error;

	if (is_failed)
		display->has_failed = 1;
	if (is_json(display) || (is_failed && !display->is_interactive)) {
		tree = typed_tree(typed, &error);
		if (tree == NULL)
			display_failure(display, line, &error);
	}
	if (!display->context->quiet && !is_json(display))
		result = display_text(display, line, print_reply, typed);
	else if (!display->context->quiet && tree != NULL)
		result = display_text(display, line, print_tree, tree);
	if (tree != NULL && is_failed &&
	    (!display->is_interactive || display->context->quiet)) {
		typed_explain(tree, &error);
		display_failure(display, line, &error);
	}
	json_decref(tree);
	return result;
}

/* Prints a push message as JSON.  Returns 0, or -1 with an error. */
static int
print_push(const struct display *display, const struct document *doc,
    struct error *error)
{
	json_t *value, *push;
	int result;

	if ((value = reply_parse(doc->data, doc->len, error)) == NULL)
		return -1;
	push = json_pack("{s:o}", "push", value);
	result = output_json_value(display->context->out, push, 0);
	json_decref(push);
	return result == 0 ? 0 : error_out_of_memory(error);
}

int
display_push(struct display *display, unsigned long line,
    const struct document *doc)
{
	struct error error;
	int result;

	if (display->context->quiet)
		return 0;
	if (display->is_editing)
		lineedit_hide();
	if (!is_json(display))
		paint_yaml(display->context->out, doc->data, doc->len,
		    display->context->color, 0);
	else if (print_push(display, doc, &error) == -1)
		display_failure(display, line, &error);
	result = display_flush(display);
	if (display->is_editing)
		lineedit_show();
	return result;
}
