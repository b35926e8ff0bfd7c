/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* asprintf */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/help.h"
#include "output/term.h"
#include "repl/backslash.h"
#include "repl/event.h"
#include "repl/history.h"
#include "repl/lineedit.h"
#include "repl/linereader.h"
#include "repl/lua_complete.h"
#include "repl/pager.h"
#include "repl/print.h"
#include "repl/repl.h"
#include "repl/result.h"
#include "repl/statement.h"
#include "rollout/command.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/signals.h"

struct shell {
	struct options			 options;	/* current settings */
	const struct targets		*targets;
	const struct target		*target;
	const struct output_context	*context;
	int				 is_over;
	int				 is_lost;	/* in a completion */
	enum outcome			 outcome;	/* set at the end */
	struct event_source		 source;
	struct display			 display;
	struct error			 error;
	struct lines			 lines;		/* unless edited */
	struct history			 history;
	unsigned long			 line;		/* its number */
	struct statement		 statement;
	char				*prompts[2];	/* first, others */
};

static void
end(struct shell *shell, enum outcome outcome)
{
	shell->is_over = 1;
	shell->outcome = outcome;
}

/* Ends the console with the error. */
static void
end_with_error(struct shell *shell)
{
	display_message(&shell->display, 0, "%s", shell->error.message);
	end(shell, shell->error.outcome);
}

/* Reports the error and continues. */
static void
fail(struct shell *shell, unsigned long line)
{
	display_failure(&shell->display, line, &shell->error);
}

/* Handles the result of a display function. */
static void
check(struct shell *shell, int result)
{
	/* The reader of standard output has left; main reports it. */
	if (result == -1)
		end(shell, OUTCOME_USAGE);
}

static void
take_push(const struct document *doc, void *arg)
{
	struct shell *shell = arg;

	check(shell, display_push(&shell->display,
	    shell->statement.text == NULL ? 0 : shell->statement.line, doc));
}

/* --- What was typed --------------------------------------------------------*/

static void
remember(struct shell *shell, const char *entry)
{
	struct error error;

	if (!shell->display.is_editing ||
	    entry[strspn(entry, " \t\n")] == '\0' || history_repeats(
	    &shell->history, entry))
		return;
	lineedit_remember(entry);
	if (history_is_private(entry) ||
	    history_add(&shell->history, entry, &error) == 0)
		return;
	/* Report it only once. */
	display_message(&shell->display, 0, "%s", error.message);
	history_close(&shell->history);
}

/* At a terminal SIGINT interrupts a command, and the console continues. */
static int
ends_by_signal(const struct shell *shell)
{
	return signals_terminating() || (!shell->display.is_interactive &&
	    signals_last() != 0);
}

/* Stops waiting for the reply to a statement, after a signal or a timeout. */
static void
give_up(struct shell *shell, int64_t began, enum event why)
{
	int ends = why == EVENT_TIMEOUT || ends_by_signal(shell);

	shell->display.has_failed = 1;
	display_message(&shell->display, shell->statement.line,
	    why == EVENT_TIMEOUT ? "no reply within %g s%s%s" :
	    "cancelled after %g s%s%s", why == EVENT_TIMEOUT ?
	    shell->options.timeout : clock_seconds(began, clock_ms()),
	    session_sent(shell->source.session) ?
	    "; the Lua code may still be running in the instance" :
	    ", before all of it was sent", why == EVENT_TIMEOUT ?
	    "; --timeout sets the limit" : ends ? "" :
	    "; the next line starts a new session");
	event_disconnect(&shell->source);
	if (ends)
		end(shell, OUTCOME_TIMEOUT);
	else
		signals_reset();
}

static void	run_slash(struct shell *, const char *line);

