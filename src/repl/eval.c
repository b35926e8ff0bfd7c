/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repl/eval.h"
#include "cli/help.h"
#include "cli/request_args.h"
#include "output/term.h"
#include "repl/backslash.h"
#include "repl/lineedit.h"
#include "repl/pager.h"
#include "repl/result.h"
#include "rollout/command.h"
#include "util/clock.h"
#include "util/signals.h"

void
repl_stop(struct repl *repl, enum outcome outcome)
{
	repl->is_over = 1;
	repl->outcome = outcome;
}

void
repl_stop_with_error(struct repl *repl)
{
	print_message(&repl->printer, 0, "%s", repl->error.message);
	repl_stop(repl, repl->error.outcome);
}

/* Prints repl->error, but does not end the console. */
static void
report_error(struct repl *repl, unsigned long line)
{
	print_failure(&repl->printer, line, &repl->error);
}

void
repl_check_output(struct repl *repl, int result)
{
	/*
	 * A result of -1 means that writing to standard output failed.  main()
	 * reports this error.
	 */
	if (result == -1)
		repl_stop(repl, OUTCOME_USAGE);
}

void
repl_print_push(const struct document *doc, void *arg)
{
	struct repl *repl = arg;

	repl_check_output(repl, print_push(&repl->printer,
	    repl->statement.text == NULL ? 0 : repl->statement.line, doc));
}

/* --- Statements ------------------------------------------------------------*/

static void
remember(struct repl *repl, const char *entry)
{
	struct error error;

	if (!repl->printer.is_editing ||
	    entry[strspn(entry, " \t\n")] == '\0' || history_repeats(
	    &repl->history, entry))
		return;
	lineedit_remember(entry);
	if (history_is_private(entry) ||
	    history_add(&repl->history, entry, &error) == 0)
		return;
	/* Disable the history, so that the error is printed only once. */
	print_message(&repl->printer, 0, "%s", error.message);
	history_close(&repl->history);
}

/*
 * Whether a signal that has arrived must end the console.  At a terminal,
 * SIGINT only interrupts the running statement or command.
 */
static int
ends_by_signal(const struct repl *repl)
{
	return signals_terminating() || (!repl->printer.is_interactive &&
	    signals_last() != 0);
}

/*
 * Reports that a statement got no reply because of a signal or a timeout.
 * Closes the connection.
 */
static void
report_no_reply(struct repl *repl, int64_t began, enum event why)
{
	int ends = why == EVENT_TIMEOUT || ends_by_signal(repl);

	repl->printer.has_failed = 1;
	print_message(&repl->printer, repl->statement.line,
	    why == EVENT_TIMEOUT ? "no reply within %g s%s%s" :
	    "cancelled after %g s%s%s", why == EVENT_TIMEOUT ?
	    repl->options.timeout : clock_seconds(began, clock_ms()),
	    session_sent(repl->source.session) ?
	    "; the Lua code may still be running in the instance" :
	    " (only part of the line was sent)", why == EVENT_TIMEOUT ?
	    "; --timeout sets the limit" : ends ? "" :
	    "; the next line starts a new session");
	event_disconnect(&repl->source);
	if (ends)
		repl_stop(repl, OUTCOME_TIMEOUT);
	else
		signals_reset();
}

static void	run_backslash(struct repl *, const char *line);

/*
 * Sends the current statement, waits for the reply and prints it.  The instance
 * runs an incomplete statement only if `is_last` is set.
 */
static void
run_statement(struct repl *repl, int is_last)
{
	struct statement *statement = &repl->statement;
	struct event_source *source = &repl->source;
	int64_t began = clock_ms();
	enum event event;
	struct result result;
	const char *command;

	if (source->session == NULL && event_connect(source,
	    repl->options.timeout, 0, &repl->error) == -1) {
		print_message(&repl->printer, statement->line, "%s",
		    repl->error.message);
		if (ends_by_signal(repl))
			repl_stop(repl, repl->error.outcome);
		else
			signals_reset();
		statement_forget(statement);
		return;
	}
	if (session_eval(source->session, is_last ? "run" : "more",
	    statement->text, statement->len, 0, 0, &repl->error) == -1) {
		repl_stop_with_error(repl);
		return;
	}
	statement->sent = statement->len;
	/*
	 * At a terminal there is no time limit, because the user can press
	 * Ctrl-C.
	 */
	event = event_wait(source, NULL, repl->printer.is_interactive ?
	    CLOCK_FOREVER : clock_after(repl->options.timeout),
	    &repl->error);
	if (event == EVENT_REPLY &&
	    result_read(&result, &source->doc, &repl->error) == -1)
		event = EVENT_DISCONNECTED;
	if (event == EVENT_DISCONNECTED) {
		remember(repl, statement->text);
		repl_stop_with_error(repl);
		return;
	}
	if (event == EVENT_REPLY && result.kind == RESULT_INCOMPLETE)
		return;
	command = event == EVENT_REPLY && result.kind == RESULT_COMMAND ?
	    result_command(&result) : NULL;
	if (event == EVENT_REFUSED)
		report_error(repl, statement->line);
	else if (event != EVENT_REPLY)
		report_no_reply(repl, began, event);
	else if (command == NULL)
		repl_check_output(repl, print_reply(&repl->printer,
		    statement->line, &result));
	remember(repl, statement->text);
	statement_forget(statement);
	if (command != NULL)
		run_backslash(repl, command);
}

