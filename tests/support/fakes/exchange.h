/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The server side of tools/misbehave.  On every connection of a program, sends
 * a greeting, the answer to the handshake, and for each line the reply that is
 * configured for it.  Injects one fault, at one byte of what it sends.
 */

#ifndef CR_TEST_EXCHANGE_H
#define CR_TEST_EXCHANGE_H

#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "frames.h"
#include "inbox.h"
#include "peer.h"

#define EXCHANGE_ANSWER		"---\n- true\n...\n"
#define EXCHANGE_REPLIES_MAX	16

/* The maximum number of open connections, and of counted ones. */
#define EXCHANGE_CLIENTS_MAX	32

/* The longest single wait, in milliseconds. */
#define EXCHANGE_SLICE_MS	100

enum fault_kind {
	FAULT_PAUSE,
	FAULT_STALL,		/* sends no more */
	FAULT_CUT,		/* closes */
	FAULT_DROP,
	FAULT_DUPLICATE,
	FAULT_HIGH_BIT,
	FAULT_NEWLINE,
	FAULT_ZERO,
	FAULT_NONE
};

/* A fault, at an offset in what is sent on the connection with this number. */
struct fault {
	enum fault_kind	 kind;
	size_t		 connection;
	size_t		 offset;
};

struct exchange_reply {
	const char	*to;		/* text in the line; NULL: any line */
	const char	*data;
	size_t		 len;
};

struct exchange_client {
	int	 fd;			/* -1: free */
	size_t	 number;		/* of the connection, from 0 */
	size_t	 lines;			/* that came */
	size_t	 said;			/* bytes */
	int	 is_silent;
	uint64_t sync;			/* of the last request */
	char	*in;			/* an incomplete line or frame */
	size_t	 in_len;
	size_t	 in_size;
};

struct exchange {
	int				 listener;
	struct exchange_reply		 replies[EXCHANGE_REPLIES_MAX];
	size_t				 reply_count;
	/* Requests on the first connection have no time limit. */
	int				 is_patient;
	const char			*watched;	/* counts requests */
	int				 is_binary;	/* a binary port */
	/* The program, and the state of the last run: */
	pid_t				 pid;
	const struct fault		*fault;
	struct exchange_client		 clients[EXCHANGE_CLIENTS_MAX];
	size_t				 connections;
	size_t				 lengths[EXCHANGE_CLIENTS_MAX];
	size_t				 requests;	/* on all connections */
	size_t				 watched_count;	/* that had it */
};

static inline int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Counts the documents that end in these bytes. */
static inline size_t
exchange_ends(const char *data, size_t len)
{
	static const char end[] = "\n...\n";
	const char *at = data, *found;
	size_t count = 0;

	while ((found = memmem(at, len - (size_t)(at - data), end,
	    sizeof(end) - 1)) != NULL) {
		count++;
		at = found + sizeof(end) - 2;
	}
	return count;
}

/* Sends the bytes from `part` on, with the fault at the first of them. */
static inline void
exchange_damage(const struct exchange *exchange,
    const struct exchange_client *client, const char *data, size_t len,
    size_t part)
{
	enum fault_kind kind = exchange->fault->kind;
	char *wrong = must(malloc(len + 1)), *at = wrong + part;
	size_t wrong_len = len;

	memcpy(wrong, data, len);
	if (kind == FAULT_DROP || kind == FAULT_DUPLICATE) {
		memcpy(at + (kind == FAULT_DUPLICATE),
		    data + part + (kind == FAULT_DROP),
		    len - part - (kind == FAULT_DROP));
		wrong_len = kind == FAULT_DROP ? len - 1 : len + 1;
	} else if (kind == FAULT_HIGH_BIT) {
		*at ^= (char)0x80;
	} else if (kind == FAULT_NEWLINE) {
		*at = *at == '\n' ? ' ' : '\n';
	} else {
		*at = '\0';
	}
	peer_send(client->fd, at, wrong_len - part);
	/*
	 * If the end of the reply is damaged, end the stream: no end will
	 * follow.
	 */
	if (exchange->is_binary && client->lines > 1)
		shutdown(client->fd, SHUT_WR);
	else if (client->lines > 1 && exchange_ends(wrong, wrong_len) <
	    exchange_ends(data, len))
		shutdown(client->fd, SHUT_WR);
	free(wrong);
}

