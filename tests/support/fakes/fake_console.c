/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A scripted admin console: a test describes the server side as data.
 *
 *	fake_console [-f] [-b BACKLOG] [-r RECORD] ADDRESS STEP ...
 *
 * Listens at ADDRESS, which is a path of any length, or `tcp` for a free port
 * of 127.0.0.1.  Prints the address when it listens, and then runs the steps.
 * A step that needs a connection accepts one if none is open, so steps after a
 * `close` are for the next connection.  It can also be a binary port: those
 * steps are about frames, and each reply is to the last frame that was read.
 * With -f, the steps of a console are those of a binary port that says the
 * same: the handshake is a ping, a line is evaluated, and documents are sent in
 * frames.  Everything that is received by steps which read lines or frames, or by
 * `hold`, is written to the file RECORD.  TEXT may contain the escapes \n \r \t
 * \e \\ \xNN.  At the end, the socket is left in place without a listener.
 *
 * Exits with 0 after the last step, with 1 if the client did not behave as a
 * step expects, and with 2 if it was gone when something had to be sent.
 */

#define _GNU_SOURCE	/* struct ucred, memmem */

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>

#include "frames.h"
#include "peer.h"

/* No script takes this long: ensures that no process is left behind. */
#define LIFE_SECONDS	120

#define FILL_CHUNK	((size_t)64 * 1024)
#define FILLERS_MAX	4096

#define LINE_SIZE	64	/* of each of the greeting's two lines */

#define END		"\n...\n"	/* of a document */

enum { DONE = 0, FAILED = 1, GONE = 2, AGAIN = 3 };

struct fake {
	const char	*path;		/* NULL for TCP */
	int		 listener;
	int		 fd;		/* of the connection, or -1 */
	FILE		*record;
	size_t		 piece;		/* bytes per send; 0: all at once */
	char		*in;		/* received, not consumed yet */
	size_t		 in_len;
	size_t		 in_size;
	int		 fillers[FILLERS_MAX];
	size_t		 filler_count;
	uint64_t	 sync;		/* of the last request */
	int		 in_frames;	/* -f */
	char		*part;		/* of a document, not sent yet */
	size_t		 part_len;
};

struct step {
	const char	*name;
	const char	*value;		/* NULL if it is optional */
	int		 connected;	/* needs a connection */
	int		(*run)(struct fake *, const char *);
};

static int __attribute__((format(printf, 1, 2)))
failed(const char *fmt, ...)
{
	va_list ap;

	fputs("fake_console: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	return FAILED;
}

static void
nap(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&time, &time) == -1 && errno == EINTR)
		continue;
}

/* Returns a text with its escapes replaced; the caller frees it. */
static char *
unescape(const char *text, size_t *len)
{
	static const char letters[] = "nrte\\", meant[] = "\n\r\t\033\\";
	const char *letter;
	char *data, *to, hex[3];

	if ((data = to = malloc(strlen(text) + 1)) == NULL)
		abort();
	for (; *text != '\0'; text++) {
		if (text[0] != '\\' || text[1] == '\0') {
			*to++ = text[0];
			continue;
		}
		text++;
		if ((letter = strchr(letters, text[0])) != NULL) {
			*to++ = meant[letter - letters];
		} else if (text[0] == 'x' && text[1] != '\0' &&
		    text[2] != '\0') {
			strlcpy(hex, text + 1, sizeof(hex));
			*to++ = (char)strtoul(hex, NULL, 16);
			text += 2;
		} else {
			*to++ = text[0];
		}
	}
	*to = '\0';
	*len = (size_t)(to - data);
	return data;
}

/* Whether the client has read everything and sleeps, waiting for us. */
static int
is_idle(int fd)
{
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof(peer);
	char path[64], stat[512];
	const char *end;
	size_t len;
	FILE *file;
	int unread = 0;

	if (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1 ||
	    peer.pid <= 0)
		return 1;
	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)peer.pid);
	if ((file = fopen(path, "r")) == NULL)
		return 1;
	len = fread(stat, 1, sizeof(stat) - 1, file);
	fclose(file);
	stat[len] = '\0';
	/* The state follows the name, which may contain anything. */
	end = strrchr(stat, ')');
	return end == NULL || strchr("SZX", end[2]) != NULL;
}

static int
step_idle(struct fake *fake, const char *value)
{
	(void)value;
	while (!is_idle(fake->fd))
		nap(1);
	return DONE;
}

