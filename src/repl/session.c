/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"
#include "repl/session.h"
#include "net/handshake.h"

enum stage { STAGE_GREETING, STAGE_HANDSHAKE, STAGE_READY };

struct line {
	char	*text;
	int	 forgotten;
};

struct dialog {
	struct console	*console;
	enum stage	 stage;
	int64_t		 opened;
	int64_t		 deadline;	/* until it is ready */
	/* First those that were answered, but may not have left whole. */
	struct line	 lines[DIALOG_LINES_MAX];
	size_t		 count;
	size_t		 answered;
};

struct dialog *
dialog_open(const struct target *target, int64_t deadline,
    struct error *error)
{
	struct dialog *dialog;

	if ((dialog = calloc(1, sizeof(*dialog))) == NULL) {
		error_out_of_memory(error);
		return NULL;
	}
	dialog->opened = clock_ms();
	dialog->deadline = deadline;
	dialog->console = console_open(target, deadline, error);
	if (dialog->console == NULL) {
		dialog_close(dialog);
		return NULL;
	}
	return dialog;
}

void
dialog_close(struct dialog *dialog)
{
	size_t i;

	if (dialog == NULL)
		return;
	console_close(dialog->console);
	for (i = 0; i < dialog->count; i++)
		free(dialog->lines[i].text);
	free(dialog);
}

int
dialog_fd(const struct dialog *dialog)
{
	return console_fd(dialog->console);
}

short
dialog_events(const struct dialog *dialog)
{
	return console_events(dialog->console);
}

int64_t
dialog_due(const struct dialog *dialog)
{
	return console_due(dialog->console);
}

size_t
dialog_waiting(const struct dialog *dialog)
{
	return dialog->count - dialog->answered;
}

int
dialog_sent(const struct dialog *dialog)
{
	return (console_events(dialog->console) & POLLOUT) == 0;
}

const char *
dialog_version(const struct dialog *dialog)
{
	return console_version(dialog->console);
}

/* Frees what was answered; while bytes wait to be sent, they are in use. */
static void
reap(struct dialog *dialog)
{
	size_t i;

	if (!dialog_sent(dialog))
		return;
	for (i = 0; i < dialog->answered; i++)
		free(dialog->lines[i].text);
	dialog->count -= dialog->answered;
	memmove(dialog->lines, dialog->lines + dialog->answered,
	    dialog->count * sizeof(dialog->lines[0]));
	dialog->answered = 0;
}

int
dialog_send(struct dialog *dialog, char *text, size_t len,
    struct error *error)
{
	struct line *line;

	reap(dialog);
	if (dialog->count == DIALOG_LINES_MAX) {
		free(text);
		return error_set(error, OUTCOME_USAGE, "local_error",
		    "too many lines wait for a reply");
	}
	line = &dialog->lines[dialog->count++];
	line->text = text;
	line->forgotten = 0;
	return console_send(dialog->console, text, len, error);
}

void
dialog_forget(struct dialog *dialog)
{
	size_t i;

	for (i = dialog->answered; i < dialog->count; i++)
		dialog->lines[i].forgotten = 1;
}

/* Says what the end of the time or of the connection means here. */
static void
explain(const struct dialog *dialog, struct error *error)
{
	size_t i, wanted = 0;

	if (dialog->stage == STAGE_HANDSHAKE &&
	    error->outcome == OUTCOME_TIMEOUT)
		error_set_transient(error, OUTCOME_TIMEOUT, "deadline",
		    "the console did not answer within %g s: the "
		    "instance is busy, or --timeout is too short",
		    clock_seconds(dialog->opened, dialog->deadline));
	if (strcmp(error->code, "closed") != 0)
		return;
	error->transient = dialog->stage == STAGE_HANDSHAKE;
	for (i = dialog->answered; i < dialog->count; i++)
		wanted += !dialog->lines[i].forgotten;
	if (wanted > 0)
		error_set(error, OUTCOME_PROTOCOL, "closed",
		    "connection closed before the final reply: "
		    "the outcome is not known");
}

static enum dialog_event
take_handshake(struct dialog *dialog, const struct wire_document *doc,
    struct error *error)
{
	if (handshake_check(doc, error) == -1)
		return DIALOG_FAILED;
	dialog->stage = STAGE_READY;
	console_extend(dialog->console, CONSOLE_FOREVER);
	return DIALOG_READY;
}

static enum dialog_event
take_document(struct dialog *dialog, const struct wire_document *doc,
    struct error *error)
{
	const struct line *line;

	if (dialog->stage == STAGE_HANDSHAKE)
		return take_handshake(dialog, doc, error);
	if (doc->is_push)
		return DIALOG_PUSH;
	if (dialog_waiting(dialog) == 0) {
		error_set(error, OUTCOME_PROTOCOL, "bad_reply",
		    "a reply that nobody asked for");
		return DIALOG_FAILED;
	}
	line = &dialog->lines[dialog->answered++];
	return line->forgotten ? DIALOG_WAIT : DIALOG_REPLY;
}

enum dialog_event
dialog_step(struct dialog *dialog, struct wire_document *doc,
    struct error *error)
{
	enum dialog_event event;

	reap(dialog);
	for (;;) {
		switch (console_step(dialog->console, doc, error)) {
		case CONSOLE_WAIT:
			return DIALOG_WAIT;
		case CONSOLE_GREETED:
			dialog->stage = STAGE_HANDSHAKE;
			if (console_send(dialog->console, HANDSHAKE,
			    sizeof(HANDSHAKE) - 1, error) == -1)
				return DIALOG_FAILED;
			break;
		case CONSOLE_DOCUMENT:
			event = take_document(dialog, doc, error);
			if (event != DIALOG_WAIT)
				return event;
			break;
		case CONSOLE_FAILED:
			explain(dialog, error);
			return DIALOG_FAILED;
		}
	}
}
