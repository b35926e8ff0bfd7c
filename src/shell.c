/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* asprintf */

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "command.h"
#include "console.h"
#include "dialog.h"
#include "history.h"
#include "interrupt.h"
#include "lineedit.h"
#include "lines.h"
#include "nesting.h"
#include "pager.h"
#include "paint.h"
#include "reply.h"
#include "request.h"
#include "shell.h"
#include "slash.h"
#include "term.h"
#include "typed.h"

/* How long to wait before it is tried again to connect, in milliseconds. */
#define RETRY_FIRST_MS	100
#define RETRY_MAX_MS	1000

/* A completion that takes longer is none. */
#define COMPLETE_SECONDS	1.0

/* The longest wait at a time, milliseconds: it has to fit an int. */
#define WAIT_MAX_MS	60000

#define STATEMENT_MAX	((size_t)1024 * 1024)

/*
 * A statement of several lines is sent again with each of them, until it has
 * so much that this takes its time.
 */
#define STATEMENT_SHORT	((size_t)4 * 1024)

/* What ends a word of Lua, for a completion; `a.b:c` is one. */
#define LUA_BREAKS	"\t\r\n !\"#$%&'()*+,-/;<=>?@[\\]^`{|}~"

enum happening {
	HAPPENED_INPUT,		/* standard input is readable */
	HAPPENED_READY,		/* the dialog is */
	HAPPENED_REPLY,		/* there is a document */
	HAPPENED_SIGNAL,
	HAPPENED_LOST,		/* the error says why */
	HAPPENED_LATE		/* nothing of it in time */
};

struct shell {
	struct options			 options;	/* as they are set */
	const struct targets		*targets;
	const struct target		*target;
	const struct output_context	*context;
	int				 is_interactive;
	int				 is_over;
	int				 is_editing;	/* readline is there */
	int				 has_failed;	/* a line, some time */
	enum outcome			 outcome;	/* if it is over */
	struct dialog			*dialog;	/* NULL: none now */
	int				 interrupt_fd;
	struct wire_document		 doc;
	struct error			 error;
	struct lines			 lines;		/* if not edited */
	struct history			 history;
	unsigned long			 line;		/* its number */
	char				*statement;	/* so far, or NULL */
	size_t				 statement_len;
	size_t				 statement_sent;
	unsigned long			 statement_line;
	struct nesting			 nesting;	/* at its end */
	char				*prompts[2];	/* first, and others */
};

/* Prints a message, of a line that was not typed with its number. */
static void __attribute__((format(printf, 3, 4)))
say(const struct shell *shell, unsigned long line, const char *fmt, ...)
{
	char message[1100];
	int len = 0;
	va_list ap;

	if (line > 0 && !shell->is_interactive)
		len = snprintf(message, sizeof(message), "line %lu: ", line);
	va_start(ap, fmt);
	vsnprintf(message + len, sizeof(message) - (size_t)len, fmt, ap);
	va_end(ap);
	fflush(shell->context->out);
	output_message(shell->context->err, shell->target->name, message);
	fflush(shell->context->err);
}

static void
end(struct shell *shell, enum outcome outcome)
{
	shell->is_over = 1;
	shell->outcome = outcome;
}

/* It is over, for the reason in the error. */
static void
end_with_error(struct shell *shell)
{
	say(shell, 0, "%s", shell->error.message);
	end(shell, shell->error.outcome);
}

static void
end_without_memory(struct shell *shell)
{
	say(shell, 0, "out of memory");
	end(shell, OUTCOME_USAGE);
}

/* Something failed, for the reason in the error, and it goes on. */
static void
fail(struct shell *shell, unsigned long line)
{
	say(shell, line, "%s", shell->error.message);
	shell->has_failed = 1;
}

static void
flush(struct shell *shell)
{
	/* Whoever reads it has gone; main says so. */
	if (output_flush(shell->context->out) == -1)
		end(shell, OUTCOME_USAGE);
}

static int
is_json(const struct shell *shell)
{
	return shell->options.output == &output_json;
}

/* --- Waiting ---------------------------------------------------------------*/