/* Runs the current statement, unless it is incomplete. */
static void
run_statement(struct shell *shell, int is_last)
{
	struct statement *statement = &shell->statement;
	struct event_source *source = &shell->source;
	int64_t began = clock_ms();
	enum event event;
	struct typed typed;
	const char *command;

	if (source->session == NULL && event_connect(source,
	    shell->options.timeout, 0, &shell->error) == -1) {
		display_message(&shell->display, statement->line, "%s",
		    shell->error.message);
		if (ends_by_signal(shell))
			end(shell, shell->error.outcome);
		else
			signals_reset();
		statement_forget(statement);
		return;
	}
	if (session_eval(source->session, is_last ? "run" : "more",
	    statement->text, statement->len, 0, 0, &shell->error) == -1) {
		end_with_error(shell);
		return;
	}
	statement->sent = statement->len;
	/* A terminal waits without a limit, as the user can press Ctrl-C. */
	event = event_wait(source, NULL, shell->display.is_interactive ?
	    CLOCK_FOREVER : clock_after(shell->options.timeout),
	    &shell->error);
	if (event == EVENT_REPLY &&
	    typed_read(&typed, &source->doc, &shell->error) == -1)
		event = EVENT_DISCONNECTED;
	if (event == EVENT_DISCONNECTED) {
		remember(shell, statement->text);
		end_with_error(shell);
		return;
	}
	if (event == EVENT_REPLY && typed.kind == TYPED_MORE)
		return;
	command = event == EVENT_REPLY && typed.kind == TYPED_COMMAND ?
	    typed_command(&typed) : NULL;
	if (event == EVENT_REFUSED)
		fail(shell, statement->line);
	else if (event != EVENT_REPLY)
		give_up(shell, began, event);
	else if (command == NULL)
		check(shell, display_reply(&shell->display, statement->line,
		    &typed));
	remember(shell, statement->text);
	statement_forget(statement);
	if (command != NULL)
		run_slash(shell, command);
}

/* Adds a line to the current statement. */
static void
add_line(struct shell *shell, const char *line, size_t len)
{
	switch (statement_add(&shell->statement, line, len, shell->line,
	    &shell->error)) {
	case 1:
		run_statement(shell, 0);
		break;
	case -1:
		if (shell->error.outcome == OUTCOME_USAGE)
			end_with_error(shell);
		else
			fail(shell, shell->statement.line);
		break;
	}
}

/* --- Commands of this program ----------------------------------------------*/

static int
print_help(FILE *out, const struct display *display, const void *command)
{
	(void)display;
	if (command != NULL)
		help_print(out, command);
	else
		slash_help(out);
	return 0;
}

/* Whether the report is short enough to be buffered for the pager. */
static int
is_paged(const struct shell *shell, const struct options *options)
{
	return shell->display.is_interactive &&
	    (options->command->flags & CMD_PAGED) != 0;
}

/* Runs a command as on the command line. */
static void
run_command(struct shell *shell, const struct options *options)
{
	struct output_context context = *shell->context;
	FILE *memory = NULL;
	char *text = NULL;
	size_t len = 0;
	json_t *args;
	int ends;

	context.command = options->command->name;
	context.color = term_use_color(options->color, context.out);
	context.quiet = options->quiet;
	context.verbose = options->verbose;
	if ((args = arguments_of_command(options, &shell->error)) == NULL) {
		fail(shell, shell->line);
		return;
	}
	if (is_paged(shell, options) &&
	    (memory = open_memstream(&text, &len)) != NULL)
		context.out = context.err = memory;
	if (outcome_exit(command_run(options, shell->targets, args,
	    &context)) != 0)
		shell->display.has_failed = 1;
	ends = ends_by_signal(shell);
	/* SIGINT was handled by the command. */
	if (!ends)
		signals_reset();
	if (memory != NULL && fclose(memory) == EOF) {
		error_out_of_memory(&shell->error);
		fail(shell, shell->line);
	}
	if (text != NULL)
		pager_print(shell->context->out, text, len);
	free(text);
	json_decref(args);
	check(shell, display_flush(&shell->display));
	if (ends)
		end(shell, OUTCOME_TIMEOUT);
}

