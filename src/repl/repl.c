/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* asprintf */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/repl.h"
#include "output/term.h"
#include "repl/backslash.h"
#include "repl/eval.h"
#include "repl/lineedit.h"
#include "repl/lua_complete.h"
#include "repl/session.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/signals.h"

/* --- Completion ------------------------------------------------------------*/

static const char *
find_breaks(const char *line, void *arg)
{
	const struct repl *repl = arg;

	return repl->statement.text == NULL && backslash_begins(line) ? " \t" :
	    SUGGEST_BREAKS;
}

static void
complete(struct lineedit_names *names, const char *line, size_t start,
    size_t stop, void *arg)
{
	struct repl *repl = arg;
	struct backslash_names found;

	if (repl->statement.text == NULL && backslash_begins(line)) {
		backslash_complete(&found, line, start, stop);
		names->words = found.words;
		names->files = found.files;
		return;
	}
	names->open = 1;
	if (lua_complete_names(&names->words, &repl->source, line, start, stop,
	    &repl->error) == -1)
		repl->is_lost = 1;
}

/* --- Lines of input --------------------------------------------------------*/

/*
 * Handles an edited line.  Pasted text may contain several lines.  Backslash
 * commands at the start of the text run one by one.  The remaining lines run as
 * a single piece of Lua code, so that later lines can use the local variables
 * of earlier ones.
 */
static void
process_pasted(struct repl *repl, char *line)
{
	char *newline;

	while (repl->statement.text == NULL && !repl->is_over &&
	    backslash_begins(line) && (newline = strchr(line, '\n')) != NULL) {
		*newline = '\0';
		repl_eval_line(repl, line, (size_t)(newline - line));
		line = newline + 1;
	}
	if (!repl->is_over)
		repl_eval_line(repl, line, strlen(line));
}

/*
 * Handles the end of the input.  Runs a statement that is still incomplete, so
 * that the instance reports the syntax error.  Then ends the console.
 */
static void
process_eof(struct repl *repl)
{
	repl_eval_rest(repl);
	if (!repl->is_over)
		repl_stop(repl, OUTCOME_OK);
}

/* Lets the user edit a line, and handles it. */
static void
edit_line(struct repl *repl)
{
	const struct event_input input = { STDIN_FILENO, lineedit_signal_fd(),
	    lineedit_signal };
	enum lineedit_event edited = LINEEDIT_WAIT;
	enum event event = EVENT_INPUT;
	char *line = NULL;

	lineedit_begin(repl->prompts[repl->statement.text != NULL]);
	while (edited == LINEEDIT_WAIT && event == EVENT_INPUT &&
	    !repl->is_over && !repl->is_lost) {
		event = event_wait(&repl->source, &input, CLOCK_FOREVER,
		    &repl->error);
		if (event == EVENT_INPUT)
			edited = lineedit_read(&line);
	}
	/* A signal can also arrive while a word is being completed. */
	if (signals_count() > 0) {
		event = EVENT_SIGNAL;
		edited = LINEEDIT_WAIT;
	}
	lineedit_abandon(event == EVENT_SIGNAL &&
	    !signals_terminating() ? "^C" : "");
	if (edited == LINEEDIT_LINE && !repl->is_over && !repl->is_lost) {
		process_pasted(repl, line);
	} else if (event == EVENT_SIGNAL && !signals_terminating()) {
		putc('\n', repl->context->out);
		statement_forget(&repl->statement);
		signals_reset();
	} else {
		putc('\n', repl->context->out);
		if (event == EVENT_DISCONNECTED || repl->is_lost)
			repl_stop_with_error(repl);
		else if (!repl->is_over)
			process_eof(repl);
	}
	free(line);
}

/* Reads and handles a line without line editing. */
static void
read_line(struct repl *repl)
{
	const struct event_input input = { STDIN_FILENO, -1, NULL };
	char *line;
	size_t len;

	if ((line = linereader_next(&repl->reader, &len)) != NULL) {
		repl_eval_line(repl, line, len);
		return;
	}
	if (repl->reader.is_over) {
		process_eof(repl);
		return;
	}
	switch (event_wait(&repl->source, &input, CLOCK_FOREVER,
	    &repl->error)) {
	case EVENT_INPUT:
		if (linereader_read(&repl->reader, &repl->error) == -1)
			repl_stop_with_error(repl);
		break;
	case EVENT_SIGNAL:
		print_message(&repl->printer, 0, "interrupted");
		repl_stop(repl, OUTCOME_USAGE);
		break;
	default:
		repl_stop_with_error(repl);
	}
}