/* Prints a message as JSON.  Returns 0, or -1 with an error. */
static int
print_push(struct shell *shell)
{
	json_t *value, *push;
	int result;

	value = reply_parse(shell->doc.data, shell->doc.len, &shell->error);
	if (value == NULL)
		return -1;
	push = json_pack("{s:o}", "push", value);
	result = output_json_value(shell->context->out, push, 0);
	json_decref(push);
	return result == 0 ? 0 : error_out_of_memory(&shell->error);
}

/* A message of the instance, whenever it comes. */
static void
show_push(struct shell *shell)
{
	if (shell->context->quiet)
		return;
	if (shell->is_editing)
		lineedit_hide();
	if (!is_json(shell))
		paint_yaml(shell->context->out, shell->doc.data,
		    shell->doc.len, shell->context->color, 0);
	else if (print_push(shell) == -1)
		fail(shell, shell->statement == NULL ? 0 :
		    shell->statement_line);
	flush(shell);
	if (shell->is_editing)
		lineedit_show();
}

/*
 * Waits until something happens, or until that time of clock_ms.  Standard
 * input is left alone unless it is wanted.
 */
static enum happening
await(struct shell *shell, int wants_input, int64_t until)
{
	struct pollfd fds[4];
	int64_t due, left;
	int is_more;

	for (;;) {
		if (interrupt_count() > 0)
			return HAPPENED_SIGNAL;
		is_more = 0;
		due = until;
		fds[0] = (struct pollfd){ shell->interrupt_fd, POLLIN, 0 };
		fds[1] = (struct pollfd){ -1, 0, 0 };
		fds[2] = (struct pollfd){ wants_input ? STDIN_FILENO : -1,
		    POLLIN, 0 };
		fds[3] = (struct pollfd){ wants_input && shell->is_editing ?
		    lineedit_signal_fd() : -1, POLLIN, 0 };
		if (shell->dialog != NULL) {
			switch (dialog_step(shell->dialog, &shell->doc,
			    &shell->error)) {
			case DIALOG_READY:
				return HAPPENED_READY;
			case DIALOG_REPLY:
				return HAPPENED_REPLY;
			case DIALOG_FAILED:
				return HAPPENED_LOST;
			case DIALOG_PUSH:
				show_push(shell);
				is_more = 1;
				break;
			case DIALOG_WAIT:
				break;
			}
			fds[1].fd = dialog_fd(shell->dialog);
			fds[1].events = dialog_events(shell->dialog);
			if (dialog_due(shell->dialog) < due)
				due = dialog_due(shell->dialog);
		}
		if (until != CONSOLE_FOREVER && clock_ms() >= until)
			return HAPPENED_LATE;
		left = is_more ? 0 : due - clock_ms();
		left = left < 0 ? 0 : left > WAIT_MAX_MS ? WAIT_MAX_MS : left;
		if (poll(fds, 4, (int)left) == -1)
			continue;
		if (fds[3].revents != 0)
			lineedit_signal();
		/* What was typed behind Ctrl-C is for the next line. */
		if (fds[2].revents != 0 && interrupt_count() == 0)
			return HAPPENED_INPUT;
	}
}

/* --- Connecting ------------------------------------------------------------*/

static void
disconnect(struct shell *shell)
{
	dialog_close(shell->dialog);
	shell->dialog = NULL;
}

/*
 * Connects, each try within so many seconds, and keeps trying for so long.
 * Returns 0, or -1 with an error.
 */
static int
connect_dialog(struct shell *shell, double timeout, double wait)
{
	int64_t began = clock_ms(), delay = RETRY_FIRST_MS, now;
	int64_t until = began + (int64_t)(wait * 1000);
	enum happening happening;

	for (;;) {
		shell->dialog = dialog_open(shell->target, clock_ms() +
		    (timeout > 0.001 ? (int64_t)(timeout * 1000) : 1),
		    &shell->error);
		happening = shell->dialog == NULL ? HAPPENED_LOST :
		    await(shell, 0, CONSOLE_FOREVER);
		if (happening == HAPPENED_READY)
			return 0;
		disconnect(shell);
		now = clock_ms();
		if (happening == HAPPENED_LOST &&
		    (!shell->error.transient || now >= until))
			return -1;
		if (happening == HAPPENED_LOST)
			happening = await(shell, 0, now + delay < until ?
			    now + delay : until);
		if (happening == HAPPENED_SIGNAL)
			return error_set(&shell->error, OUTCOME_TIMEOUT,
			    "interrupted", "given up after %g s, before "
			    "anything was sent", clock_seconds(began,
			    clock_ms()));
		delay = delay * 3 / 2 < RETRY_MAX_MS ? delay * 3 / 2 :
		    RETRY_MAX_MS;
	}
}

