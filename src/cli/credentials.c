/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <fcntl.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/credentials.h"
#include "cli/selection.h"
#include "util/environment.h"
#include "util/secret.h"

/* The maximum length of a password, in bytes. */
#define PASSWORD_MAX	1024

/*
 * The size of a buffer for a password, in bytes: room for one more byte, which
 * shows that a password is too long, and for a NUL.
 */
#define PASSWORD_SIZE	(PASSWORD_MAX + 2)

/* The maximum length of a user name, in bytes. */
#define USER_MAX	255

static const enum env password_variables[] = {
	ENV_TT_CLI_PASSWORD, ENV_TARANTOOL_CLUSTER_COOKIE
};

#define VARIABLES	(sizeof(password_variables) / \
			    sizeof(password_variables[0]))

/* Returns the user name for targets that specify none.  NULL means guest. */
static const char *
common_user(const struct options *options)
{
	const char *user = env_get_nonempty(ENV_TT_CLI_USERNAME);

	if (options->user != NULL)
		return options->user;
	if (user != NULL)
		return user;
	return env_get_nonempty(ENV_TARANTOOL_CLUSTER_COOKIE) != NULL ?
	    "admin" : NULL;
}

/*
 * Reads a line without its newline.  Reads one byte at a time: the rest of
 * standard input may be meant for another reader, and a stdio buffer would
 * retain the password.  Returns the length of the line, or -1 with errno set.
 */
static ssize_t
read_line(int fd, char *line, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, line + len, 1)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (line[len] == '\n')
			break;
		if (++len == size) {
			errno = EFBIG;
			return -1;
		}
	}
	return (ssize_t)len;
}

/*
 * Reads a password from the first line of a file.  Returns its length, or -1
 * with an error.
 */
static ssize_t
read_file(const char *path, char *password, struct error *error)
{
	int is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd == -1 ? -1 : read_line(fd, password,
	    PASSWORD_MAX + 1);
	int code = errno;

	if (fd != -1 && !is_stdin)
		close(fd);
	if (len == -1)
		return error_set(error, ERROR_LOCAL,
		    "cannot read the password file '%s': %s", path,
		    strerror(code));
	if (len == 0)
		return error_set(error, ERROR_USAGE,
		    "the first line of the password file '%s' is empty", path);
	return len;
}

/*
 * Reads a password from the environment.  Returns its length, 0 if no variable
 * contains a password, or -1 with an error.
 */
static ssize_t
read_variable(char *password, struct error *error)
{
	const char *value = NULL;
	size_t i, len;

	for (i = 0; i < VARIABLES && value == NULL; i++)
		value = env_get_nonempty(password_variables[i]);
	if (value == NULL)
		return 0;
	if ((len = strlen(value)) > PASSWORD_MAX)
		return error_set(error, ERROR_USAGE,
		    "the password in $%s is longer than %d bytes",
		    env_name(password_variables[i - 1]), PASSWORD_MAX);
	memcpy(password, value, len);
	return (ssize_t)len;
}

/*
 * Prompts for a password on the terminal.  Returns its length, 0 if there is no
 * terminal, or -1 with an error.
 */
static ssize_t
ask(const char *user, char *password, struct error *error)
{
	char prompt[USER_MAX + 32];
	int fd;

	if ((fd = open("/dev/tty", O_RDWR | O_CLOEXEC)) == -1)
		return 0;
	close(fd);
	snprintf(prompt, sizeof(prompt), "Password for %s: ", user);
	if (readpassphrase(prompt, password, PASSWORD_SIZE,
	    RPP_ECHO_OFF | RPP_REQUIRE_TTY) == NULL)
		return error_set(error, ERROR_USAGE,
		    "no password was given");
	if (strlen(password) > PASSWORD_MAX)
		return error_set(error, ERROR_USAGE,
		    "the password is longer than %d bytes", PASSWORD_MAX);
	return (ssize_t)strlen(password);
}

