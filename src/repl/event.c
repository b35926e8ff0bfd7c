/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <poll.h>
#include <unistd.h>

#include "proto/request.h"
#include "repl/event.h"
#include "repl/lineedit.h"
#include "util/clock.h"
#include "util/signals.h"

/* How long to wait before it is tried again to connect, in milliseconds. */
#define RETRY_FIRST_MS	100
#define RETRY_MAX_MS	1000

/* The longest wait at a time, milliseconds: it has to fit an int. */
#define WAIT_MAX_MS	60000

void
contact_close(struct contact *contact)
{
	session_close(contact->session);
	contact->session = NULL;
}

enum happening
contact_await(struct contact *contact, enum contact_input input,
    int64_t until, struct error *error)
{
	struct pollfd fds[4];
	int64_t due, left;
	int is_more;

	for (;;) {
		if (signals_count() > 0)
			return HAPPENED_SIGNAL;
		is_more = 0;
		due = until;
		fds[0] = (struct pollfd){ contact->signals_fd, POLLIN, 0 };
		fds[1] = (struct pollfd){ -1, 0, 0 };
		fds[2] = (struct pollfd){ input == INPUT_LEFT_ALONE ? -1 :
		    STDIN_FILENO, POLLIN, 0 };
		fds[3] = (struct pollfd){ input == INPUT_EDITED ?
		    lineedit_signal_fd() : -1, POLLIN, 0 };
		if (contact->session != NULL) {
			switch (session_step(contact->session, &contact->doc,
			    error)) {
			case SESSION_READY:
				return HAPPENED_READY;
			case SESSION_REPLY:
				return HAPPENED_REPLY;
			case SESSION_FAILED:
				return HAPPENED_LOST;
			case SESSION_PUSH:
				contact->on_push(&contact->doc, contact->arg);
				is_more = 1;
				break;
			case SESSION_WAIT:
				break;
			}
			fds[1].fd = session_fd(contact->session);
			fds[1].events = session_events(contact->session);
			if (session_due(contact->session) < due)
				due = session_due(contact->session);
		}
		if (until != CLOCK_FOREVER && clock_ms() >= until)
			return HAPPENED_LATE;
		left = is_more ? 0 : due - clock_ms();
		left = left < 0 ? 0 : left > WAIT_MAX_MS ? WAIT_MAX_MS : left;
		if (poll(fds, 4, (int)left) == -1)
			continue;
		if (fds[3].revents != 0)
			lineedit_signal();
		/* What was typed behind Ctrl-C is for the next line. */
		if (fds[2].revents != 0 && signals_count() == 0)
			return HAPPENED_INPUT;
	}
}

int
contact_connect(struct contact *contact, double timeout, double wait,
    struct error *error)
{
	int64_t began = clock_ms(), delay = RETRY_FIRST_MS, now;
	int64_t until = began + (int64_t)(wait * 1000);
	enum happening happening;

	for (;;) {
		contact->session = session_open(contact->target, clock_ms() +
		    (timeout > 0.001 ? (int64_t)(timeout * 1000) : 1), error);
		happening = contact->session == NULL ? HAPPENED_LOST :
		    contact_await(contact, INPUT_LEFT_ALONE, CLOCK_FOREVER,
		    error);
		if (happening == HAPPENED_READY)
			return 0;
		contact_close(contact);
		now = clock_ms();
		if (happening == HAPPENED_LOST &&
		    (!error->transient || now >= until))
			return -1;
		if (happening == HAPPENED_LOST)
			happening = contact_await(contact, INPUT_LEFT_ALONE,
			    now + delay < until ? now + delay : until, error);
		if (happening == HAPPENED_SIGNAL)
			return error_set(error, OUTCOME_TIMEOUT, "interrupted",
			    "given up after %g s, before anything was sent",
			    clock_seconds(began, clock_ms()));
		delay = delay * 3 / 2 < RETRY_MAX_MS ? delay * 3 / 2 :
		    RETRY_MAX_MS;
	}
}

int
contact_ask(struct contact *contact, const char *what, const char *text,
    size_t len, size_t from, size_t to, struct error *error)
{
	size_t line_len;
	char *line = request_typed(what, text, len, from, to, &line_len);

	if (line == NULL)
		return error_out_of_memory(error);
	return session_send(contact->session, line, line_len, error);
}
