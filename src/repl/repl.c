/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* asprintf */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/repl.h"
#include "cli/help.h"
#include "cli/request_args.h"
#include "output/term.h"
#include "repl/backslash.h"
#include "repl/event.h"
#include "repl/history.h"
#include "repl/lineedit.h"
#include "repl/linereader.h"
#include "repl/lua_complete.h"
#include "repl/pager.h"
#include "repl/print.h"
#include "repl/result.h"
#include "repl/statement.h"
#include "rollout/command.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/signals.h"

struct repl {
	struct options			 options;	/* current settings */
	const struct targets		*targets;
	const struct target		*target;
	const struct output_context	*context;
	int				 is_over;
	/* The connection was lost during a completion. */
	int				 is_lost;
	enum outcome			 outcome;
	struct event_source		 source;
	struct printer			 printer;
	struct error			 error;
	/* For input that is not edited: */
	struct linereader		 reader;
	struct history			 history;
	unsigned long			 line;		/* its number */
	struct statement		 statement;
	char				*prompts[2];	/* see make_prompts */
};

static void
stop_repl(struct repl *repl, enum outcome outcome)
{
	repl->is_over = 1;
	repl->outcome = outcome;
}

/* Prints the error and ends the console. */
static void
stop_with_error(struct repl *repl)
{
	print_message(&repl->printer, 0, "%s", repl->error.message);
	stop_repl(repl, repl->error.outcome);
}

/* Prints the error.  The console continues. */
static void
report_error(struct repl *repl, unsigned long line)
{
	print_failure(&repl->printer, line, &repl->error);
}

/* Ends the console if a print function has failed. */
static void
check_output(struct repl *repl, int result)
{
	/*
	 * -1 means that standard output cannot be written.  main reports that
	 * error.
	 */
	if (result == -1)
		stop_repl(repl, OUTCOME_USAGE);
}

static void
take_push(const struct document *doc, void *arg)
{
	struct repl *repl = arg;

	check_output(repl, print_push(&repl->printer,
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
 * Whether the console must end because of a signal that has arrived.  At a
 * terminal, SIGINT only interrupts the running statement or command.
 */
static int
ends_by_signal(const struct repl *repl)
{
	return signals_terminating() || (!repl->printer.is_interactive &&
	    signals_last() != 0);
}

/*
 * Reports that a statement was not answered, because of a signal or a timeout,
 * and closes the connection.
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
	    ", before the line was completely sent", why == EVENT_TIMEOUT ?
	    "; --timeout sets the limit" : ends ? "" :
	    "; the next line starts a new session");
	event_disconnect(&repl->source);
	if (ends)
		stop_repl(repl, OUTCOME_TIMEOUT);
	else
		signals_reset();
}

static void	run_backslash(struct repl *, const char *line);

/*
 * Sends the current statement.  The instance runs an incomplete statement only
 * if `is_last` is set.
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
			stop_repl(repl, repl->error.outcome);
		else
			signals_reset();
		statement_forget(statement);
		return;
	}
	if (session_eval(source->session, is_last ? "run" : "more",
	    statement->text, statement->len, 0, 0, &repl->error) == -1) {
		stop_with_error(repl);
		return;
	}
	statement->sent = statement->len;
	/*
	 * There is no time limit at a terminal, because the user can press
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
		stop_with_error(repl);
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
		check_output(repl, print_reply(&repl->printer, statement->line,
		    &result));
	remember(repl, statement->text);
	statement_forget(statement);
	if (command != NULL)
		run_backslash(repl, command);
}

/*
 * Adds a line to the current statement.  Sends the statement if it may be
 * complete.
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
			stop_with_error(repl);
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
 * Whether to buffer the report of a command, so that the pager can show it.
 * Some commands are excluded, because their reports can be too large.
 */
static int
is_paged(const struct repl *repl, const struct options *options)
{
	return repl->printer.is_interactive &&
	    (options->command->flags & CMD_PAGED) != 0;
}

/* Runs a command of this program, as on the command line. */
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
	/* SIGINT ends only the command, not the console. */
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
	check_output(repl, print_flush(&repl->printer));
	if (ends)
		stop_repl(repl, OUTCOME_TIMEOUT);
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
		check_output(repl, print_flush(&repl->printer));
		break;
	case ACTION_HELP:
		check_output(repl, print_text(&repl->printer, repl->line,
		    print_help, backslash.help));
		break;
	case ACTION_QUIT:
		stop_repl(repl, OUTCOME_OK);
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

static void
take_line(struct repl *repl, const char *line, size_t len)
{
	repl->line++;
	/* A backslash in the middle of a statement belongs to Lua. */
	if (repl->statement.text == NULL && backslash_begins(line)) {
		remember(repl, line);
		run_backslash(repl, line);
	} else {
		add_line(repl, line, len);
	}
}

/*
 * Handles an edited line.  Pasted text may contain several lines.  Leading
 * backslash commands run one by one.  The rest runs as a single Lua statement,
 * so that its local variables stay visible.
 */
static void
process_pasted(struct repl *repl, char *line)
{
	char *newline;

	while (repl->statement.text == NULL && !repl->is_over &&
	    backslash_begins(line) && (newline = strchr(line, '\n')) != NULL) {
		*newline = '\0';
		take_line(repl, line, (size_t)(newline - line));
		line = newline + 1;
	}
	if (!repl->is_over)
		take_line(repl, line, strlen(line));
}

/*
 * Handles the end of the input.  Runs a statement that is still incomplete, so
 * that the instance reports its error, and ends the console.
 */
static void
process_eof(struct repl *repl)
{
	if (repl->statement.text != NULL && !repl->printer.is_interactive)
		run_statement(repl, 1);
	if (!repl->is_over)
		stop_repl(repl, OUTCOME_OK);
}

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

/* --- Lines -----------------------------------------------------------------*/

/* Edits one line and handles it. */
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
	/* A signal can also arrive during a completion. */
	if (signals_count() > 0) {
		event = EVENT_SIGNAL;
		edited = LINEEDIT_WAIT;
	}
	/* The text typed so far stays on the screen. */
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
			stop_with_error(repl);
		else if (!repl->is_over)
			process_eof(repl);
	}
	free(line);
}

/* Reads and handles a line of input that is not edited. */
static void
read_line(struct repl *repl)
{
	const struct event_input input = { STDIN_FILENO, -1, NULL };
	char *line;
	size_t len;

	if ((line = linereader_next(&repl->reader, &len)) != NULL) {
		take_line(repl, line, len);
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
			stop_with_error(repl);
		break;
	case EVENT_SIGNAL:
		print_message(&repl->printer, 0, "interrupted");
		stop_repl(repl, OUTCOME_USAGE);
		break;
	default:
		stop_with_error(repl);
	}
}

/* --- Start and main loop ---------------------------------------------------*/

/*
 * Builds the two prompts.  The first is a short name of the target.  The second
 * has the same width and is shown for the lines that continue a statement.
 * Returns 0, or -1 if out of memory.
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

/*
 * Starts line editing and opens the history.  Returns 0, or -1 with an error.
 */
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
	check_output(repl, print_flush(&repl->printer));
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
		stop_with_error(repl);
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
	repl.source.on_push = take_push;
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