/*
 * Adds a line to the current statement.  Sends the statement to the instance if
 * statement_add says that the instance should be asked.
 */
static void
add_line(struct repl *repl, const char *line, size_t len)
{
	switch (statement_add(&repl->statement, line, len, repl->line,
	    &repl->error)) {
	case 1:
		run_statement(repl, 0);
		break;
	case -1:
		if (repl->error.outcome == OUTCOME_USAGE)
			repl_stop_with_error(repl);
		else
			report_error(repl, repl->statement.line);
		break;
	}
}

/* --- Commands of this program ----------------------------------------------*/

static int
print_help(FILE *out, const struct printer *printer, const void *command)
{
	(void)printer;
	if (command != NULL)
		help_print(out, command);
	else
		backslash_help(out);
	return 0;
}

/*
 * Whether to buffer the report of a command for the pager.  Commands such as
 * eval are not paged, because their reports can be too large to buffer.
 */
static int
is_paged(const struct repl *repl, const struct options *options)
{
	return repl->printer.is_interactive &&
	    (options->command->flags & CMD_PAGED) != 0;
}

static void
run_command(struct repl *repl, const struct options *options)
{
	struct output_context context = *repl->context;
	FILE *memory = NULL;
	char *text = NULL;
	size_t len = 0;
	json_t *args;
	int ends;

	context.command = options->command->name;
	context.view = options->command->view;
	context.color = term_use_color(options->color, context.out);
	context.quiet = options->quiet;
	context.verbose = options->verbose;
	if ((args = request_args_for_command(options, &repl->error)) == NULL) {
		report_error(repl, repl->line);
		return;
	}
	if (is_paged(repl, options) &&
	    (memory = open_memstream(&text, &len)) != NULL)
		context.out = context.err = memory;
	if (outcome_exit(command_run(options, repl->targets, args,
	    &context)) != 0)
		repl->printer.has_failed = 1;
	ends = ends_by_signal(repl);
	/*
	 * At a terminal, SIGINT ends the backslash command, but not the
	 * console.
	 */
	if (!ends)
		signals_reset();
	if (memory != NULL && fclose(memory) == EOF) {
		error_out_of_memory(&repl->error);
		report_error(repl, repl->line);
	}
	if (text != NULL)
		pager_print(repl->context->out, text, len);
	free(text);
	json_decref(args);
	repl_check_output(repl, print_flush(&repl->printer));
	if (ends)
		repl_stop(repl, OUTCOME_TIMEOUT);
}

static void
run_backslash(struct repl *repl, const char *line)
{
	struct backslash backslash;

	if (backslash_parse(&backslash, line, &repl->options,
	    &repl->error) == -1) {
		report_error(repl, repl->line);
		return;
	}
	switch (backslash.options.command->action) {
	case ACTION_SET:
		if (backslash.output != NULL)
			repl->options.output = backslash.output;
		else
			fprintf(repl->context->out, "output %s\n",
			    repl->options.output->name);
		repl_check_output(repl, print_flush(&repl->printer));
		break;
	case ACTION_HELP:
		repl_check_output(repl, print_text(&repl->printer, repl->line,
		    print_help, backslash.help));
		break;
	case ACTION_QUIT:
		repl_stop(repl, OUTCOME_OK);
		break;
	case ACTION_REQUEST:
		run_command(repl, &backslash.options);
		break;
	case ACTION_CONSOLE:
	case ACTION_VERSION:
		/* CMD_NO_REPL */
		break;
	}
	backslash_finish(&backslash);
}

/* --- Lines of input --------------------------------------------------------*/

void
repl_eval_line(struct repl *repl, const char *line, size_t len)
{
	repl->line++;
	/* In the middle of a statement, a backslash is part of the Lua code. */
	if (repl->statement.text == NULL && backslash_begins(line)) {
		remember(repl, line);
		run_backslash(repl, line);
	} else {
		add_line(repl, line, len);
	}
}

void
repl_eval_rest(struct repl *repl)
{
	if (repl->statement.text != NULL && !repl->printer.is_interactive)
		run_statement(repl, 1);
}
