/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Many admin consoles in one process, all open at a time: a test describes
 * their behaviour as data.
 *
 *	fake_fleet [-f] [-l LOG] RULES ADDRESS ...
 *
 * Listens at the paths ADDRESS, prints a line when it listens on all of them,
 * and serves until it is killed.  RULES is a file of lines
 *
 *	ADDRESS-GLOB WHAT[,WHAT ...] [ACTION ...]
 *
 * of which the first that matches is applied.  WHAT is `connect` for a new
 * connection, `*` for any request, or KEY=VALUE for a request that has, or
 * relays, this argument.  Empty lines and lines that begin with `#` are
 * ignored.  ACTION is one of
 *
 *	times=N		the rule applies at most N times
 *	after=MS	delays the other actions
 *	until=PATH	delays them until the file exists
 *	touch=PATH	creates the file, without delay
 *	hang		does nothing from now on
 *	close		closes the connection after sending the reply
 *	exit		removes the socket and closes all its connections
 *	half		sends only the first half of the reply
 *	push=WORD	sends a push message, without delay
 *	reply=TEXT	must be last in the line; with \n for a newline
 *
 * With -f they are binary ports, which send their replies in frames.
 *
 * Without a rule, connections are greeted and requests hang.  To the file LOG,
 * a line `ADDRESS WHAT COMMAND URI` is written for each new connection
 * (connect), request (request) and reply (reply), and when a client closes its
 * connection (closed).
 */

#define _GNU_SOURCE

#include <sys/prctl.h>

#include <fnmatch.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "frames.h"
#include "inbox.h"
#include "peer.h"

/* No test takes this long: ensures that no process is left behind. */
#define LIFE_SECONDS	300

#define HANDSHAKE	"\\set output yaml\n"
#define ANSWER		"---\n- true\n...\n"

struct rule {
	char		*address;
	char		*what;
	long		 times;		/* how many are left; -1: any */
	int		 after;
	char		*until;
	char		*touch;
	char		*push;
	char		*reply;
	int		 hang, close, quit, half;
};

struct place {
	const char	*address;
	int		 listener;
};

struct client {
	struct place	*place;
	int		 fd;		/* -1: free */
	int		 greeted;
	struct rule	*rule;		/* to be applied, or NULL */
	int64_t		 due;
	uint64_t	 sync;		/* of the request, in frames */
	char		 command[32];
	char		 uri[128];
	char		*in;
	size_t		 in_len;
	size_t		 in_size;
};

static struct rule *rules;
static size_t rule_count;
static struct place *places;
static size_t place_count;
static struct client *clients;
static size_t client_count;
static FILE *log_file;
static int in_frames;

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
note(const struct client *client, const char *what)
{
	if (log_file == NULL)
		return;
	fprintf(log_file, "%s %s %s %s\n", client->place->address, what,
	    client->command[0] != '\0' ? client->command : "-",
	    client->uri[0] != '\0' ? client->uri : "-");
	fflush(log_file);
}