static void
run_slash(struct shell *shell, const char *line)
{
	struct slash slash;

	if (slash_parse(&slash, line, &shell->options, &shell->error) == -1) {
		fail(shell, shell->line);
		return;
	}
	switch (slash.options.command->bit) {
	case COMMAND_SET:
		if (slash.output != NULL)
			shell->options.output = slash.output;
		else
			fprintf(shell->context->out, "output %s\n",
			    shell->options.output->name);
		check(shell, display_flush(&shell->display));
		break;
	case COMMAND_HELP:
		check(shell, display_text(&shell->display, shell->line,
		    print_help, slash.help));
		break;
	case COMMAND_QUIT:
		end(shell, OUTCOME_OK);
		break;
	default:
		run_command(shell, &slash.options);
		break;
	}
	slash_finish(&slash);
}

static void
take_line(struct shell *shell, const char *line, size_t len)
{
	shell->line++;
	/* Within a statement, a backslash belongs to Lua. */
	if (shell->statement.text == NULL && slash_begins(line)) {
		remember(shell, line);
		run_slash(shell, line);
	} else {
		add_line(shell, line, len);
	}
}

/*
 * Handles an edited line that contains several, because it was pasted: first
 * commands, one per line; the rest is one Lua statement, so that its local
 * variables stay visible.
 */
static void
process_pasted(struct shell *shell, char *line)
{
	char *newline;

	while (shell->statement.text == NULL && !shell->is_over &&
	    slash_begins(line) && (newline = strchr(line, '\n')) != NULL) {
		*newline = '\0';
		take_line(shell, line, (size_t)(newline - line));
		line = newline + 1;
	}
	if (!shell->is_over)
		take_line(shell, line, strlen(line));
}

/* Handles the end of the input. */
static void
process_eof(struct shell *shell)
{
	if (shell->statement.text != NULL && !shell->display.is_interactive)
		run_statement(shell, 1);
	if (!shell->is_over)
		end(shell, OUTCOME_OK);
}

/* --- Completion ------------------------------------------------------------*/

static const char *
find_breaks(const char *line, void *arg)
{
	const struct shell *shell = arg;

	return shell->statement.text == NULL && slash_begins(line) ? " \t" :
	    SUGGEST_BREAKS;
}

static void
complete(struct lineedit_names *names, const char *line, size_t start,
    size_t stop, void *arg)
{
	struct shell *shell = arg;
	struct slash_names found;

	if (shell->statement.text == NULL && slash_begins(line)) {
		slash_complete(&found, line, start, stop);
		names->words = found.words;
		names->files = found.files;
		return;
	}
	names->open = 1;
	if (suggest_names(&names->words, &shell->source, line, start, stop,
	    &shell->error) == -1)
		shell->is_lost = 1;
}

/* --- Lines -----------------------------------------------------------------*/

/* Waits for one edited line, and processes it. */
static void
edit_line(struct shell *shell)
{
	const struct event_input input = { STDIN_FILENO, lineedit_signal_fd(),
	    lineedit_signal };
	enum lineedit_event edited = LINEEDIT_WAIT;
	enum event event = EVENT_INPUT;
	char *line = NULL;

	lineedit_begin(shell->prompts[shell->statement.text != NULL]);
	while (edited == LINEEDIT_WAIT && event == EVENT_INPUT &&
	    !shell->is_over && !shell->is_lost) {
		event = event_wait(&shell->source, &input, CLOCK_FOREVER,
		    &shell->error);
		if (event == EVENT_INPUT)
			edited = lineedit_read(&line);
	}
	/* A signal may have arrived during completion. */
	if (signals_count() > 0) {
		event = EVENT_SIGNAL;
		edited = LINEEDIT_WAIT;
	}
	/* The abandoned text stays visible. */
	lineedit_abandon(event == EVENT_SIGNAL &&
	    !signals_terminating() ? "^C" : "");
	if (edited == LINEEDIT_LINE && !shell->is_over && !shell->is_lost) {
		process_pasted(shell, line);
	} else if (event == EVENT_SIGNAL && !signals_terminating()) {
		putc('\n', shell->context->out);
		statement_forget(&shell->statement);
		signals_reset();
	} else {
		putc('\n', shell->context->out);
		if (event == EVENT_DISCONNECTED || shell->is_lost)
			end_with_error(shell);
		else if (!shell->is_over)
			process_eof(shell);
	}
	free(line);
}