/* --- What was typed --------------------------------------------------------*/

static void
forget_statement(struct shell *shell)
{
	free(shell->statement);
	shell->statement = NULL;
	shell->statement_len = shell->statement_sent = 0;
	memset(&shell->nesting, 0, sizeof(shell->nesting));
}

static void
remember(struct shell *shell, const char *entry)
{
	if (!shell->is_editing || entry[strspn(entry, " \t\n")] == '\0' ||
	    history_repeats(&shell->history, entry))
		return;
	lineedit_remember(entry);
	if (history_is_private(entry) ||
	    history_add(&shell->history, entry, &shell->error) == 0)
		return;
	/* Once is enough. */
	say(shell, 0, "%s", shell->error.message);
	history_close(&shell->history);
}

/*
 * A text for the user, a page at a time if he sits there and there is memory
 * for it.  What prints it returns -1 if memory is out.
 */
static void
show(struct shell *shell, int (*print)(FILE *, const struct shell *,
    const void *), const void *what)
{
	FILE *memory = NULL;
	char *text = NULL;
	size_t len = 0;
	int result = -1;

	if (shell->is_interactive &&
	    (memory = open_memstream(&text, &len)) != NULL) {
		result = print(memory, shell, what);
		if (fclose(memory) == EOF)
			result = -1;
	}
	if (result == 0)
		pager_print(shell->context->out, text, len);
	else if (print(shell->context->out, shell, what) == -1) {
		error_out_of_memory(&shell->error);
		fail(shell, shell->line);
	}
	free(text);
	flush(shell);
}

static int
print_reply(FILE *out, const struct shell *shell, const void *what)
{
	typed_print(out, what, shell->context->color);
	return 0;
}

static int
print_tree(FILE *out, const struct shell *shell, const void *what)
{
	(void)shell;
	return output_json_value(out, what, 0);
}

/* Shows the results or the error of a statement. */
static void
show_reply(struct shell *shell, const struct typed *typed)
{
	int is_failed = typed->kind != TYPED_DONE;
	json_t *tree = NULL;

	if (is_failed)
		shell->has_failed = 1;
	if (is_json(shell) || (is_failed && !shell->is_interactive)) {
		tree = typed_tree(typed, &shell->error);
		if (tree == NULL)
			fail(shell, shell->statement_line);
	}
	if (!shell->context->quiet && !is_json(shell))
		show(shell, print_reply, typed);
	else if (!shell->context->quiet && tree != NULL)
		show(shell, print_tree, tree);
	if (tree != NULL && is_failed &&
	    (!shell->is_interactive || shell->context->quiet)) {
		typed_explain(tree, &shell->error);
		say(shell, shell->statement_line, "%s", shell->error.message);
	}
	json_decref(tree);
}

/* Nobody waits for the reply to a statement any more. */
static void
give_up(struct shell *shell, int64_t began)
{
	int ends = interrupt_is_final() || !shell->is_interactive;

	shell->has_failed = 1;
	say(shell, shell->statement_line, "given up after %g s%s%s",
	    clock_seconds(began, clock_ms()), dialog_sent(shell->dialog) ?
	    ", the Lua may still be running in the instance" :
	    ", before all of it was sent", ends ? "" :
	    "; the next line begins a new session");
	disconnect(shell);
	interrupt_forget();
	if (ends)
		end(shell, OUTCOME_TIMEOUT);
}

/* Sends a line for the Lua in the instance.  Returns 0, or -1 with an error. */
static int
ask(struct shell *shell, const char *what, const char *text, size_t len,
    size_t from, size_t to)
{
	size_t line_len;
	char *line = request_typed(what, text, len, from, to, &line_len);

	if (line == NULL)
		return error_out_of_memory(&shell->error);
	return dialog_send(shell->dialog, line, line_len, &shell->error);
}