static int
send_all(struct fake *fake, const char *data, size_t len)
{
	size_t piece;

	for (; len > 0; data += piece, len -= piece) {
		piece = fake->piece > 0 && fake->piece < len ? fake->piece :
		    len;
		if (fake->piece > 0)
			step_idle(fake, NULL);
		if (peer_send(fake->fd, data, piece) == -1) {
			failed("the client has gone");
			return GONE;
		}
	}
	return DONE;
}

/* Sends what a console says. */
static int
say(struct fake *fake, const char *data, size_t len)
{
	char *frames;
	size_t from, used, size;
	int result;

	if (!fake->in_frames)
		return send_all(fake, data, len);
	fake->part = realloc(fake->part, fake->part_len + len + 1);
	if (fake->part == NULL)
		abort();
	memcpy(fake->part + fake->part_len, data, len);
	/* Most of a large document has no end. */
	from = fake->part_len > sizeof(END) ? fake->part_len - sizeof(END) : 0;
	fake->part_len += len;
	if (from > 0 && memmem(fake->part + from, fake->part_len - from, END,
	    sizeof(END) - 1) == NULL)
		return DONE;
	frames = frames_write_documents(fake->part, fake->part_len, fake->sync,
	    &used, &size);
	fake->part_len -= used;
	memmove(fake->part, fake->part + used, fake->part_len);
	result = send_all(fake, frames, size);
	free(frames);
	return result;
}

/* Sends the beginning of the frame for a document that has no end. */
static int
say_part(struct fake *fake)
{
	size_t size;
	char *frame;
	int result;

	if (fake->part_len == 0)
		return DONE;
	frame = frames_write(0, fake->sync, fake->part, fake->part_len, &size);
	fake->part_len = 0;
	result = send_all(fake, frame, size - 1);
	free(frame);
	return result;
}

static int
step_send(struct fake *fake, const char *value)
{
	size_t len;
	char *data = unescape(value, &len);
	int result = say(fake, data, len);

	free(data);
	return result;
}

static int
step_greet_binary(struct fake *fake, const char *value)
{
	(void)value;
	return send_all(fake, PEER_GREETING_BINARY,
	    sizeof(PEER_GREETING_BINARY) - 1);
}

static int
step_greet(struct fake *fake, const char *value)
{
	char line[2 * LINE_SIZE + 1];

	if (value == NULL && fake->in_frames)
		return step_greet_binary(fake, NULL);
	if (value == NULL)
		return send_all(fake, PEER_GREETING, sizeof(PEER_GREETING) - 1);
	snprintf(line, sizeof(line), "%-*.*s\n%-*s\n", LINE_SIZE - 1,
	    LINE_SIZE - 1, value, LINE_SIZE - 1,
	    "type 'help' for interactive help");
	return send_all(fake, line, 2 * LINE_SIZE);
}

static int
step_file(struct fake *fake, const char *value)
{
	char data[FILL_CHUNK];
	size_t len;
	FILE *file;
	int result = DONE;

	if ((file = fopen(value, "r")) == NULL)
		return failed("%s: %s", value, strerror(errno));
	while (result == DONE && (len = fread(data, 1, sizeof(data),
	    file)) > 0)
		result = say(fake, data, len);
	fclose(file);
	return result;
}

/* Handles "BYTES:TEXT": sends TEXT repeatedly, about BYTES bytes in all. */
static int
step_fill(struct fake *fake, const char *value)
{
	size_t left, len, used = 0;
	char *end, *text, *chunk;
	int result = DONE;

	left = (size_t)strtoumax(value, &end, 10);
	if (*end != ':' || end[1] == '\0')
		return failed("fill=BYTES:TEXT, not '%s'", value);
	text = unescape(end + 1, &len);
	if ((chunk = malloc(FILL_CHUNK + len)) == NULL)
		abort();
	while (used < FILL_CHUNK) {
		memcpy(chunk + used, text, len);
		used += len;
	}
	for (; left >= used && result == DONE; left -= used)
		result = say(fake, chunk, used);
	if (result == DONE)
		result = say(fake, chunk, left / len * len);
	free(chunk);
	free(text);
	return result;
}

static int
step_pieces(struct fake *fake, const char *value)
{
	fake->piece = (size_t)strtoumax(value, NULL, 10);
	return DONE;
}

/*
 * Receives up to `most` bytes.  Returns 1, 0 at the end of the stream, or -1 if
 * nothing comes.
 */