/* --- Start and main loop ---------------------------------------------------*/

/*
 * Builds the two prompts.  The prompt for the first line of a statement is a
 * short name of the target.  The prompt for the other lines has the same width.
 */
static int
make_prompts(struct repl *repl)
{
	const struct target *target = repl->target;
	const char *name = target->name, *end_of_name;
	char *label;
	int result = -1;

	if (target->kind == TARGET_UNIX && strrchr(name, '/') != NULL)
		name = strrchr(name, '/') + 1;
	end_of_name = target->kind == TARGET_UNIX ? strrchr(name, '.') : NULL;
	if (end_of_name == NULL || end_of_name == name ||
	    (strcmp(end_of_name, ".control") != 0 &&
	    strcmp(end_of_name, ".sock") != 0))
		end_of_name = name + strlen(name);
	label = escape_text(name, (size_t)(end_of_name - name), 0);
	if (label == NULL)
		return -1;
	if (asprintf(&repl->prompts[0], "%s> ", label) == -1)
		repl->prompts[0] = NULL;
	else if (asprintf(&repl->prompts[1], "%*s> ", (int)strlen(label),
	    "-") == -1)
		repl->prompts[1] = NULL;
	else
		result = 0;
	free(label);
	return result;
}

static void
add_entry(const char *entry, void *arg)
{
	(void)arg;
	lineedit_remember(entry);
}

static int
begin_editing(struct repl *repl, const struct lineedit_hooks *hooks)
{
	const char *version;

	if (make_prompts(repl) == -1)
		return error_out_of_memory(&repl->error);
	if (lineedit_open(hooks, &repl->error) == -1)
		return -1;
	repl->printer.is_editing = 1;
	if (history_open(&repl->history, add_entry, NULL,
	    &repl->error) == -1)
		print_message(&repl->printer, 0, "%s", repl->error.message);
	if (repl->context->quiet)
		return 0;
	fputs("connected to ", repl->context->out);
	term_print(repl->context->out, repl->target->name);
	version = session_version(repl->source.session);
	fprintf(repl->context->out, "%s%s; \\help for help, Ctrl-D to "
	    "leave\n", version[0] != '\0' ? ", Tarantool " : "", version);
	repl_check_output(repl, print_flush(&repl->printer));
	return 0;
}

static void
run(struct repl *repl)
{
	const struct lineedit_hooks hooks = { find_breaks, complete, repl };

	if (event_connect(&repl->source, repl->options.timeout,
	    repl->options.wait, &repl->error) == -1 ||
	    (repl->printer.is_interactive &&
	    begin_editing(repl, &hooks) == -1)) {
		repl_stop_with_error(repl);
		return;
	}
	while (!repl->is_over) {
		if (repl->printer.is_editing)
			edit_line(repl);
		else
			read_line(repl);
	}
}

enum outcome
repl_run(const struct options *options, const struct targets *targets,
    const struct output_context *context)
{
	struct repl repl;

	memset(&repl, 0, sizeof(repl));
	repl.options = *options;
	repl.targets = targets;
	repl.target = &targets->list[0];
	repl.context = context;
	repl.printer.context = context;
	repl.printer.options = &repl.options;
	repl.printer.name = repl.target->name;
	repl.printer.is_interactive = isatty(STDIN_FILENO) &&
	    isatty(fileno(context->out));
	repl.source.target = repl.target;
	repl.source.on_push = repl_print_push;
	repl.source.arg = &repl;
	repl.source.signals_fd = signals_begin();
	linereader_init(&repl.reader, STDIN_FILENO);
	run(&repl);
	if (repl.printer.is_editing)
		lineedit_close();
	signals_end();
	event_disconnect(&repl.source);
	history_close(&repl.history);
	statement_forget(&repl.statement);
	linereader_finish(&repl.reader);
	free(repl.prompts[0]);
	free(repl.prompts[1]);
	return outcome_exit(repl.outcome) == 0 && repl.printer.has_failed &&
	    !repl.printer.is_interactive ? OUTCOME_FAILED : repl.outcome;
}