/* Runs the statement so far, unless more of it is to come. */
static void
run_statement(struct shell *shell, int is_last)
{
	int64_t began = clock_ms();
	enum happening happening;
	struct typed typed;

	if (shell->dialog == NULL && connect_dialog(shell,
	    shell->options.timeout, 0) == -1) {
		say(shell, shell->statement_line, "%s", shell->error.message);
		if (interrupt_is_final())
			end(shell, shell->error.outcome);
		interrupt_forget();
		forget_statement(shell);
		return;
	}
	if (ask(shell, is_last ? "run" : "more", shell->statement,
	    shell->statement_len, 0, 0) == -1) {
		end_with_error(shell);
		return;
	}
	shell->statement_sent = shell->statement_len;
	happening = await(shell, 0, CONSOLE_FOREVER);
	if (happening == HAPPENED_REPLY &&
	    typed_read(&typed, &shell->doc, &shell->error) == -1)
		happening = HAPPENED_LOST;
	if (happening == HAPPENED_LOST) {
		remember(shell, shell->statement);
		end_with_error(shell);
		return;
	}
	if (happening == HAPPENED_REPLY && typed.kind == TYPED_MORE)
		return;
	if (happening == HAPPENED_REPLY)
		show_reply(shell, &typed);
	else
		give_up(shell, began);
	remember(shell, shell->statement);
	forget_statement(shell);
}

/*
 * Whether the instance is to be asked if the statement is complete.  Of a long
 * one only if it can be, or to find an error in it not too late: all that is
 * sent together is linear.
 */
static int
may_be_complete(const struct shell *shell)
{
	return shell->statement_len <= STATEMENT_SHORT ||
	    !nesting_is_open(&shell->nesting) ||
	    shell->statement_len >= 2 * shell->statement_sent;
}

/* Another line of a statement, perhaps the last one. */
static void
add_line(struct shell *shell, const char *line, size_t len)
{
	size_t before = shell->statement_len;
	char *grown;

	if (shell->statement == NULL) {
		if (memchr(line, '\0', len) == NULL &&
		    strspn(line, " \t\n") == len)
			return;
		shell->statement_line = shell->line;
	} else if (before + len > STATEMENT_MAX) {
		say(shell, shell->statement_line, "the statement has more "
		    "than %zu MiB and goes on: eval -f takes whole files",
		    STATEMENT_MAX / 1024 / 1024);
		shell->has_failed = 1;
		forget_statement(shell);
		return;
	}
	if ((grown = realloc(shell->statement, before + len + 2)) == NULL) {
		end_without_memory(shell);
		return;
	}
	if (shell->statement != NULL)
		grown[before++] = '\n';
	memcpy(grown + before, line, len);
	grown[before + len] = '\0';
	nesting_add(&shell->nesting, grown + shell->statement_len,
	    before + len - shell->statement_len);
	shell->statement = grown;
	shell->statement_len = before + len;
	if (may_be_complete(shell))
		run_statement(shell, 0);
}

/* --- Commands of this program ----------------------------------------------*/

static int
print_help(FILE *out, const struct shell *shell, const void *command)
{
	(void)shell;
	if (command != NULL)
		options_help(out, command);
	else
		slash_help(out);
	return 0;
}

/* Whether its report can be looked at a page at a time, as it is short. */
static int
is_paged(const struct shell *shell, const struct options *options)
{
	return shell->is_interactive && (options->command->bit &
	    (COMMAND_PLAN | COMMAND_STATUS | COMMAND_STALE)) != 0;
}

/* The same as on the command line. */
static void
run_command(struct shell *shell, const struct options *options)
{
	struct output_context context = *shell->context;
	FILE *memory = NULL;
	char *text = NULL;
	size_t len = 0;
	json_t *args;
	int is_final;

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
	/* It counts the signals itself. */
	interrupt_end();
	if (outcome_exit(command_run(options, shell->targets, args,
	    &context)) != 0)
		shell->has_failed = 1;
	is_final = interrupt_is_final();
	shell->interrupt_fd = interrupt_begin();
	if (memory != NULL && fclose(memory) == EOF) {
		error_out_of_memory(&shell->error);
		fail(shell, shell->line);
	}
	if (text != NULL)
		pager_print(shell->context->out, text, len);
	free(text);
	json_decref(args);
	flush(shell);
	if (is_final)
		end(shell, OUTCOME_TIMEOUT);
}