static int
receive(struct fake *fake, size_t most)
{
	ssize_t len;

	if (fake->in_size - fake->in_len < FILL_CHUNK) {
		fake->in_size += fake->in_size + FILL_CHUNK;
		fake->in = realloc(fake->in, fake->in_size);
		if (fake->in == NULL)
			abort();
	}
	if (!peer_wait(fake->fd, POLLIN))
		return -1;
	len = recv(fake->fd, fake->in + fake->in_len,
	    most < FILL_CHUNK ? most : FILL_CHUNK, 0);
	if (len <= 0)
		return 0;
	fake->in_len += (size_t)len;
	return 1;
}

/* Removes received bytes; copies them unless `into` is NULL. */
static void
consume(struct fake *fake, size_t len, char **into)
{
	if (fake->record != NULL) {
		fwrite(fake->in, 1, len, fake->record);
		fflush(fake->record);
	}
	if (into != NULL && (*into = strndup(fake->in, len)) == NULL)
		abort();
	fake->in_len -= len;
	memmove(fake->in, fake->in + len, fake->in_len);
}

/* Reads a line; the caller frees it. */
static int
read_line(struct fake *fake, char **line)
{
	const char *newline;
	size_t scanned = 0;
	int result;

	while ((newline = fake->in_len > scanned ?
	    memchr(fake->in + scanned, '\n', fake->in_len - scanned) :
	    NULL) == NULL) {
		scanned = fake->in_len;
		if ((result = receive(fake, FILL_CHUNK)) < 1)
			return failed("%s instead of a line", result == 0 ?
			    "the connection ended" : "nothing");
	}
	consume(fake, (size_t)(newline - fake->in) + 1, line);
	(*line)[strlen(*line) - 1] = '\0';
	return DONE;
}

/* Reads a frame.  Its argument must contain the text, unless that is NULL. */
static int
read_frame(struct fake *fake, uint64_t type, const char *text)
{
	struct frame frame;
	int result;

	while (!frames_read(&frame, fake->in, fake->in_len))
		if ((result = receive(fake, FILL_CHUNK)) < 1)
			return failed("%s instead of a frame", result == 0 ?
			    "the connection ended" : "nothing");
	if (type != 0 && frame.type != type)
		return failed("a frame of type %" PRIu64, frame.type);
	if (text != NULL && memmem(frame.type == FRAMES_AUTH ? frame.user :
	    frame.text, frame.type == FRAMES_AUTH ? frame.user_len :
	    frame.text_len, text, strlen(text)) == NULL)
		return failed("a frame without '%s'", text);
	fake->sync = frame.sync;
	consume(fake, frame.size, NULL);
	return DONE;
}

static int
step_expect(struct fake *fake, const char *value)
{
	size_t len;
	char *line, *wanted;
	int result;

	/* The handshake is the only line that is not evaluated. */
	if (fake->in_frames)
		return read_frame(fake, FRAMES_PING, NULL);
	wanted = unescape(value, &len);
	if ((result = read_line(fake, &line)) == DONE) {
		if (strcmp(line, wanted) != 0)
			result = failed("'%.100s' instead of '%s'", line,
			    wanted);
		free(line);
	}
	free(wanted);
	return result;
}

static int
step_request(struct fake *fake, const char *value)
{
	char *line;
	int result;

	if (fake->in_frames)
		return read_frame(fake, FRAMES_EVAL, value);
	if ((result = read_line(fake, &line)) == DONE) {
		if (value != NULL && strstr(line, value) == NULL)
			result = failed("a request without '%s'", value);
		free(line);
	}
	return result;
}

static int
step_auth(struct fake *fake, const char *value)
{
	return read_frame(fake, FRAMES_AUTH, value);
}

static int
step_ping(struct fake *fake, const char *value)
{
	(void)value;
	return read_frame(fake, FRAMES_PING, NULL);
}

static int
step_eval(struct fake *fake, const char *value)
{
	return read_frame(fake, FRAMES_EVAL, value);
}

/* Replies to the last frame; with an empty body if the value is NULL. */
static int
reply(struct fake *fake, uint64_t type, const char *value)
{
	size_t len = 0, size;
	char *text = value == NULL ? NULL : unescape(value, &len);
	char *frame = frames_write(type, fake->sync, text, len, &size);
	int result = send_all(fake, frame, size);

	free(frame);
	free(text);
	return result;
}

static int
step_ok(struct fake *fake, const char *value)
{
	return reply(fake, 0, value);
}

static int
step_answer(struct fake *fake, const char *value)
{
	int result = step_expect(fake, "\\\\set output yaml");

	(void)value;
	if (result != DONE)
		return result;
	return fake->in_frames ? reply(fake, 0, NULL) :
	    step_send(fake, "---\\n- true\\n...\\n");
}

