/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <poll.h>

#include "repl/event.h"
#include "util/clock.h"
#include "util/signals.h"

/*
 * The initial and the maximum delay before a new attempt to connect, in
 * milliseconds.
 */
#define RETRY_FIRST_MS	100
#define RETRY_MAX_MS	1000

/*
 * The longest timeout for one call of poll(2), in milliseconds.  It must fit in
 * an int.
 */
#define WAIT_MAX_MS	60000

void
event_disconnect(struct event_source *source)
{
	session_close(source->session);
	source->session = NULL;
}

enum event
event_wait(struct event_source *source, const struct event_input *input,
    int64_t until, struct error *error)
{
	struct pollfd fds[4];
	int64_t due, left;
	int is_more;

	for (;;) {
		if (signals_count() > 0)
			return EVENT_SIGNAL;
		is_more = 0;
		due = until;
		fds[0] = (struct pollfd){ source->signals_fd, POLLIN, 0 };
		fds[1] = (struct pollfd){ -1, 0, 0 };
		fds[2] = (struct pollfd){ input == NULL ? -1 : input->fd,
		    POLLIN, 0 };
		fds[3] = (struct pollfd){ input == NULL ? -1 :
		    input->editor_fd, POLLIN, 0 };
		if (source->session != NULL) {
			switch (session_step(source->session, &source->doc,
			    error)) {
			case SESSION_READY:
				return EVENT_READY;
			case SESSION_REPLY:
				return EVENT_REPLY;
			case SESSION_REFUSED:
				return EVENT_REFUSED;
			case SESSION_FAILED:
				return EVENT_DISCONNECTED;
			case SESSION_PUSH:
				source->on_push(&source->doc, source->arg);
				is_more = 1;
				break;
			case SESSION_WAIT:
				break;
			}
			fds[1].fd = session_fd(source->session);
			fds[1].events = session_events(source->session);
			if (session_due(source->session) < due)
				due = session_due(source->session);
		}
		if (until != CLOCK_FOREVER && clock_ms() >= until)
			return EVENT_TIMEOUT;
		left = is_more ? 0 : due - clock_ms();
		left = left < 0 ? 0 : left > WAIT_MAX_MS ? WAIT_MAX_MS : left;
		if (poll(fds, 4, (int)left) == -1)
			continue;
		if (input != NULL && fds[3].revents != 0)
			input->on_editor();
		/*
		 * After Ctrl-C, do not report pending input: it belongs to the
		 * next line.
		 */
		if (fds[2].revents != 0 && signals_count() == 0)
			return EVENT_INPUT;
	}
}

int
event_connect(struct event_source *source, double timeout, double wait,
    struct error *error)
{
	int64_t began = clock_ms(), delay = RETRY_FIRST_MS, now;
	int64_t until = began + (int64_t)(wait * 1000);
	enum event event;

	for (;;) {
		source->session = session_open(source->target,
		    clock_after(timeout), error);
		event = source->session == NULL ? EVENT_DISCONNECTED :
		    event_wait(source, NULL, CLOCK_FOREVER, error);
		if (event == EVENT_READY)
			return 0;
		event_disconnect(source);
		now = clock_ms();
		if (event == EVENT_DISCONNECTED &&
		    (!error->transient || now >= until))
			return -1;
		if (event == EVENT_DISCONNECTED)
			event = event_wait(source, NULL, now + delay < until ?
			    now + delay : until, error);
		if (event == EVENT_SIGNAL)
			return error_set(error, ERROR_INTERRUPTED,
			    "cancelled after %g s, before anything was sent",
			    clock_seconds(began, clock_ms()));
		delay = delay * 3 / 2 < RETRY_MAX_MS ? delay * 3 / 2 :
		    RETRY_MAX_MS;
	}
}
