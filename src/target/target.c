/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#define _GNU_SOURCE	/* asprintf */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/target.h"
#include "util/array.h"

#define PORT_MAX	65535

static void
target_finish(struct target *target)
{
	free(target->name);
	free(target->path);
	free(target->host);
	free(target->port);
	free(target->user);
	free(target->app);
	free(target->instance);
}

static int
is_same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static int
same_address(const struct target *a, const struct target *b)
{
	if (a->kind != b->kind)
		return 0;
	if (a->kind == TARGET_UNIX)
		return is_same(a->path, b->path) ||
		    (a->exists && b->exists && a->device == b->device &&
		    a->inode == b->inode);
	return a->host != NULL && b->host != NULL &&
	    strcasecmp(a->host, b->host) == 0 && is_same(a->port, b->port);
}

/*
 * Adds a target, unless the list already has one with the same address.  Takes
 * ownership of the target's strings, even on failure.
 */
static int
add(struct targets *targets, struct target *target, struct error *error)
{
	struct target *list;
	size_t i;

	for (i = 0; i < targets->count; i++) {
		if (same_address(&targets->list[i], target)) {
			target_finish(target);
			return 0;
		}
	}
	list = array_grow(targets->list, targets->count, sizeof(*list));
	if (list == NULL) {
		target_finish(target);
		return error_out_of_memory(error);
	}
	list[targets->count++] = *target;
	targets->list = list;
	return 0;
}

/* Copies a string, which may be NULL. */
static int
copy(char **to, const char *text)
{
	return text != NULL && (*to = strdup(text)) == NULL ? -1 : 0;
}

/*
 * Adds a unix socket.  Copies the strings.  The caller sets only `is_found` and
 * `owner` in `target`; this function sets all other fields.
 */
static int
add_socket(struct targets *targets, struct target *target, const char *path,
    const char *app, const char *instance, struct error *error)
{
	struct stat st;

	target->kind = TARGET_UNIX;
	if (copy(&target->name, path) == -1 ||
	    copy(&target->path, path) == -1 || copy(&target->app, app) == -1 ||
	    copy(&target->instance, instance) == -1) {
		target_finish(target);
		return error_out_of_memory(error);
	}
	if (stat(path, &st) == 0) {
		target->exists = 1;
		target->device = st.st_dev;
		target->inode = st.st_ino;
	}
	return add(targets, target, error);
}

int
targets_add_socket(struct targets *targets, const char *path,
    const char *app, const char *instance, struct error *error)
{
	struct target target = { .is_found = 0 };

	return add_socket(targets, &target, path, app, instance, error);
}

int
targets_add_found(struct targets *targets, const char *path,
    const char *app, const char *instance, uid_t owner, struct error *error)
{
	struct target target = { .is_found = 1, .owner = owner };

	return add_socket(targets, &target, path, app, instance, error);
}

