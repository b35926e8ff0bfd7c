/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/extensions.h"
#include "util/array.h"
#include "util/file.h"

#define PREFIX		"extensions/"
#define CONFIG		"config.yml"
#define MIB		((size_t)1024 * 1024)

struct section {
	char	*path;		/* file path, relative to the top directory */
	char	*data;
	size_t	 len;
};

struct folder {
	const char	*dir;
	struct section	*list;
	size_t		 count;
	size_t		 total;
	struct error	*error;
};

static int
out_of_memory(struct folder *folder)
{
	return error_out_of_memory(folder->error);
}

static int
complain(struct folder *folder, const char *path, const char *what)
{
	return error_set(folder->error, ERROR_USAGE, "%s%s%s: %s",
	    folder->dir, path[0] != '\0' ? "/" : "", path, what);
}

static int
has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len &&
	    strcmp(name + len - suffix_len, suffix) == 0;
}

static int
is_utf8(const char *text, size_t len)
{
	json_t *value = json_stringn(text, len);

	json_decref(value);
	return value != NULL;
}

/*
 * Checks that `require` can load the file as a Lua module.  Rejects dots in the
 * path, because a dot in a module name stands for a slash.
 */
static int
check_name(struct folder *folder, const char *path)
{
	size_t i, len = strlen(path);

	if (strcmp(path, CONFIG) == 0)
		return 0;
	if (!is_utf8(path, len))
		return complain(folder, path, "the name is not UTF-8 text");
	for (i = 0; i < len; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
			return complain(folder, path,
			    "the name contains control characters");
	if (strcspn(path, ".") != len - strlen(".lua"))
		return complain(folder, path, "require cannot load a module "
		    "whose path contains dots");
	return 0;
}

static char *
read_all(struct folder *folder, int fd, const char *path, size_t *len)
{
	char *data;

	if ((data = file_read(fd, PUSH_SECTION_MAX, len)) != NULL)
		return data;
	if (errno == ENOMEM)
		out_of_memory(folder);
	else if (errno == EFBIG)
		error_set(folder->error, ERROR_USAGE,
		    "%s/%s: larger than %zu MiB", folder->dir, path,
		    PUSH_SECTION_MAX / MIB);
	else
		complain(folder, path, strerror(errno));
	return NULL;
}

static int
add_section(struct folder *folder, const char *path, char *data, size_t len)
{
	struct section *grown;

	grown = array_grow(folder->list, folder->count, sizeof(*grown));
	if (grown == NULL)
		return out_of_memory(folder);
	folder->list = grown;
	grown += folder->count;
	if ((grown->path = strdup(path)) == NULL)
		return out_of_memory(folder);
	grown->data = data;
	grown->len = len;
	folder->count++;
	folder->total += len;
	return 0;
}

static int
read_file(struct folder *folder, int dirfd, const char *name, const char *path)
{
	struct stat st;
	char *data;
	size_t len;
	int fd;

	if (check_name(folder, path) == -1)
		return -1;
	/*
	 * O_NONBLOCK prevents openat(2) from blocking on a FIFO without a
	 * writer.
	 */
	fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return complain(folder, path, strerror(errno));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return complain(folder, path, "not a regular file");
	}
	data = read_all(folder, fd, path, &len);
	close(fd);
	if (data == NULL)
		return -1;
	if (!is_utf8(data, len)) {
		free(data);
		return complain(folder, path, "not UTF-8 text");
	}
	if (folder->count == PUSH_FILES_MAX ||
	    folder->total + len > PUSH_TOTAL_MAX) {
		free(data);
		return error_set(folder->error, ERROR_USAGE,
		    "%s: more than %d files or %zu MiB of code", folder->dir,
		    PUSH_FILES_MAX, PUSH_TOTAL_MAX / MIB);
	}
	if (add_section(folder, path, data, len) == -1) {
		free(data);
		return -1;
	}
	return 0;
}

static int	read_folder(struct folder *, int, const char *, const char *,
		    unsigned);

