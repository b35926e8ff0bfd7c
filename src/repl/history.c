/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* for asprintf, strcasestr, O_PATH */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/history.h"
#include "util/environment.h"

/*
 * With a 32-bit off_t, stat(2) fails for large files, so the Makefile defines
 * _FILE_OFFSET_BITS.
 */
_Static_assert(sizeof(off_t) >= 8, "compile with -D_FILE_OFFSET_BITS=64");

#define DIRECTORY	"cartridge-reload"
#define FILE_NAME	"history"
#define STATE_HOME	".local/state/"

/*
 * The errno value for a file or directory that belongs to another user.
 * open(2) never sets this value.
 */
#define NOT_OURS	ECHRNG

/*
 * The maximum number of attempts to open the history file.  An attempt fails if
 * another process replaces the file at the same time.
 */
#define TRIES	16

static int
local_error(const char *path, struct error *error)
{
	return error_set(error, ERROR_LOCAL,
	    "history is disabled: %s: %s", path,
	    errno == NOT_OURS ? "belongs to another user" :
	    errno == ELOOP ? "is a symbolic link" : strerror(errno));
}

/*
 * Returns the path of the history file, or NULL if there is no home directory.
 * The caller frees the path.  Sets *base_len to the length of the base
 * directory, which is the part that comes from $XDG_STATE_HOME or $HOME.
 */
static char *
find_path(size_t *base_len)
{
	const char *base = env_get(ENV_XDG_STATE_HOME), *below = "";
	char *path;

	/* The XDG specification says to ignore relative paths. */
	if (base == NULL || base[0] != '/') {
		base = env_get(ENV_HOME);
		below = STATE_HOME;
	}
	if (base == NULL || base[0] != '/')
		return NULL;
	/*
	 * Do not count trailing slashes: open_directory expects a length
	 * without them.
	 */
	for (*base_len = strlen(base); *base_len > 0 &&
	    base[*base_len - 1] == '/'; (*base_len)--)
		continue;
	return asprintf(&path, "%s/%s" DIRECTORY "/" FILE_NAME, base,
	    below) == -1 ? NULL : path;
}

/*
 * Opens the directory `name` in the directory `parent`.  If `make` is set,
 * creates it if missing.  Returns a descriptor, or -1 with errno set.
 */
static int
open_below(int parent, const char *name, int make)
{
	int flags = O_PATH | O_DIRECTORY | O_CLOEXEC, fd;

	fd = openat(parent, name, flags);
	if (fd != -1 || errno != ENOENT || !make)
		return fd;
	/*
	 * If the name is a dangling symbolic link, mkdirat(2) does not follow
	 * it, and O_NOFOLLOW below rejects it.
	 */
	if (mkdirat(parent, name, 0700) == -1 && errno != EEXIST) {
		/*
		 * On a read-only file system, report the original error, that
		 * the directory is missing.
		 */
		errno = errno == EROFS ? ENOENT : errno;
		return -1;
	}
	return openat(parent, name, flags | O_NOFOLLOW);
}

/* Whether an open file belongs to this user.  Sets errno if it does not. */
static int
is_ours(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return 0;
	errno = NOT_OURS;
	return st.st_uid == geteuid();
}

/*
 * Opens the directory of the history file.  If `make` is set, creates missing
 * directories.  Fails unless the base directory and all directories on the path
 * below it belong to this user: any other user who owned a directory could
 * replace its contents with symbolic links.  Returns a descriptor, or -1 with
 * errno set.
 */
static int
open_directory(const char *path, size_t base_len, int make)
{
	char *copy, *rest, *name;
	int dir, next, code;

	if ((copy = rest = strdup(path)) == NULL)
		return -1;
	*strrchr(copy, '/') = '\0';
	dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (dir != -1 && (name = strsep(&rest, "/")) != NULL) {
		if (name[0] != '\0') {
			next = open_below(dir, name, make);
			code = errno;
			close(dir);
			errno = code;
			dir = next;
		}
		if (dir != -1 && (size_t)(name - copy) + strlen(name) >=
		    base_len && !is_ours(dir)) {
			close(dir);
			errno = NOT_OURS;
			dir = -1;
		}
	}
	code = errno;
	free(copy);
	errno = code;
	return dir;
}

/*
 * Opens the history file in its directory, and creates it if it is missing.
 * Returns a descriptor, or -1 with errno set.  An errno of 0 means that the
 * history file is a special file, such as a FIFO, or a symbolic link to
 * something other than a regular file, such as /dev/null.
 */
static int
open_file(int dir)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK |
	    O_NOCTTY | O_NOFOLLOW;
	struct stat st;
	int fd;

	fd = openat(dir, FILE_NAME, flags);
	if (fd == -1 && errno == ENOENT)
		fd = openat(dir, FILE_NAME, flags | O_CREAT | O_EXCL, 0600);
	if (fd == -1) {
		if (errno == ELOOP)
			errno = fstatat(dir, FILE_NAME, &st, 0) == 0 &&
			    !S_ISREG(st.st_mode) ? 0 : ELOOP;
		return -1;
	}
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(fd);
		errno = 0;
		return -1;
	}
	if (!is_ours(fd)) {
		close(fd);
		errno = NOT_OURS;
		return -1;
	}
	return fd;
}