static int
step_chunk(struct fake *fake, const char *value)
{
	return reply(fake, FRAMES_CHUNK, value);
}

/* Sends the error "CODE:TEXT". */
static int
step_fault(struct fake *fake, const char *value)
{
	char *end;
	uint64_t code = strtoumax(value, &end, 10);

	return reply(fake, FRAMES_ERROR | code, *end == ':' ? end + 1 : end);
}

static int
step_sync(struct fake *fake, const char *value)
{
	fake->sync = strtoumax(value, NULL, 10);
	return DONE;
}

static int
step_read(struct fake *fake, const char *value)
{
	size_t want = (size_t)strtoumax(value, NULL, 10);

	while (fake->in_len < want)
		if (receive(fake, want - fake->in_len) < 1)
			return failed("%zu bytes instead of %zu",
			    fake->in_len, want);
	consume(fake, want, NULL);
	return DONE;
}

static int
step_hold(struct fake *fake, const char *value)
{
	int result;

	(void)value;
	say_part(fake);
	/* More may have arrived together with what was read before. */
	if (fake->in_len > 0)
		consume(fake, fake->in_len, NULL);
	while ((result = receive(fake, FILL_CHUNK)) == 1)
		consume(fake, fake->in_len, NULL);
	return result == 0 ? DONE : failed("the client does not close");
}

static int
step_delay(struct fake *fake, const char *value)
{
	(void)fake;
	nap(strtol(value, NULL, 10));
	return DONE;
}

static int
step_until(struct fake *fake, const char *value)
{
	struct stat st;

	(void)fake;
	while (stat(value, &st) == -1)
		nap(1);
	return DONE;
}

static int
step_touch(struct fake *fake, const char *value)
{
	int fd;

	(void)fake;
	if ((fd = open(value, O_WRONLY | O_CREAT, 0666)) == -1)
		return failed("%s: %s", value, strerror(errno));
	close(fd);
	return DONE;
}

static int
step_end(struct fake *fake, const char *value)
{
	(void)value;
	say_part(fake);
	shutdown(fake->fd, SHUT_WR);
	return DONE;
}

static int
step_close(struct fake *fake, const char *value)
{
	(void)value;
	say_part(fake);
	close(fake->fd);
	fake->fd = -1;
	fake->in_len = 0;
	return DONE;
}

/* A unix socket is reset only if it is closed with unread data. */
static int
step_reset(struct fake *fake, const char *value)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fake->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (fake->path != NULL && !peer_wait(fake->fd, POLLIN))
		return failed("nothing came that could be left unread");
	return step_close(fake, value);
}

static int
step_again(struct fake *fake, const char *value)
{
	(void)value;
	if (fake->fd != -1)
		step_close(fake, NULL);
	fake->piece = 0;
	/* No time limit: if no client comes, the test ends this process. */
	while (!peer_wait(fake->listener, POLLIN))
		continue;
	return AGAIN;
}

/* Fills the queue of connections by connecting to itself. */
static int
step_full(struct fake *fake, const char *value)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	(void)value;
	if (fake->path == NULL)
		return failed("full: only a unix socket can be");
	strlcpy(address.sun_path, fake->path, sizeof(address.sun_path));
	while (fake->filler_count < FILLERS_MAX) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (fd == -1)
			return failed("socket: %s", strerror(errno));
		fake->fillers[fake->filler_count++] = fd;
		if (connect(fd, (struct sockaddr *)&address,
		    sizeof(address)) == 0)
			continue;
		return errno == EAGAIN ? DONE :
		    failed("full: %s", strerror(errno));
	}
	return failed("the backlog is too long to be filled");
}

/* Empties the queue of connections again. */
static int
step_drain(struct fake *fake, const char *value)
{
	size_t i;

	(void)value;
	/* The last connection did not fit. */
	for (i = 0; i + 1 < fake->filler_count; i++)
		close(peer_accept(fake->listener));
	for (i = 0; i < fake->filler_count; i++)
		close(fake->fillers[i]);
	fake->filler_count = 0;
	return DONE;
}

