/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* asprintf, strcasestr */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/history.h"

#define FILE_NAME	"/cartridge-reload/history"

/* How often to look for the file again if another process replaces it. */
#define TRIES	16

static int
local_error(const char *path, struct error *error)
{
	return error_set(error, OUTCOME_USAGE, "local_error",
	    "no history is kept: %s: %s", path, strerror(errno));
}

/* The path of the file, to be freed; NULL if there is no place for it. */
static char *
find_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path;
	int len;

	/* By its specification, a relative one is to be ignored. */
	if (state != NULL && state[0] == '/')
		len = asprintf(&path, "%s%s", state, FILE_NAME);
	else if (home != NULL && home[0] == '/')
		len = asprintf(&path, "%s/.local/state%s", home, FILE_NAME);
	else
		return NULL;
	return len == -1 ? NULL : path;
}

/* Makes the directories that lead to the file. */
static int
make_directories(char *path)
{
	char *slash;
	int result;

	for (slash = strchr(path + 1, '/'); slash != NULL;
	    slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		result = mkdir(path, 0700);
		*slash = '/';
		/* One that is there, or would be if it could be written. */
		if (result == -1 && errno == ENOENT)
			return -1;
	}
	return 0;
}

/*
 * Opens the file, locked, and as it is there: who had the lock before may have
 * put another in its place.  Returns -1 with errno, which is 0 if it is no
 * regular file.
 */
static int
open_locked(const char *path, int lock)
{
	struct stat opened, there;
	int fd, i, code;

	for (i = 0; i < TRIES; i++) {
		fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC |
		    O_NONBLOCK | O_NOCTTY, 0600);
		if (fd == -1)
			return -1;
		if (fstat(fd, &opened) == 0 && !S_ISREG(opened.st_mode)) {
			close(fd);
			errno = 0;
			return -1;
		}
		while (flock(fd, lock) == -1 && errno == EINTR)
			continue;
		if (stat(path, &there) == 0 && there.st_ino == opened.st_ino &&
		    there.st_dev == opened.st_dev) {
			/* What others can read it was not made by us. */
			if ((opened.st_mode & 077) != 0)
				(void)fchmod(fd, 0600);
			return fd;
		}
		code = errno;
		close(fd);
		errno = code;
	}
	errno = EAGAIN;
	return -1;
}

/* Reads the end of the file, from the beginning of an entry on. */
static char *
read_end(int fd, size_t most, size_t *len)
{
	struct stat st;
	char *data, *newline;
	size_t size, from = 0;
	ssize_t done;

	*len = 0;
	if (fstat(fd, &st) == -1)
		return NULL;
	size = (size_t)st.st_size;
	if (size > most)
		from = size - most;
	if ((data = malloc(size - from + 1)) == NULL)
		return NULL;
	while (*len < size - from) {
		done = pread(fd, data + *len, size - from - *len,
		    (off_t)(from + *len));
		if (done == -1 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		*len += (size_t)done;
	}
	data[*len] = '\0';
	if (from > 0) {
		newline = memchr(data, '\n', *len);
		size = newline == NULL ? *len : (size_t)(newline - data) + 1;
		memmove(data, data + size, *len - size + 1);
		*len -= size;
	}
	return data;
}

static int
write_all(int fd, const char *data, size_t len)
{
	ssize_t done;

	while (len > 0) {
		done = write(fd, data, len);
		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return -1;
		data += done;
		len -= (size_t)done;
	}
	return 0;
}

/* Turns an entry as it stands in the file into what it is, in place. */
static void
decode(char *entry)
{
	char *to = entry;

	for (; *entry != '\0'; entry++) {
		if (entry[0] == '\\' && entry[1] != '\0')
			*to++ = (char)(*++entry == 'n' ? '\n' : *entry);
		else
			*to++ = *entry;
	}
	*to = '\0';
}

/* An entry as a line of the file; the caller frees it. */
static char *
encode(const char *entry, size_t *len)
{
	char *line, *to;

	if ((line = to = malloc(2 * strlen(entry) + 2)) == NULL)
		return NULL;
	for (; *entry != '\0'; entry++) {
		if (*entry == '\n' || *entry == '\\') {
			*to++ = '\\';
			*to++ = *entry == '\n' ? 'n' : '\\';
		} else {
			*to++ = *entry;
		}
	}
	*to++ = '\n';
	*len = (size_t)(to - line);
	return line;
}

int
history_open(struct history *history, void (*each)(const char *, void *),
    void *arg, struct error *error)
{
	char *data, *line, *rest;
	size_t len;
	int fd, result;

	memset(history, 0, sizeof(*history));
	if ((history->path = find_path()) == NULL)
		return 0;
	if (make_directories(history->path) == -1 ||
	    (fd = open_locked(history->path, LOCK_SH)) == -1) {
		result = errno == 0 ? 0 : local_error(history->path, error);
		history_close(history);
		return result;
	}
	data = read_end(fd, HISTORY_SIZE_MAX, &len);
	close(fd);
	if (data == NULL) {
		history_close(history);
		return error_out_of_memory(error);
	}
	rest = data;
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		decode(line);
		if (line[0] == '\0' || history_repeats(history, line))
			continue;
		each(line, arg);
	}
	free(data);
	return 0;
}

void
history_close(struct history *history)
{
	free(history->path);
	free(history->last);
	history->path = history->last = NULL;
}

int
history_is_private(const char *entry)
{
	static const char *const words[] = {
		"passw", "secret", "token", "cookie", "credential"
	};
	size_t i;

	if (entry[0] == ' ' || entry[0] == '\t' ||
	    strlen(entry) > HISTORY_ENTRY_MAX)
		return 1;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(entry, words[i]) != NULL)
			return 1;
	return 0;
}

int
history_repeats(struct history *history, const char *entry)
{
	if (history->last != NULL && strcmp(history->last, entry) == 0)
		return 1;
	free(history->last);
	history->last = strdup(entry);
	return 0;
}

/*
 * Puts a file with the newer half of the entries in the place of the one that
 * we have locked.
 */
static int
drop_older(const char *path, int fd)
{
	char *temporary = NULL, *data;
	size_t len;
	int to, result = -1;

	if ((data = read_end(fd, HISTORY_SIZE_MAX / 2, &len)) == NULL)
		return -1;
	if (asprintf(&temporary, "%s.%ld", path, (long)getpid()) == -1) {
		free(data);
		return -1;
	}
	to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (to != -1) {
		result = write_all(to, data, len);
		if (close(to) == 0 && result == 0)
			result = rename(temporary, path);
		if (result == -1)
			unlink(temporary);
	}
	free(temporary);
	free(data);
	return result;
}

int
history_add(struct history *history, const char *entry, struct error *error)
{
	struct stat st;
	char *line;
	size_t len;
	int fd, result = 0;

	if (history->path == NULL)
		return 0;
	if ((line = encode(entry, &len)) == NULL)
		return error_out_of_memory(error);
	/* The directory may be gone by now. */
	if ((fd = open_locked(history->path, LOCK_EX)) == -1) {
		free(line);
		return local_error(history->path, error);
	}
	if (write_all(fd, line, len) == -1 || (fstat(fd, &st) == 0 &&
	    (size_t)st.st_size > HISTORY_SIZE_MAX &&
	    drop_older(history->path, fd) == -1))
		result = local_error(history->path, error);
	close(fd);
	free(line);
	return result;
}