static inline void
exchange_say(struct exchange *exchange, struct exchange_client *client,
    const char *data, size_t len)
{
	static const struct timespec moment = { 0, 2000000 };
	const struct fault *fault = exchange->fault;
	size_t at = client->said, part = fault->offset - at;

	if (client->is_silent)
		return;
	client->said += len;
	if (client->number < EXCHANGE_CLIENTS_MAX)
		exchange->lengths[client->number] = client->said;
	if (fault->kind == FAULT_NONE ||
	    client->number != fault->connection || fault->offset < at ||
	    part >= len) {
		peer_send(client->fd, data, len);
		return;
	}
	peer_send(client->fd, data, part);
	switch (fault->kind) {
	case FAULT_PAUSE:
		nanosleep(&moment, NULL);
		peer_send(client->fd, data + part, len - part);
		break;
	case FAULT_STALL:
		client->is_silent = 1;
		/* Nothing else would end the program's wait. */
		if (exchange->is_patient && client->number == 0 &&
		    client->lines > 1)
			kill(exchange->pid, SIGTERM);
		break;
	case FAULT_CUT:
		close(client->fd);
		client->fd = -1;
		break;
	default:
		exchange_damage(exchange, client, data, len, part);
	}
}

/* Sends documents as a binary port does, in frames. */
static inline void
exchange_say_frames(struct exchange *exchange, struct exchange_client *client,
    const char *data, size_t len)
{
	size_t used, size;
	char *frames = frames_write_documents(data, len, client->sync, &used,
	    &size);

	if (used != len)
		abort();
	exchange_say(exchange, client, frames, size);
	free(frames);
}

static inline void
exchange_take_line(struct exchange *exchange, struct exchange_client *client,
    const char *line, size_t len)
{
	const struct exchange_reply *reply;
	size_t i;

	char *frame;
	size_t size;

	if (++client->lines == 1 && exchange->is_binary) {
		frame = frames_write(0, client->sync, NULL, 0, &size);
		exchange_say(exchange, client, frame, size);
		free(frame);
		return;
	}
	if (client->lines == 1) {
		exchange_say(exchange, client, EXCHANGE_ANSWER,
		    sizeof(EXCHANGE_ANSWER) - 1);
		return;
	}
	exchange->requests++;
	if (exchange->watched != NULL && memmem(line, len, exchange->watched,
	    strlen(exchange->watched)) != NULL)
		exchange->watched_count++;
	for (i = 0; i < exchange->reply_count; i++) {
		reply = &exchange->replies[i];
		if (reply->to != NULL && memmem(line, len, reply->to,
		    strlen(reply->to)) == NULL)
			continue;
		if (exchange->is_binary)
			exchange_say_frames(exchange, client, reply->data,
			    reply->len);
		else
			exchange_say(exchange, client, reply->data,
			    reply->len);
		return;
	}
}

/* Handles the complete frames received so far.  Returns their size. */
static inline size_t
exchange_take_frames(struct exchange *exchange, struct exchange_client *client)
{
	struct frame frame;
	size_t used = 0;

	while (client->fd != -1 && frames_read(&frame, client->in + used,
	    client->in_len - used)) {
		client->sync = frame.sync;
		exchange_take_line(exchange, client, frame.text,
		    frame.text_len);
		used += frame.size;
	}
	return used;
}