static int
read_entry(struct folder *folder, int dirfd, const char *name,
    const char *path, unsigned depth)
{
	struct stat st;
	int wanted, is_link;

	wanted = strcmp(path, CONFIG) == 0 || has_suffix(name, ".lua");
	/*
	 * Reject config.yaml: Cartridge reads the list of exported functions
	 * only from config.yml.
	 */
	if (strcmp(path, "config.yaml") == 0)
		return complain(folder, path, "the file must be named " CONFIG);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return complain(folder, path, strerror(errno));
	is_link = S_ISLNK(st.st_mode);
	if (is_link && fstatat(dirfd, name, &st, 0) == -1)
		return wanted ? complain(folder, path, strerror(errno)) : 0;
	if (S_ISDIR(st.st_mode)) {
		if (is_link)
			return complain(folder, path,
			    "a symbolic link to a directory");
		return read_folder(folder, dirfd, name, path, depth + 1);
	}
	if (!wanted)
		return 0;
	return read_file(folder, dirfd, name, path);
}

/* Reads all entries of the open directory `fd`.  Always closes `fd`. */
static int
read_entries(struct folder *folder, int fd, const char *path, unsigned depth)
{
	struct dirent *entry;
	char *inner;
	size_t size;
	DIR *dir;
	int result = 0;

	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return out_of_memory(folder);
	}
	while (result == 0) {
		errno = 0;
		if ((entry = readdir(dir)) == NULL) {
			if (errno != 0)
				result = complain(folder, path,
				    strerror(errno));
			break;
		}
		if (entry->d_name[0] == '.')
			continue;
		size = strlen(path) + strlen(entry->d_name) + 2;
		if ((inner = malloc(size)) == NULL) {
			result = out_of_memory(folder);
			break;
		}
		snprintf(inner, size, "%s%s%s", path,
		    path[0] != '\0' ? "/" : "", entry->d_name);
		result = read_entry(folder, fd, entry->d_name, inner, depth);
		free(inner);
	}
	closedir(dir);
	return result;
}

static int
read_folder(struct folder *folder, int dirfd, const char *name,
    const char *path, unsigned depth)
{
	int fd;

	if (depth > PUSH_DEPTH_MAX)
		return complain(folder, path, "too many levels of directories");
	/* Only the top directory may be a symbolic link. */
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    (depth > 0 ? O_NOFOLLOW : 0));
	if (fd == -1)
		return complain(folder, path, strerror(errno));
	return read_entries(folder, fd, path, depth);
}

static int
by_path(const void *a, const void *b)
{
	const struct section *one = a, *two = b;

	return strcmp(one->path, two->path);
}

/*
 * Adds all sections to the arguments of the request.  To save memory, frees the
 * text of each section once it is copied.
 */
static int
add_sections(json_t *args, struct folder *folder)
{
	struct section *section;
	json_t *list = json_array(), *texts = json_object(), *pushed;
	char *all;
	size_t i, at = 0;

	if ((all = malloc(folder->total + 1)) == NULL)
		goto fail;
	for (i = 0; i < folder->count; i++) {
		section = &folder->list[i];
		memcpy(all + at, section->data, section->len);
		at += section->len;
		free(section->data);
		section->data = NULL;
		if (json_array_append_new(list, json_pack("{s:o, s:I}",
		    "name", json_sprintf(PREFIX "%s", section->path),
		    "size", (json_int_t)section->len)) == -1)
			goto fail;
	}
	/*
	 * Every section is valid UTF-8: read_file rejects files that are not.
	 */
	pushed = json_stringn_nocheck(all, at);
	free(all);
	all = NULL;
	if (json_object_set_new(texts, "pushed", pushed) == -1)
		goto fail;
	if (json_object_set(args, "sections", list) == -1 ||
	    json_object_set(args, "texts", texts) == -1)
		goto fail;
	json_decref(list);
	json_decref(texts);
	return 0;

fail:
	free(all);
	json_decref(list);
	json_decref(texts);
	return out_of_memory(folder);
}

int
extensions_add_folder(json_t *args, const char *dir, struct error *error)
{
	struct folder folder = { .dir = dir, .error = error };
	size_t i;
	int result;

	result = read_folder(&folder, AT_FDCWD, dir, "", 0);
	if (result == 0 && folder.count == 0) {
		result = complain(&folder, "",
		    "no *.lua files and no " CONFIG " found");
	} else if (result == 0) {
		qsort(folder.list, folder.count, sizeof(*folder.list),
		    by_path);
		result = add_sections(args, &folder);
	}
	for (i = 0; i < folder.count; i++) {
		free(folder.list[i].path);
		free(folder.list[i].data);
	}
	free(folder.list);
	return result;
}
