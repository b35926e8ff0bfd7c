/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdarg.h>
#include <stdlib.h>

#include "repl/print.h"
#include "proto/yaml_tree.h"
#include "repl/highlight.h"
#include "repl/lineedit.h"
#include "repl/pager.h"

void
print_message(const struct printer *printer, unsigned long line,
    const char *fmt, ...)
{
	char message[1100];
	int len = 0;
	va_list ap;

	if (line > 0 && !printer->is_interactive)
		len = snprintf(message, sizeof(message), "line %lu: ", line);
	va_start(ap, fmt);
	vsnprintf(message + len, sizeof(message) - (size_t)len, fmt, ap);
	va_end(ap);
	fflush(printer->context->out);
	output_message(printer->context->err, printer->name, message);
	fflush(printer->context->err);
}

void
print_failure(struct printer *printer, unsigned long line,
    const struct error *error)
{
	print_message(printer, line, "%s", error->message);
	printer->has_failed = 1;
}

int
print_flush(const struct printer *printer)
{
	return output_flush(printer->context->out);
}

static int
is_json(const struct printer *printer)
{
	return printer->options->output == &output_json;
}

static void
fail_without_memory(struct printer *printer, unsigned long line)
{
	struct error error;

	error_out_of_memory(&error);
	print_failure(printer, line, &error);
}

int
print_text(struct printer *printer, unsigned long line,
    print_func *print, const void *what)
{
	FILE *memory = NULL;
	char *text = NULL;
	size_t len = 0;
	int result = -1;

	if (printer->is_interactive &&
	    (memory = open_memstream(&text, &len)) != NULL) {
		result = print(memory, printer, what);
		if (fclose(memory) == EOF)
			result = -1;
	}
	if (result == 0)
		pager_print(printer->context->out, text, len);
	else if (print(printer->context->out, printer, what) == -1)
		fail_without_memory(printer, line);
	free(text);
	return print_flush(printer);
}

static int
print_result(FILE *out, const struct printer *printer, const void *what)
{
	result_print(out, what, printer->context->color);
	return 0;
}

static int
print_tree(FILE *out, const struct printer *printer, const void *what)
{
	(void)printer;
	return output_json_value(out, what, 0);
}

int
print_reply(struct printer *printer, unsigned long line,
    const struct result *result)
{
	int is_failed = result->kind != RESULT_DONE, rc = 0;
	json_t *tree = NULL;
	struct error error;

	if (is_failed)
		printer->has_failed = 1;
	if (is_json(printer) || (is_failed && !printer->is_interactive)) {
		tree = result_tree(result, &error);
		if (tree == NULL)
			print_failure(printer, line, &error);
	}
	if (!printer->context->quiet && !is_json(printer))
		rc = print_text(printer, line, print_result, result);
	else if (!printer->context->quiet && tree != NULL)
		rc = print_text(printer, line, print_tree, tree);
	if (tree != NULL && is_failed &&
	    (!printer->is_interactive || printer->context->quiet)) {
		result_explain(tree, &error);
		print_failure(printer, line, &error);
	}
	json_decref(tree);
	return rc;
}

static int
print_push_message(const struct printer *printer, const struct document *doc,
    struct error *error)
{
	json_t *value, *push;
	int result;

	if ((value = yaml_tree_parse(doc->data, doc->len, error)) == NULL)
		return -1;
	push = json_pack("{s:o}", "push", value);
	result = output_json_value(printer->context->out, push, 0);
	json_decref(push);
	return result == 0 ? 0 : error_out_of_memory(error);
}

int
print_push(struct printer *printer, unsigned long line,
    const struct document *doc)
{
	struct error error;
	int result;

	if (printer->context->quiet)
		return 0;
	if (printer->is_editing)
		lineedit_hide();
	if (!is_json(printer))
		highlight_yaml(printer->context->out, doc->data, doc->len,
		    printer->context->color, 0);
	else if (print_push_message(printer, doc, &error) == -1)
		print_failure(printer, line, &error);
	result = print_flush(printer);
	if (printer->is_editing)
		lineedit_show();
	return result;
}