static void
run_slash(struct shell *shell, const char *line)
{
	struct slash slash;

	remember(shell, line);
	if (slash_parse(&slash, line, &shell->options, &shell->error) == -1) {
		fail(shell, shell->line);
		return;
	}
	switch (slash.kind) {
	case SLASH_COMMAND:
		run_command(shell, &slash.options);
		break;
	case SLASH_SET:
		if (slash.output != NULL)
			shell->options.output = slash.output;
		else
			fprintf(shell->context->out, "output %s\n",
			    shell->options.output->name);
		flush(shell);
		break;
	case SLASH_HELP:
		show(shell, print_help, slash.help);
		break;
	case SLASH_QUIT:
		end(shell, OUTCOME_OK);
		break;
	}
	slash_finish(&slash);
}

static void
take_line(struct shell *shell, const char *line, size_t len)
{
	shell->line++;
	/* In a statement a backslash is Lua's. */
	if (shell->statement == NULL && slash_begins(line))
		run_slash(shell, line);
	else
		add_line(shell, line, len);
}

/* No line comes any more. */
static void
take_end(struct shell *shell)
{
	if (shell->statement != NULL && !shell->is_interactive)
		run_statement(shell, 1);
	if (!shell->is_over)
		end(shell, OUTCOME_OK);
}

/* --- Completion ------------------------------------------------------------*/

static const char *
find_breaks(const char *line, void *arg)
{
	const struct shell *shell = arg;

	return shell->statement == NULL && slash_begins(line) ? " \t" :
	    LUA_BREAKS;
}

/* Adds a name that the instance gave, unless it is none that can be shown. */
static void
add_name(struct lineedit_names *names, const char *name, const char *word,
    size_t len)
{
	struct error ignored;
	char *escaped;

	if (name == NULL || strncmp(name, word, len) != 0 ||
	    (escaped = term_escape(name, strlen(name), 0)) == NULL)
		return;
	if (strcmp(escaped, name) == 0)
		words_add(&names->words, name, strlen(name), &ignored);
	free(escaped);
}

static void
take_names(struct shell *shell, struct lineedit_names *names,
    const char *word, size_t len)
{
	struct error ignored;
	struct typed typed;
	json_t *tree, *list;
	size_t i;

	if (typed_read(&typed, &shell->doc, &ignored) == -1 ||
	    typed.kind != TYPED_NAMES ||
	    (tree = typed_tree(&typed, &ignored)) == NULL)
		return;
	list = json_array_get(tree, 0);
	for (i = 0; i < json_array_size(list); i++)
		add_name(names, json_string_value(json_array_get(list, i)),
		    word, len);
	json_decref(tree);
}

static void
complete(struct lineedit_names *names, const char *line, size_t start,
    size_t stop, void *arg)
{
	struct shell *shell = arg;
	struct slash_names found;

	if (shell->statement == NULL && slash_begins(line)) {
		slash_complete(&found, line, start, stop);
		names->words = found.words;
		names->files = found.files;
		return;
	}
	names->open = 1;
	if (shell->dialog == NULL &&
	    connect_dialog(shell, COMPLETE_SECONDS, 0) == -1)
		return;
	/* One that was given up may still be at work. */
	if (dialog_waiting(shell->dialog) > 0)
		return;
	if (ask(shell, "complete", line + start, stop - start, start,
	    stop) == -1)
		return;
	switch (await(shell, 0, clock_ms() +
	    (int64_t)(COMPLETE_SECONDS * 1000))) {
	case HAPPENED_REPLY:
		take_names(shell, names, line + start, stop - start);
		break;
	case HAPPENED_LOST:
		/* Nothing ran.  Whoever waits for the line will tell. */
		if (strcmp(shell->error.code, "closed") == 0)
			error_set(&shell->error, OUTCOME_UNREACHABLE, "closed",
			    "connection closed by the instance");
		end(shell, shell->error.outcome);
		break;
	default:
		dialog_forget(shell->dialog);
	}
}