/* Receives and handles what has arrived.  Returns 0 if there was nothing. */
static inline int
exchange_receive(struct exchange *exchange, struct exchange_client *client)
{
	const char *line, *newline;
	size_t used = 0;
	ssize_t len;

	len = inbox_receive(client->fd, &client->in, client->in_len,
	    &client->in_size);
	if (len == 0)
		return 0;
	if (len == -1) {
		close(client->fd);
		client->fd = -1;
		return 0;
	}
	newline = exchange->is_binary ? NULL :
	    memchr(client->in + client->in_len, '\n', (size_t)len);
	client->in_len += (size_t)len;
	if (exchange->is_binary)
		used = exchange_take_frames(exchange, client);
	while (newline != NULL && client->fd != -1) {
		line = client->in + used;
		used = (size_t)(newline - client->in) + 1;
		exchange_take_line(exchange, client, line,
		    (size_t)(newline - line));
		newline = memchr(client->in + used, '\n',
		    client->in_len - used);
	}
	client->in_len -= used;
	memmove(client->in, client->in + used, client->in_len);
	return 1;
}

static inline void
exchange_accept(struct exchange *exchange)
{
	struct exchange_client *client = exchange->clients;
	int fd = accept(exchange->listener, NULL, NULL);

	if (fd == -1)
		return;
	while (client->fd != -1)
		if (++client == exchange->clients + EXCHANGE_CLIENTS_MAX)
			abort();
	client->fd = fd;
	client->number = exchange->connections++;
	client->lines = client->said = client->in_len = 0;
	client->is_silent = 0;
	if (exchange->is_binary)
		exchange_say(exchange, client, PEER_GREETING_BINARY,
		    sizeof(PEER_GREETING_BINARY) - 1);
	else
		exchange_say(exchange, client, PEER_GREETING,
		    sizeof(PEER_GREETING) - 1);
}

/*
 * Serves a program with one fault, until the program has ended, which makes
 * `ended` readable, or the time in milliseconds has passed.  A suspension of
 * the machine counts only as a short wait.  Returns whether the program has
 * ended.
 */
static inline int
exchange_play(struct exchange *exchange, const struct fault *fault, pid_t pid,
    int ended, int64_t time)
{
	struct pollfd fds[EXCHANGE_CLIENTS_MAX + 2];
	struct exchange_client *client;
	int64_t before, spent;
	size_t i;
	int has_ended;

	exchange->fault = fault;
	exchange->pid = pid;
	exchange->connections = exchange->requests = 0;
	exchange->watched_count = 0;
	memset(exchange->lengths, 0, sizeof(exchange->lengths));
	for (i = 0; i < EXCHANGE_CLIENTS_MAX; i++)
		exchange->clients[i].fd = -1;
	do {
		for (i = 0; i < EXCHANGE_CLIENTS_MAX; i++)
			fds[i] = (struct pollfd){ exchange->clients[i].fd,
			    POLLIN, 0 };
		fds[i] = (struct pollfd){ exchange->listener, POLLIN, 0 };
		fds[i + 1] = (struct pollfd){ ended, POLLIN, 0 };
		before = now_ms();
		if (poll(fds, EXCHANGE_CLIENTS_MAX + 2,
		    EXCHANGE_SLICE_MS) == -1)
			memset(fds, 0, sizeof(fds));
		spent = now_ms() - before;
		time -= spent < 2 * EXCHANGE_SLICE_MS ? spent :
		    2 * EXCHANGE_SLICE_MS;
		for (i = 0; i < EXCHANGE_CLIENTS_MAX; i++)
			if (fds[i].revents != 0)
				exchange_receive(exchange,
				    &exchange->clients[i]);
		if (fds[i].revents != 0)
			exchange_accept(exchange);
		has_ended = fds[i + 1].revents != 0;
	} while (!has_ended && time > 0);
	/* Handle the last data that it has sent. */
	for (i = 0; i < EXCHANGE_CLIENTS_MAX; i++) {
		client = &exchange->clients[i];
		while (client->fd != -1 && exchange_receive(exchange, client))
			continue;
		if (client->fd != -1)
			close(client->fd);
	}
	/* Connections still in the queue must not reach the next program. */
	fds[0] = (struct pollfd){ exchange->listener, POLLIN, 0 };
	while (poll(fds, 1, 0) == 1)
		close(accept(exchange->listener, NULL, NULL));
	return has_ended;
}

#endif