static const struct step step_table[] = {
	{ "greet", NULL, 1, step_greet },	/* =TEXT: the first line */
	{ "answer", NULL, 1, step_answer },	/* answers the handshake */
	{ "request", NULL, 1, step_request },	/* a line; =TEXT: with this */
	{ "expect", "TEXT", 1, step_expect },	/* exactly this line */
	{ "read", "BYTES", 1, step_read },
	{ "greet-binary", NULL, 1, step_greet_binary },
	{ "auth", NULL, 1, step_auth },		/* a login; =TEXT: the user */
	{ "ping", NULL, 1, step_ping },
	{ "eval", NULL, 1, step_eval },		/* as request */
	{ "ok", NULL, 1, step_ok },		/* a reply; =TEXT: with this */
	{ "chunk", "TEXT", 1, step_chunk },	/* a push message */
	{ "fault", "CODE:TEXT", 1, step_fault },
	{ "sync", "NUMBER", 0, step_sync },	/* for later replies */
	{ "send", "TEXT", 1, step_send },
	{ "file", "PATH", 1, step_file },
	{ "fill", "BYTES:TEXT", 1, step_fill },	/* the text repeatedly */
	{ "pieces", "BYTES", 0, step_pieces },	/* each after an `idle` */
	{ "idle", NULL, 1, step_idle },		/* until the client waits */
	{ "hold", NULL, 1, step_hold },		/* until the client closes */
	{ "delay", "MS", 0, step_delay },
	{ "until", "PATH", 0, step_until },	/* until the file exists */
	{ "touch", "PATH", 0, step_touch },
	{ "end", NULL, 1, step_end },		/* end of the stream */
	{ "close", NULL, 1, step_close },
	{ "reset", NULL, 1, step_reset },
	{ "full", NULL, 0, step_full },		/* fill the connection queue */
	{ "drain", NULL, 0, step_drain },
	{ "again", NULL, 0, step_again },	/* repeat for the next client */
	{ NULL, NULL, 0, NULL }
};

static int
take_step(struct fake *fake, const char *text)
{
	const struct step *step;
	const char *value;
	size_t len = strcspn(text, "=");

	value = text[len] == '=' ? text + len + 1 : NULL;
	for (step = step_table; step->name != NULL; step++)
		if (strlen(step->name) == len &&
		    strncmp(step->name, text, len) == 0)
			break;
	if (step->name == NULL || (step->value != NULL && value == NULL))
		return failed("no such step: %s", text);
	if (step->connected && fake->fd == -1 &&
	    (fake->fd = peer_accept(fake->listener)) == -1)
		return failed("%s: nobody connects", text);
	return step->run(fake, value);
}

/*
 * Binds in the directory of the socket: the whole path may be too long for
 * bind(2).
 */
static int
listen_unix(const char *path, int backlog)
{
	char *directory = strdup(path), *name = strdup(path);
	int fd, here = open(".", O_RDONLY | O_DIRECTORY);

	if (directory == NULL || name == NULL || here == -1 ||
	    chdir(dirname(directory)) == -1) {
		perror(path);
		abort();
	}
	fd = peer_listen(basename(name), backlog);
	if (fchdir(here) == -1)
		abort();
	close(here);
	free(directory);
	free(name);
	return fd;
}

static int
listen_tcp(int backlog, int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&address,
	    sizeof(address)) == -1 || listen(fd, backlog) == -1 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) == -1) {
		perror("tcp");
		abort();
	}
	*port = ntohs(address.sin_port);
	return fd;
}

int
main(int argc, char *argv[])
{
	static struct fake fake = { .fd = -1 };
	int backlog = 16, i, letter, port, result = DONE;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIFE_SECONDS);
	while ((letter = getopt(argc, argv, "+b:fr:")) != -1) {
		if (letter == 'b')
			backlog = atoi(optarg);
		else if (letter == 'f')
			fake.in_frames = 1;
		else if (letter != 'r' ||
		    (fake.record = fopen(optarg, "w")) == NULL)
			return failed("bad option, or no %s", optarg);
	}
	if (optind >= argc)
		return failed("no address");
	if (strcmp(argv[optind], "tcp") == 0) {
		fake.listener = listen_tcp(backlog, &port);
		printf("127.0.0.1:%d\n", port);
	} else {
		fake.path = argv[optind];
		fake.listener = listen_unix(fake.path, backlog);
		puts(fake.path);
	}
	/* A test that waits for the address reads this file to its end. */
	fclose(stdout);
	for (i = ++optind; i < argc && result == DONE; i++) {
		result = take_step(&fake, argv[i]);
		if (result == AGAIN) {
			i = optind - 1;
			result = DONE;
		}
	}
	if (fake.fd != -1)
		step_close(&fake, NULL);
	if (fake.record != NULL)
		fclose(fake.record);
	return result;
}