/*
 * Whether the program may prompt for a target's password.  A unix socket may be
 * a text console, which needs no password, and a user name in the environment
 * may be meant for other programs.  For a unix socket, the program therefore
 * prompts only if --user is given.
 */
static int
may_ask(const struct options *options, const struct target *target)
{
	return options->user != NULL || target->kind == TARGET_TCP;
}

/*
 * Finds the password for all targets.  Reads the password file if one is given,
 * otherwise the environment.  If no variable contains a password, prompts for
 * the password of the target `prompted`, unless this argument is NULL.  Returns
 * NULL if there is no password or on failure.  Sets *failed to 1 on failure,
 * otherwise to 0.
 */
static const struct secret *
find_secret(const struct options *options, const struct target *prompted,
    int *failed, struct error *error)
{
	char password[PASSWORD_SIZE];
	const struct secret *secret = NULL;
	ssize_t len;

	secret_protect_process();
	if (options->password_file != NULL)
		len = read_file(options->password_file, password, error);
	else if ((len = read_variable(password, error)) == 0 &&
	    prompted != NULL)
		len = ask(prompted->user, password, error);
	if (len > 0)
		secret = secret_keep(password, (size_t)len, error);
	explicit_bzero(password, sizeof(password));
	*failed = len == -1 || (len > 0 && secret == NULL);
	return secret;
}

/*
 * Overwrites the passwords in the arguments, which ps(1) shows, and in the
 * environment, which child processes inherit.
 */
static void
hide_passwords(const struct options *options)
{
	char *value;
	size_t i;

	for (i = 0; i < options->sockets.count; i++)
		target_hide_password((char *)(uintptr_t)
		    options->sockets.list[i]);
	selection_hide_passwords();
	for (i = 0; i < VARIABLES; i++) {
		if ((value = env_get(password_variables[i])) == NULL)
			continue;
		secret_protect_process();
		explicit_bzero(value, strlen(value));
		unsetenv(env_name(password_variables[i]));
	}
}

/* If the target names no user, sets its user to the value of `common`. */
static int
set_user(struct target *target, const char *common, struct error *error)
{
	if (target->user == NULL && common != NULL &&
	    (target->user = strdup(common)) == NULL)
		return error_out_of_memory(error);
	if (target->user != NULL && strlen(target->user) > USER_MAX)
		return error_set(error, ERROR_USAGE,
		    "the user name is longer than %d bytes", USER_MAX);
	return 0;
}

/* Whether a target has a user other than guest, but no password yet. */
static int
needs_password(const struct target *target)
{
	return target->user != NULL && target->secret == NULL &&
	    strcmp(target->user, "guest") != 0;
}

static int
apply(const struct options *options, struct targets *targets,
    struct error *error)
{
	const char *common = common_user(options);
	const struct target *prompted = NULL;
	const struct secret *secret;
	struct target *target;
	int is_needed = 0, failed = 0;
	size_t i;

	for (i = 0; i < targets->count; i++) {
		target = &targets->list[i];
		if (set_user(target, common, error) == -1)
			return -1;
		if (!needs_password(target))
			continue;
		is_needed = 1;
		if (prompted == NULL && may_ask(options, target))
			prompted = target;
	}
	if (!is_needed)
		return options->password_file == NULL ? 0 :
		    error_set(error, ERROR_USAGE,
		    "--password-file requires a user name: add --user NAME");
	/* Prompt at most once, and use the password for all targets. */
	secret = find_secret(options, prompted, &failed, error);
	for (i = 0; i < targets->count && !failed; i++)
		if (needs_password(&targets->list[i]))
			targets->list[i].secret = secret;
	return failed ? -1 : 0;
}

int
credentials_apply(const struct options *options, struct targets *targets,
    struct error *error)
{
	int result = apply(options, targets, error);

	hide_passwords(options);
	return result;
}