/* --- Lines -----------------------------------------------------------------*/

/* Waits for one at the terminal, and takes it. */
static void
edit_line(struct shell *shell)
{
	enum lineedit_event event = LINEEDIT_WAIT;
	enum happening happening = HAPPENED_INPUT;
	char *line = NULL;

	lineedit_begin(shell->prompts[shell->statement != NULL]);
	while (event == LINEEDIT_WAIT && happening == HAPPENED_INPUT &&
	    !shell->is_over) {
		happening = await(shell, 1, CONSOLE_FOREVER);
		if (happening == HAPPENED_INPUT)
			event = lineedit_read(&line);
	}
	/* It may have come while names were looked for. */
	if (interrupt_count() > 0) {
		happening = HAPPENED_SIGNAL;
		event = LINEEDIT_WAIT;
	}
	/* What had been typed stays to be seen. */
	lineedit_abandon();
	if (event == LINEEDIT_LINE && !shell->is_over) {
		take_line(shell, line, strlen(line));
	} else if (happening == HAPPENED_SIGNAL && !interrupt_is_final()) {
		fputs("^C\n", shell->context->out);
		forget_statement(shell);
		interrupt_forget();
	} else {
		putc('\n', shell->context->out);
		if (happening == HAPPENED_LOST || shell->is_over)
			end_with_error(shell);
		else
			take_end(shell);
	}
	free(line);
}

/* Waits for one from elsewhere, and takes it. */
static void
read_line(struct shell *shell)
{
	char *line;
	size_t len;

	if ((line = lines_next(&shell->lines, &len)) != NULL) {
		take_line(shell, line, len);
		return;
	}
	if (shell->lines.is_over) {
		take_end(shell);
		return;
	}
	switch (await(shell, 1, CONSOLE_FOREVER)) {
	case HAPPENED_INPUT:
		if (lines_read(&shell->lines, &shell->error) == -1)
			end_with_error(shell);
		break;
	case HAPPENED_SIGNAL:
		say(shell, 0, "interrupted");
		end(shell, OUTCOME_USAGE);
		break;
	default:
		end_with_error(shell);
	}
}

/* --- From the beginning to the end -----------------------------------------*/

/* The prompts: what the target is called in short, and as much of nothing. */
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
	label = term_escape(name, (size_t)(end_of_name - name), 0);
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

/* Returns 0, or -1 with an error. */
static int
begin_editing(struct shell *shell, const struct lineedit_hooks *hooks)
{
	if (make_prompts(shell) == -1)
		return error_out_of_memory(&shell->error);
	if (lineedit_open(hooks, &shell->error) == -1)
		return -1;
	shell->is_editing = 1;
	if (history_open(&shell->history, add_entry, NULL,
	    &shell->error) == -1)
		say(shell, 0, "%s", shell->error.message);
	if (shell->context->quiet)
		return 0;
	fputs("connected to ", shell->context->out);
	term_print(shell->context->out, shell->target->name);
	fprintf(shell->context->out, ", Tarantool %s; \\help for help, "
	    "Ctrl-D to leave\n", dialog_version(shell->dialog));
	flush(shell);
	return 0;
}

static void
run(struct shell *shell)
{
	const struct lineedit_hooks hooks = { find_breaks, complete, shell };

	if (connect_dialog(shell, shell->options.timeout,
	    shell->options.wait) == -1 ||
	    (shell->is_interactive && begin_editing(shell, &hooks) == -1)) {
		end_with_error(shell);
		return;
	}
	while (!shell->is_over) {
		if (shell->is_editing)
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
	shell.is_interactive = isatty(STDIN_FILENO) &&
	    isatty(fileno(context->out));
	shell.interrupt_fd = interrupt_begin();
	lines_init(&shell.lines, STDIN_FILENO);
	run(&shell);
	if (shell.is_editing)
		lineedit_close();
	interrupt_end();
	disconnect(&shell);
	history_close(&shell.history);
	forget_statement(&shell);
	lines_finish(&shell.lines);
	free(shell.prompts[0]);
	free(shell.prompts[1]);
	return outcome_exit(shell.outcome) == 0 && shell.has_failed &&
	    !shell.is_interactive ? OUTCOME_FAILED : shell.outcome;
}