static char *
unescape(const char *text)
{
	char *data = must(strdup(text)), *to = data;

	for (; *text != '\0'; text++) {
		if (text[0] == '\\' && text[1] == 'n') {
			*to++ = '\n';
			text++;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
	return data;
}

static int
read_action(struct rule *rule, const char *word, const char *rest)
{
	const char *value = strchr(word, '=');

	value = value == NULL ? "" : value + 1;
	if (strncmp(word, "reply=", 6) == 0)
		rule->reply = unescape(rest + 6);
	else if (strncmp(word, "times=", 6) == 0)
		rule->times = strtol(value, NULL, 10);
	else if (strncmp(word, "after=", 6) == 0)
		rule->after = (int)strtol(value, NULL, 10);
	else if (strncmp(word, "until=", 6) == 0)
		rule->until = must(strdup(value));
	else if (strncmp(word, "touch=", 6) == 0)
		rule->touch = must(strdup(value));
	else if (strncmp(word, "push=", 5) == 0)
		rule->push = must(strdup(value));
	else if (strcmp(word, "hang") == 0)
		rule->hang = 1;
	else if (strcmp(word, "close") == 0)
		rule->close = 1;
	else if (strcmp(word, "exit") == 0)
		rule->quit = 1;
	else if (strcmp(word, "half") == 0)
		rule->half = 1;
	else
		return -1;
	return 0;
}

static int
read_rule(char *line)
{
	struct rule *rule;
	char word[256];
	const char *at = line;
	int used;

	rules = must(reallocarray(rules, rule_count + 1, sizeof(*rules)));
	rule = &rules[rule_count++];
	memset(rule, 0, sizeof(*rule));
	rule->times = -1;
	if (sscanf(at, "%255s%n", word, &used) != 1)
		return -1;
	rule->address = must(strdup(word));
	at += used;
	if (sscanf(at, "%255s%n", word, &used) != 1)
		return -1;
	rule->what = must(strdup(word));
	for (at += used; sscanf(at, "%255s%n", word, &used) == 1; at += used) {
		if (read_action(rule, word, at + strspn(at, " ")) == -1)
			return -1;
		if (rule->reply != NULL)
			break;
	}
	return 0;
}

static int
read_rules(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;

	if (file == NULL) {
		perror(path);
		return -1;
	}
	while (getline(&line, &size, file) != -1) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (read_rule(line) == -1) {
			fprintf(stderr, "fake_fleet: bad rule: %s\n", line);
			return -1;
		}
	}
	free(line);
	fclose(file);
	return 0;
}

/* Whether a request has all arguments of the list "KEY=VALUE,...". */
static int
has_all(const char *request, const char *what)
{
	char wanted[256], key[256];
	const char *value;
	size_t len;

	for (;; what += len + 1) {
		len = strcspn(what, ",");
		if (len >= sizeof(key))
			return 0;
		memcpy(key, what, len);
		key[len] = '\0';
		if ((value = strchr(key, '=')) == NULL)
			return 0;
		snprintf(wanted, sizeof(wanted), "\\034%.*s\\034:\\034%s\\034",
		    (int)(value - key), key, value + 1);
		if (strstr(request, wanted) == NULL) {
			/* Numbers and booleans have no quotes. */
			snprintf(wanted, sizeof(wanted), "\\034%.*s\\034:%s",
			    (int)(value - key), key, value + 1);
			if (strstr(request, wanted) == NULL)
				return 0;
		}
		if (what[len] == '\0')
			return 1;
	}
}

/* Returns the rule for a request, or for a new connection if it is NULL. */
static struct rule *
find_rule(const struct client *client, const char *request)
{
	struct rule *rule;
	size_t i;

	for (i = 0; i < rule_count; i++) {
		rule = &rules[i];
		if (rule->times == 0 ||
		    fnmatch(rule->address, client->place->address, 0) != 0)
			continue;
		if (strcmp(rule->what, "connect") == 0 ? request != NULL :
		    request == NULL || (strcmp(rule->what, "*") != 0 &&
		    !has_all(request, rule->what)))
			continue;
		if (rule->times > 0)
			rule->times--;
		return rule;
	}
	return NULL;
}

/* Sends a reply or a push message, of which there may be the first half only. */
static void
say(const struct client *client, const char *data, int half)
{
	size_t len = strlen(data), used;
	char *frames = NULL;

	if (in_frames)
		data = frames = frames_write_documents(data, len, client->sync,
		    &used, &len);
	peer_send(client->fd, data, half ? len / 2 : len);
	free(frames);
}

static void
drop(struct client *client)
{
	close(client->fd);
	client->fd = -1;
	client->in_len = 0;
	client->rule = NULL;
}

/* Removes a console: its socket and all connections to it. */
static void
quit(struct place *place)
{
	size_t i;

	close(place->listener);
	place->listener = -1;
	unlink(place->address);
	for (i = 0; i < client_count; i++)
		if (clients[i].fd != -1 && clients[i].place == place)
			drop(&clients[i]);
}

static void
follow(struct client *client, struct rule *rule)
{
	char push[128];
	FILE *file;

	client->rule = rule;
	if (rule == NULL)
		return;
	client->due = now_ms() + rule->after;
	if (rule->touch != NULL && (file = fopen(rule->touch, "w")) != NULL)
		fclose(file);
	if (rule->push != NULL) {
		snprintf(push, sizeof(push), "%%TAG !push! "
		    "tag:tarantool.io/push,2018\n--- %s\n...\n", rule->push);
		say(client, push, 0);
	}
}

/* Applies the rule of a client if it is due. */
static void
act(struct client *client)
{
	struct rule *rule = client->rule;

	if (rule == NULL || rule->hang || now_ms() < client->due ||
	    (rule->until != NULL && access(rule->until, F_OK) == -1))
		return;
	client->rule = NULL;
	if (rule->reply != NULL) {
		note(client, "reply");
		say(client, rule->reply, rule->half);
	}
	if (rule->quit)
		quit(client->place);
	else if (rule->close || rule->half)
		drop(client);
	else if (!client->greeted) {
		client->greeted = 1;
		if (in_frames)
			peer_send(client->fd, PEER_GREETING_BINARY,
			    sizeof(PEER_GREETING_BINARY) - 1);
		else
			peer_send(client->fd, PEER_GREETING,
			    sizeof(PEER_GREETING) - 1);
	}
}

static void
greet(struct place *place)
{
	static struct rule plain = { .times = -1 };
	struct client *client;
	struct rule *rule;
	size_t i;
	int fd;

	if ((fd = accept4(place->listener, NULL, NULL, SOCK_CLOEXEC)) == -1)
		return;
	for (i = 0; i < client_count && clients[i].fd != -1; i++)
		continue;
	if (i == client_count) {
		clients = must(reallocarray(clients, client_count + 1,
		    sizeof(*clients)));
		memset(&clients[client_count++], 0, sizeof(*clients));
	}
	client = &clients[i];
	client->place = place;
	client->fd = fd;
	client->greeted = 0;
	client->command[0] = client->uri[0] = '\0';
	note(client, "connect");
	rule = find_rule(client, NULL);
	follow(client, rule == NULL ? &plain : rule);
	act(client);
}

/*
 * Finds the last value of an argument: in a relayed request, that of the inner
 * one.
 */
static void
find_argument(const char *request, const char *key, char *value, size_t size)
{
	char wanted[64];
	const char *at, *found = NULL;

	snprintf(wanted, sizeof(wanted), "\\034%s\\034:\\034", key);
	for (at = request; (at = strstr(at, wanted)) != NULL; found = at)
		at += strlen(wanted);
	value[0] = '\0';
	if (found != NULL)
		snprintf(value, size, "%.*s", (int)strcspn(found, "\\"),
		    found);
}

static void
take_request(struct client *client, const char *request)
{
	find_argument(request, "command", client->command,
	    sizeof(client->command));
	find_argument(request, "uri", client->uri, sizeof(client->uri));
	note(client, "request");
	follow(client, find_rule(client, request));
	act(client);
}

/* Takes a line, if one is there.  Returns its bytes, or 0. */
static size_t
take_line(struct client *client)
{
	char *newline = memchr(client->in, '\n', client->in_len);
	size_t len;

	if (newline == NULL)
		return 0;
	len = (size_t)(newline - client->in) + 1;
	if (len == sizeof(HANDSHAKE) - 1 &&
	    memcmp(client->in, HANDSHAKE, len) == 0) {
		peer_send(client->fd, ANSWER, sizeof(ANSWER) - 1);
		return len;
	}
	*newline = '\0';
	take_request(client, client->in);
	return len;
}

/* The same of a frame. */
static size_t
take_frame(struct client *client)
{
	struct frame frame;
	char *request, *answer;
	size_t size;

	if (!frames_read(&frame, client->in, client->in_len))
		return 0;
	client->sync = frame.sync;
	if (frame.type == FRAMES_EVAL) {
		request = must(strndup(frame.text, frame.text_len));
		take_request(client, request);
		free(request);
	} else {
		answer = frames_write(0, frame.sync, NULL, 0, &size);
		peer_send(client->fd, answer, size);
		free(answer);
	}
	return frame.size;
}

static void
receive(struct client *client)
{
	ssize_t len;
	size_t used;

	len = inbox_receive(client->fd, &client->in, client->in_len,
	    &client->in_size);
	if (len == 0)
		return;
	if (len == -1) {
		note(client, "closed");
		drop(client);
		return;
	}
	client->in_len += (size_t)len;
	while ((used = in_frames ? take_frame(client) :
	    take_line(client)) > 0) {
		if (client->fd == -1)
			return;
		client->in_len -= used;
		memmove(client->in, client->in + used, client->in_len);
	}
}

/* Returns the time until a rule may be due, in milliseconds. */
static int
time_left(void)
{
	int64_t now = now_ms(), left = 1000;
	size_t i;

	for (i = 0; i < client_count; i++) {
		if (clients[i].fd == -1 || clients[i].rule == NULL ||
		    clients[i].rule->hang)
			continue;
		if (clients[i].due > now && clients[i].due - now < left)
			left = clients[i].due - now;
		else if (clients[i].due <= now && left > 5)
			left = 5;
	}
	return (int)left;
}

static void
serve(void)
{
	struct pollfd *fds = NULL;
	size_t i, count = 0, size = 0;

	for (;;) {
		/*
		 * The number of clients may have grown in the last iteration.
		 */
		count = place_count + client_count;
		if (count > size) {
			size = 2 * count;
			fds = must(reallocarray(fds, size, sizeof(*fds)));
		}
		for (i = 0; i < count; i++) {
			fds[i].fd = i < place_count ? places[i].listener :
			    clients[i - place_count].fd;
			fds[i].events = POLLIN;
		}
		if (poll(fds, count, time_left()) == -1)
			continue;
		for (i = place_count; i < count; i++)
			if (fds[i].revents != 0 &&
			    fds[i].fd == clients[i - place_count].fd)
				receive(&clients[i - place_count]);
		for (i = 0; i < client_count; i++)
			if (clients[i].fd != -1)
				act(&clients[i]);
		for (i = 0; i < place_count; i++)
			if (fds[i].revents != 0 && places[i].listener != -1)
				greet(&places[i]);
	}
}

int
main(int argc, char *argv[])
{
	int i, letter;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	alarm(LIFE_SECONDS);
	while ((letter = getopt(argc, argv, "+fl:")) != -1) {
		if (letter == 'f')
			in_frames = 1;
		else if (letter != 'l' ||
		    (log_file = fopen(optarg, "w")) == NULL)
			return 1;
	}
	if (optind + 1 >= argc || read_rules(argv[optind]) == -1)
		return 1;
	places = must(calloc((size_t)(argc - optind), sizeof(*places)));
	for (i = optind + 1; i < argc; i++) {
		places[place_count].address = argv[i];
		places[place_count++].listener = peer_listen(argv[i], 1024);
	}
	puts("listening");
	fclose(stdout);
	serve();
	return 0;
}