/* Reads and runs one line of non-interactive input. */
static void
read_line(struct shell *shell)
{
	const struct event_input input = { STDIN_FILENO, -1, NULL };
	char *line;
	size_t len;

	if ((line = lines_next(&shell->lines, &len)) != NULL) {
		take_line(shell, line, len);
		return;
	}
	if (shell->lines.is_over) {
		process_eof(shell);
		return;
	}
	switch (event_wait(&shell->source, &input, CLOCK_FOREVER,
	    &shell->error)) {
	case EVENT_INPUT:
		if (lines_read(&shell->lines, &shell->error) == -1)
			end_with_error(shell);
		break;
	case EVENT_SIGNAL:
		display_message(&shell->display, 0, "interrupted");
		end(shell, OUTCOME_USAGE);
		break;
	default:
		end_with_error(shell);
	}
}

/* --- From the beginning to the end -----------------------------------------*/

/*
 * Builds the prompts: the short name of the target, and blanks of the same
 * width.
 */
static int
make_prompts(struct shell *shell)
{
	const struct target *target = shell->target;
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
	if (asprintf(&shell->prompts[0], "%s> ", label) == -1)
		shell->prompts[0] = NULL;
	else if (asprintf(&shell->prompts[1], "%*s> ", (int)strlen(label),
	    "-") == -1)
		shell->prompts[1] = NULL;
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

/* Starts line editing.  Returns 0, or -1 with an error. */
static int
begin_editing(struct shell *shell, const struct lineedit_hooks *hooks)
{
	const char *version;

	if (make_prompts(shell) == -1)
		return error_out_of_memory(&shell->error);
	if (lineedit_open(hooks, &shell->error) == -1)
		return -1;
	shell->display.is_editing = 1;
	if (history_open(&shell->history, add_entry, NULL,
	    &shell->error) == -1)
		display_message(&shell->display, 0, "%s", shell->error.message);
	if (shell->context->quiet)
		return 0;
	fputs("connected to ", shell->context->out);
	term_print(shell->context->out, shell->target->name);
	version = session_version(shell->source.session);
	fprintf(shell->context->out, "%s%s; \\help for help, Ctrl-D to "
	    "leave\n", version[0] != '\0' ? ", Tarantool " : "", version);
	check(shell, display_flush(&shell->display));
	return 0;
}

static void
run(struct shell *shell)
{
	const struct lineedit_hooks hooks = { find_breaks, complete, shell };

	if (event_connect(&shell->source, shell->options.timeout,
	    shell->options.wait, &shell->error) == -1 ||
	    (shell->display.is_interactive &&
	    begin_editing(shell, &hooks) == -1)) {
		end_with_error(shell);
		return;
	}
	while (!shell->is_over) {
		if (shell->display.is_editing)
			edit_line(shell);
		else
			read_line(shell);
	}
}

enum outcome
shell_run(const struct options *options, const struct targets *targets,
    const struct output_context *context)
{
	struct shell shell;

	memset(&shell, 0, sizeof(shell));
	shell.options = *options;
	shell.targets = targets;
	shell.target = &targets->list[0];
	shell.context = context;
	shell.display.context = context;
	shell.display.options = &shell.options;
	shell.display.name = shell.target->name;
	shell.display.is_interactive = isatty(STDIN_FILENO) &&
	    isatty(fileno(context->out));
	shell.source.target = shell.target;
	shell.source.on_push = take_push;
	shell.source.arg = &shell;
	shell.source.signals_fd = signals_begin();
	lines_init(&shell.lines, STDIN_FILENO);
	run(&shell);
	if (shell.display.is_editing)
		lineedit_close();
	signals_end();
	event_disconnect(&shell.source);
	history_close(&shell.history);
	statement_forget(&shell.statement);
	lines_finish(&shell.lines);
	free(shell.prompts[0]);
	free(shell.prompts[1]);
	return outcome_exit(shell.outcome) == 0 && shell.display.has_failed &&
	    !shell.display.is_interactive ? OUTCOME_FAILED : shell.outcome;
}