/*
 * Opens and locks the history file.  Retries if another process replaced the
 * file before the lock was taken.  On success, sets *dir to a descriptor of the
 * directory, which the caller must also close.  Returns the same values as
 * open_file.
 */
static int
open_locked(const struct history *history, int lock, int *dir)
{
	struct stat opened, there;
	int fd, i, code;

	/*
	 * A shared lock means that the caller is history_open.  Create the
	 * directory only then: if it is missing later, it may have been removed
	 * on purpose.
	 */
	*dir = open_directory(history->path, history->base_len,
	    lock == LOCK_SH);
	if (*dir == -1)
		return -1;
	for (i = 0; i < TRIES; i++) {
		if ((fd = open_file(*dir)) == -1) {
			/*
			 * Another process has just created the file: try again.
			 */
			if (errno == EEXIST)
				continue;
			break;
		}
		while (flock(fd, lock) == -1 && errno == EINTR)
			continue;
		if (fstat(fd, &opened) == 0 && fstatat(*dir, FILE_NAME, &there,
		    AT_SYMLINK_NOFOLLOW) == 0 &&
		    there.st_ino == opened.st_ino &&
		    there.st_dev == opened.st_dev)
			return fd;
		close(fd);
		errno = EAGAIN;
	}
	code = errno;
	close(*dir);
	errno = code;
	return -1;
}

/*
 * Reads the whole history file or, if it is larger than `most` bytes, only its
 * last `most` bytes.  In the latter case, omits the first line, which may be
 * incomplete.  Treats a read error as the end of the file.  Returns the text,
 * which the caller frees, or NULL with errno set.
 */
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

/* Decodes a line of the history file into an entry, in place. */
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

/*
 * Encodes an entry as a line of the history file.  Returns the line, which the
 * caller frees, or NULL if out of memory.
 */
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
	int dir, fd, result;

	memset(history, 0, sizeof(*history));
	if ((history->path = find_path(&history->base_len)) == NULL)
		return 0;
	if ((fd = open_locked(history, LOCK_SH, &dir)) == -1) {
		result = errno == 0 ? 0 : local_error(history->path, error);
		history_close(history);
		return result;
	}
	data = read_end(fd, HISTORY_SIZE_MAX, &len);
	close(fd);
	close(dir);
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
 * Replaces the locked history file with a new file that contains only the last
 * entries, at most HISTORY_SIZE_MAX / 2 bytes.  Returns 0, or -1 with errno
 * set.
 */
static int
drop_older(int dir, int fd)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	char temporary[64], *data;
	size_t len;
	int to, result = -1;

	if ((data = read_end(fd, HISTORY_SIZE_MAX / 2, &len)) == NULL)
		return -1;
	snprintf(temporary, sizeof(temporary), FILE_NAME ".%ld",
	    (long)getpid());
	/*
	 * An earlier process with the same pid may have crashed and left its
	 * temporary file behind.
	 */
	if ((to = openat(dir, temporary, flags, 0600)) == -1 &&
	    errno == EEXIST && unlinkat(dir, temporary, 0) == 0)
		to = openat(dir, temporary, flags, 0600);
	if (to != -1) {
		result = write_all(to, data, len);
		if (close(to) == 0 && result == 0)
			result = renameat(dir, temporary, dir, FILE_NAME);
		if (result == -1)
			unlinkat(dir, temporary, 0);
	}
	free(data);
	return result;
}

/*
 * Appends a line to the locked history file.  If the line cannot be written
 * completely, removes the part that was written, because it would be read as an
 * entry.  Returns the new size of the file, or -1 with errno set.
 */
static off_t
append(int fd, const char *line, size_t len)
{
	struct stat st;
	char last;
	int code;

	if (fstat(fd, &st) == -1)
		return -1;
	/* A crash may have left the last line incomplete: terminate it. */
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
	    last != '\n' && write_all(fd, "\n", 1) == -1)
		return -1;
	if (write_all(fd, line, len) == 0)
		return st.st_size + (off_t)len;
	code = errno;
	/* Remove the partial line.  Truncating works even on a full disk. */
	if (ftruncate(fd, st.st_size) == 0)
		errno = code;
	return -1;
}

int
history_add(struct history *history, const char *entry, struct error *error)
{
	char *line;
	size_t len;
	off_t size;
	int dir, fd, result = 0;

	if (history->path == NULL)
		return 0;
	if ((line = encode(entry, &len)) == NULL)
		return error_out_of_memory(error);
	if ((fd = open_locked(history, LOCK_EX, &dir)) == -1) {
		free(line);
		/*
		 * If errno is 0, the history file is not a regular file, but
		 * for example a link to /dev/null.  Drop the entry without an
		 * error.
		 */
		return errno == 0 ? 0 : local_error(history->path, error);
	}
	size = append(fd, line, len);
	if (size == -1 || (size > (off_t)HISTORY_SIZE_MAX &&
	    drop_older(dir, fd) == -1))
		result = local_error(history->path, error);
	close(fd);
	close(dir);
	free(line);
	return result;
}