static int
add_path(struct targets *targets, const char *path, struct error *error)
{
	return targets_add_socket(targets, path, NULL, NULL, error);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * The first directory that glob(3) could not read.  The variable is global,
 * because glob(3) passes no user argument to its callback.
 */
static char denied[PATH_MAX];

static int
note_denied(const char *path, int code)
{
	if (code == EACCES && denied[0] == '\0')
		strlcpy(denied, path, sizeof(denied));
	return 0;
}

/*
 * If this user has no permission to search one of the parent directories in the
 * pattern, sets `denied` to that directory.  This is necessary because glob(3)
 * reports an unreadable directory only if glob characters follow it in the
 * pattern.
 */
static void
find_denied(const char *pattern)
{
	char *parent = strdup(pattern), *slash;
	glob_t found;
	size_t i;

	while (parent != NULL && denied[0] == '\0' &&
	    (slash = strrchr(parent, '/')) != NULL) {
		while (slash > parent && slash[-1] == '/')
			slash--;
		if (slash == parent)
			break;
		*slash = '\0';
		memset(&found, 0, sizeof(found));
		if (glob(parent, GLOB_NOSORT, note_denied, &found) == 0)
			for (i = 0; i < found.gl_pathc; i++)
				if (faccessat(AT_FDCWD, found.gl_pathv[i], X_OK,
				    AT_EACCESS) == -1)
					note_denied(found.gl_pathv[i], errno);
		globfree(&found);
	}
	free(parent);
}

static int
no_match(const char *pattern, struct error *error)
{
	find_denied(pattern);
	if (denied[0] == '\0')
		return error_set_transient(error, ERROR_NO_SOCKET,
		    "no socket matches '%s'", pattern);
	return error_set(error, ERROR_NO_PERMISSION,
	    "permission denied: cannot look for '%s' in '%s'; run as the user "
	    "that owns the instances, or as root", pattern, denied);
}

static int
add_glob(struct targets *targets, const char *pattern, struct error *error)
{
	glob_t found;
	size_t i;
	int result;

	memset(&found, 0, sizeof(found));
	denied[0] = '\0';
	/* Do not let glob(3) sort, because its order depends on the locale. */
	result = glob(pattern, GLOB_NOSORT, note_denied, &found);
	if (result == GLOB_NOMATCH) {
		globfree(&found);
		return no_match(pattern, error);
	}
	if (result != 0) {
		globfree(&found);
		return error_out_of_memory(error);
	}
	qsort(found.gl_pathv, found.gl_pathc, sizeof(found.gl_pathv[0]),
	    compare_paths);
	result = 0;
	for (i = 0; i < found.gl_pathc && result == 0; i++)
		result = add_path(targets, found.gl_pathv[i], error);
	globfree(&found);
	return result;
}

/*
 * Finds the password in USER:PASSWORD@ADDRESS.  Returns a pointer into the text
 * and stores the length of the password in *len.  Returns NULL if there is no
 * password.
 */
static const char *
find_password(const char *spec, size_t *len)
{
	const char *user = strstr(spec, "://"), *colon, *at;

	user = user != NULL ? user + strlen("://") : spec;
	colon = strchr(user, ':');
	at = strrchr(user, '@');
	if (colon == NULL || at == NULL || at < colon)
		return NULL;
	*len = (size_t)(at - colon) - 1;
	return colon + 1;
}

char *
target_without_password(const char *spec)
{
	const char *password;
	size_t len, size = strlen(spec) + sizeof("***");
	char *shown;

	if ((password = find_password(spec, &len)) == NULL)
		return strdup(spec);
	if ((shown = malloc(size)) != NULL)
		snprintf(shown, size, "%.*s***%s", (int)(password - spec),
		    spec, password + len);
	return shown;
}

/*
 * Whether a target has a user name before the address.  If a "/" comes before
 * any ":" or "@", the target is a path and has none.
 */
static int
has_user(const char *spec)
{
	const char *first = strpbrk(spec, "/:");

	return first != NULL && first[0] == ':' &&
	    strncmp(spec, "unix:", strlen("unix:")) != 0 &&
	    strchr(spec, '@') != NULL;
}

void
target_hide_password(char *spec)
{
	const char *password;
	size_t len;

	if (has_user(spec) && (password = find_password(spec, &len)) != NULL)
		memset(spec + (password - spec), '*', len);
}

static int
add_unix(struct targets *targets, const char *spec, const char *path,
    struct error *error)
{
	struct stat st;

	if (path[0] == '\0')
		return error_set(error, ERROR_USAGE,
		    "target '%s' has no path", spec);
	if (strpbrk(path, "*?[") != NULL && lstat(path, &st) == -1)
		return add_glob(targets, path, error);
	return add_path(targets, path, error);
}

static char *
decimal(int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	return strdup(text);
}

/* Parses USER[:PASSWORD] into the target. */
static int
take_user(struct target *target, const char *user, size_t len,
    struct error *error)
{
	const char *colon = memchr(user, ':', len);
	size_t user_len = colon != NULL ? (size_t)(colon - user) : len;
	char *password;

	if ((target->user = strndup(user, user_len)) == NULL)
		return error_out_of_memory(error);
	if (colon == NULL)
		return 0;
	secret_protect_process();
	if ((password = strndup(colon + 1, len - user_len - 1)) == NULL)
		return error_out_of_memory(error);
	target->secret = secret_keep(password, len - user_len - 1, error);
	free(password);
	return target->secret != NULL ? 0 : -1;
}

/* Parses HOST:PORT or [IPV6]:PORT into the target. */
static int
read_address(struct target *target, const char *spec, const char *address,
    struct error *error)
{
	const char *host, *port, *problem;
	size_t host_len;
	int number;

	host = address;
	if (address[0] == '[') {
		host++;
		host_len = strcspn(host, "]");
		port = host[host_len] == ']' ? host + host_len + 1 : "";
	} else {
		host_len = strcspn(host, ":");
		port = host + host_len;
		if (port[0] == ':' && strchr(port + 1, ':') != NULL)
			return error_set(error, ERROR_USAGE,
			    "target '%s': write an IPv6 address as "
			    "[ADDRESS]:PORT", spec);
	}
	if (host_len == 0)
		return error_set(error, ERROR_USAGE,
		    "target '%s' has no host", spec);
	if (port[0] != ':')
		return error_set(error, ERROR_USAGE,
		    "target '%s' has no port", spec);
	port++;
	/* strtonum(3) alone would accept white space and a sign. */
	if (strspn(port, "0123456789") != strlen(port))
		problem = "invalid";
	else
		number = (int)strtonum(port, 1, PORT_MAX, &problem);
	if (problem != NULL)
		return error_set(error, ERROR_USAGE,
		    "target '%s': port is not a number from 1 to %d"
		    " (write a path that contains a colon as ./PATH)", spec,
		    PORT_MAX);

	target->host = strndup(host, host_len);
	target->port = decimal(number);
	return target->host != NULL && target->port != NULL ? 0 :
	    error_out_of_memory(error);
}

/*
 * Returns the name of a TCP target in the form [USER@]HOST:PORT, without the
 * password, or NULL if out of memory.  The caller frees the name.
 */
static char *
tcp_name(const char *user, const char *host, const char *port, int brackets)
{
	char *name;

	if (asprintf(&name, brackets ? "%s%s[%s]:%s" : "%s%s%s:%s",
	    user != NULL ? user : "", user != NULL && user[0] != '\0' ? "@" :
	    "", host, port) == -1)
		return NULL;
	return name;
}

/* Adds the target [USER[:PASSWORD]@]HOST:PORT. */
static int
add_tcp(struct targets *targets, const char *spec, const char *address,
    struct error *error)
{
	struct target target = { .kind = TARGET_TCP };
	const char *at = strrchr(address, '@');
	char *shown;
	int result = 0;

	if ((shown = target_without_password(spec)) == NULL)
		return error_out_of_memory(error);
	if (at == address || (at != NULL && address[0] == ':'))
		result = error_set(error, ERROR_USAGE,
		    "target '%s' has no user name before the @", shown);
	else if (at != NULL)
		result = take_user(&target, address, (size_t)(at - address),
		    error);
	if (result == 0)
		result = read_address(&target, shown, at != NULL ? at + 1 :
		    address, error);
	free(shown);
	address = at != NULL ? at + 1 : address;
	if (result == 0 && (target.name = tcp_name(target.user, target.host,
	    target.port, address[0] == '[')) == NULL)
		result = error_out_of_memory(error);
	if (result == -1) {
		target_finish(&target);
		return -1;
	}
	target.is_exposed = target.secret != NULL;
	return add(targets, &target, error);
}

/* Returns `text` without the prefix, or NULL if it has no such prefix. */
static const char *
after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static int
unknown_scheme(const char *spec, struct error *error)
{
	char *shown = target_without_password(spec);

	if (shown == NULL)
		return error_out_of_memory(error);
	error_set(error, ERROR_USAGE,
	    "target '%s': unknown address type", shown);
	free(shown);
	return -1;
}

int
targets_add(struct targets *targets, const char *spec, struct error *error)
{
	const char *rest;

	if (spec[0] == '\0')
		return error_set(error, ERROR_USAGE,
		    "the target is empty");
	if ((rest = after(spec, "unix/:")) != NULL ||
	    (rest = after(spec, "unix://")) != NULL ||
	    (rest = after(spec, "unix:")) != NULL)
		return add_unix(targets, spec, rest, error);
	if ((rest = after(spec, "tcp://")) != NULL)
		return add_tcp(targets, spec, rest, error);
	rest = strpbrk(spec, "/:");
	if (rest != NULL && after(rest, "://") != NULL)
		return unknown_scheme(spec, error);
	if (has_user(spec))
		return add_tcp(targets, spec, spec, error);
	if (rest == NULL || strchr(rest, '/') != NULL)
		return add_unix(targets, spec, spec, error);
	return add_tcp(targets, spec, spec, error);
}

int
targets_add_peer(struct targets *targets, const char *uri, const char *user,
    const struct secret *secret, struct error *error)
{
	struct target target = { .kind = TARGET_TCP, .secret = secret };
	const char *path = after(uri, "unix/:");
	int result;

	if (copy(&target.user, user) == -1 || copy(&target.name, uri) == -1) {
		target_finish(&target);
		return error_out_of_memory(error);
	}
	if (path != NULL) {
		target.kind = TARGET_UNIX;
		result = path[0] != '/' ? error_set(error, ERROR_USAGE,
		    "'%s' is not an absolute path", path) :
		    copy(&target.path, path) == -1 ?
		    error_out_of_memory(error) : 0;
	} else {
		result = read_address(&target, uri, uri, error);
	}
	if (result == -1) {
		target_finish(&target);
		return -1;
	}
	return add(targets, &target, error);
}

void
targets_finish(struct targets *targets)
{
	size_t i;

	for (i = 0; i < targets->count; i++)
		target_finish(&targets->list[i]);
	free(targets->list);
	targets->list = NULL;
	targets->count = 0;
}
