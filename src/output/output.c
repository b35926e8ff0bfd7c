/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "output/output.h"
#include "output/term.h"
#include "proto/report.h"

#define INDENT	4

static const struct output *const output_table[] = {
	&output_text,
	&output_json
};

const struct output *
output_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(output_table) / sizeof(output_table[0]); i++)
		if (strcmp(output_table[i]->name, name) == 0)
			return output_table[i];
	return NULL;
}

int
output_flush(FILE *out)
{
	/*
	 * The errno of the first flush that failed.  stdio does not store this
	 * errno.
	 */
	static int reason;

	errno = 0;
	if (fflush(out) != 0 && reason == 0)
		reason = errno;
	if (!ferror(out))
		return 0;
	errno = reason != 0 ? reason : EIO;
	return -1;
}

static void
begin_message(FILE *err, const char *target)
{
	fputs("cartridge-reload: ", err);
	if (target != NULL) {
		term_print(err, target);
		fputs(": ", err);
	}
}

void
output_message(FILE *err, const char *target, const char *message)
{
	begin_message(err, target);
	term_print_lines(err, message, INDENT);
	putc('\n', err);
}

/* The value of the field `module` for an error in the main script. */
#define MAIN_SCRIPT	"main script"

static const char *
string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/*
 * Prints the phase and the role or module in which an error occurred, such as
 * "init of role a failed: ".  Omits what the report does not name.
 */
static void
print_context(FILE *err, const json_t *error, int failed)
{
	const char *phase = string(error, "phase");
	const char *role = string(error, "role");
	const char *module = string(error, "module");

	if (role == NULL && module == NULL && !failed)
		return;
	if (phase == NULL && role == NULL && module == NULL)
		return;
	if (phase != NULL)
		term_print(err, phase);
	if (role != NULL || module != NULL) {
		fputs(phase != NULL ? " of " : "", err);
		fputs(role != NULL ? "role " : strcmp(module, MAIN_SCRIPT) == 0
		    ? "the " : "module ", err);
		term_print(err, role != NULL ? role : module);
	}
	fputs(failed ? " failed: " : ": ", err);
}

/*
 * Returns a phrase that says how an error affected the application, such as
 * "the old code is still serving", or NULL if the report does not say.
 */
static const char *
effect_of(const struct output_context *context, const json_t *report)
{
	const json_t *rollback = json_object_get(report, "rollback");

	if (context->view != VIEW_RELOAD && context->view != VIEW_PUSH)
		return NULL;
	if (report_has_error(report, ERROR_NOT_HEALTHY))
		return "the new code is serving";
	if (report_ended(report, OUTCOME_DEGRADED))
		return "the previous state could not be fully restored";
	if (report_ended(report, OUTCOME_STALE))
		return "the new code is serving";
	if (!report_ended(report, OUTCOME_FAILED) ||
	    string(json_object_get(report, "error"), "code") == NULL ||
	    report_has_error(report, ERROR_LUA) ||
	    report_has_error(report, ERROR_INTERNAL))
		return NULL;
	if (!json_is_null(rollback) &&
	    !json_is_true(json_object_get(rollback, "complete")))
		return NULL;
	return "the old code is still serving";
}

/*
 * Prints an error message.  If `effect` is not NULL, appends it to the first
 * line, because many lines may follow, such as the paths that `require` has
 * tried.
 */
static void
print_error(FILE *err, const char *message, const char *effect)
{
	size_t len = strcspn(message, "\n");
	const char *rest = message + len + strspn(message + len, "\n");

	if (effect == NULL) {
		term_print_lines(err, message, INDENT);
		return;
	}
	/* Drop a colon that introduces the second line. */
	if (*rest != '\0' && len > 0 && message[len - 1] == ':')
		len--;
	term_print_text(err, message, len);
	fprintf(err, "; %s", effect);
	if (*rest != '\0') {
		fprintf(err, "\n%*s", INDENT, "");
		term_print_lines(err, rest, INDENT);
	}
}

void
output_error(const struct output_context *context, const json_t *report)
{
	const json_t *error = json_object_get(report, "error");
	const char *outcome = string(report, "outcome");
	const char *message = string(error, "message");
	const char *code = string(error, "code");
	const char *traceback = string(error, "traceback");
	const char *phase = string(error, "phase");
	const json_t *left;
	size_t i;
	int failed;

	if (message != NULL)
		message += strspn(message, "\n");
	if (message == NULL || message[0] == '\0')
		message = code != NULL ? code : outcome;
	failed = report_ended(report, OUTCOME_FAILED) ||
	    report_ended(report, OUTCOME_DEGRADED);
	begin_message(context->err, string(report, "target"));
	/* Omit the phase for `eval`, which has only one. */
	if (phase == NULL || context->view != VIEW_RESULTS)
		print_context(context->err, error, failed);
	print_error(context->err, message, effect_of(context, report));
	putc('\n', context->err);
	if (traceback != NULL)
		traceback += strspn(traceback, "\n");
	if (traceback != NULL && traceback[0] != '\0') {
		fprintf(context->err, "%*s", INDENT, "");
		term_print_lines(context->err, traceback, INDENT);
		putc('\n', context->err);
	}
	if (!context->quiet)
		return;
	/*
	 * No report is printed with --quiet, so list here what was not
	 * restored.
	 */
	left = json_object_get(json_object_get(report, "rollback"), "left");
	for (i = 0; i < json_array_size(left); i++) {
		fprintf(context->err, "%*snot restored: ", INDENT, "");
		term_print_lines(context->err,
		    json_string_value(json_array_get(left, i)), INDENT);
		putc('\n', context->err);
	}
}
