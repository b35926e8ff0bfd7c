/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/request_args.h"
#include "cli/extensions.h"
#include "util/environment.h"
#include "util/file.h"
#include "util/json_util.h"

/* The maximum size of the Lua code for `eval`, in bytes. */
#define EVAL_MAX	((size_t)16 * 1024 * 1024)

/*
 * Reads a file, or standard input if the path is "-".  Returns the text, which
 * the caller frees, and sets *len to its length.  Returns NULL with an error on
 * failure.
 */
static char *
read_file(const char *path, size_t *len, struct error *error)
{
	int is_stdin = strcmp(path, "-") == 0, fd = STDIN_FILENO;
	char *data;

	if (!is_stdin && (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		error_set(error, ERROR_USAGE, "cannot open %s: %s",
		    path, strerror(errno));
		return NULL;
	}
	if ((data = file_read(fd, EVAL_MAX, len)) != NULL)
		;
	else if (errno == ENOMEM)
		error_out_of_memory(error);
	else if (errno == EFBIG)
		error_set(error, ERROR_USAGE, "%s is larger than %zu MiB",
		    path, EVAL_MAX / 1024 / 1024);
	else
		error_set(error, ERROR_USAGE, "cannot read %s: %s",
		    path, strerror(errno));
	if (!is_stdin)
		close(fd);
	return data;
}

/*
 * Converts Lua code to a JSON string.  Turns a first line such as
 * "#!/usr/bin/tarantool" into a comment, so that line numbers stay correct.
 */
static json_t *
lua_argument(const char *name, const char *data, size_t len,
    struct error *error)
{
	json_t *code;
	char *commented;

	if (len == 0 || data[0] != '#') {
		code = json_stringn(data, len);
	} else {
		if ((commented = malloc(len + 2)) == NULL) {
			error_out_of_memory(error);
			return NULL;
		}
		memcpy(commented, "--", 2);
		memcpy(commented + 2, data, len);
		code = json_stringn(commented, len + 2);
		free(commented);
	}
	if (code == NULL)
		error_set(error, ERROR_USAGE,
		    "%s is not valid UTF-8; in a Lua string, write such "
		    "bytes as \\ddd", name);
	return code;
}

static int
add_eval(json_t *args, const struct options *options, struct error *error)
{
	const char *path = options->eval_file;
	json_t *code, *chunk;
	char *data;
	size_t len;

	if (path == NULL) {
		code = lua_argument("the Lua code", options->eval_text,
		    strlen(options->eval_text), error);
		chunk = json_string("=eval");
	} else {
		if ((data = read_file(path, &len, error)) == NULL)
			return -1;
		/*
		 * Reject empty input: the command that feeds the pipe has
		 * probably failed.
		 */
		if (len == 0 && strcmp(path, "-") == 0) {
			free(data);
			return error_set(error, ERROR_USAGE,
			    "eval: standard input is empty");
		}
		code = lua_argument(path, data, len, error);
		free(data);
		chunk = strcmp(path, "-") == 0 ? json_string("=stdin") :
		    json_sprintf("@%s", path);
		/*
		 * A path that is not UTF-8 cannot be a JSON string.  Name the
		 * chunk "file" instead.
		 */
		if (chunk == NULL)
			chunk = json_string("=file");
	}
	if (code == NULL) {
		json_decref(chunk);
		return -1;
	}
	if (json_object_set_new(args, "code", code) == -1) {
		json_decref(chunk);
		return error_out_of_memory(error);
	}
	if (json_object_set_new(args, "chunk", chunk) == -1)
		return error_out_of_memory(error);
	return 0;
}

/*
 * Adds an array of command-line strings under `key`, or nothing if the list is
 * empty.
 */
static int
add_texts(json_t *args, const char *key, const struct arg_list *texts,
    struct error *error)
{
	json_t *list, *text;
	size_t i;

	if (texts->count == 0)
		return 0;
	list = json_array();
	for (i = 0; i < texts->count; i++) {
		if ((text = json_string(texts->list[i])) == NULL) {
			json_decref(list);
			return error_set(error, ERROR_USAGE,
			    "'%s' is not UTF-8 text", texts->list[i]);
		}
		if (json_array_append_new(list, text) == -1) {
			json_decref(list);
			return error_out_of_memory(error);
		}
	}
	if (json_object_set_new(args, key, list) == -1)
		return error_out_of_memory(error);
	return 0;
}

/*
 * Returns a string that identifies this process, such as "user@host pid 1".
 * The instance stores it in its lock and in its log.
 */
static json_t *
holder(const struct options *options)
{
	struct passwd *passwd;
	const char *user;
	char host[256], uid[32], pid[32] = "";
	json_t *text;

	if (gethostname(host, sizeof(host)) == -1)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	if ((user = env_get_nonempty(ENV_SUDO_USER)) == NULL) {
		passwd = getpwuid(getuid());
		snprintf(uid, sizeof(uid), "uid %ld", (long)getuid());
		user = passwd != NULL ? passwd->pw_name : uid;
	}
	/*
	 * With --print-lua, another process sends the request: omit our process
	 * ID.
	 */
	if (!options->print_lua)
		snprintf(pid, sizeof(pid), " pid %ld", (long)getpid());
	text = json_sprintf("%s@%s%s", user, host, pid);
	return text != NULL ? text : json_string("unknown");
}

double
request_args_seconds(double timeout)
{
	double seconds = timeout * 0.95;

	if (seconds > timeout - 0.05)
		seconds = timeout - 0.05;
	return seconds < timeout / 2 ? timeout / 2 : seconds;
}

static int
set_true(json_t *args, const char *key, int is_set)
{
	return is_set ? json_object_set_new(args, key, json_true()) : 0;
}

static const char *
script_of(const struct options *options)
{
	const struct command_row *command = options->command;

	if ((command->flags & CMD_RELOADS) != 0 &&
	    options->method == METHOD_NATIVE)
		return "native";
	return options->quiet && command->quiet_script != NULL ?
	    command->quiet_script : command->script;
}

json_t *
request_args_for_command(const struct options *options, struct error *error)
{
	const struct command_row *command = options->command;
	int is_reload = (command->flags & CMD_RELOADS) != 0;
	json_t *args = json_object();

	if (json_object_set_new(args, "command", json_string(
	    script_of(options))) == -1 ||
	    json_object_set_new(args, "timeout",
	    json_real(request_args_seconds(options->timeout))) == -1 ||
	    set_true(args, "main", options->run_main) == -1 ||
	    set_true(args, "rocks", options->rocks) == -1 ||
	    set_true(args, "no_stop", options->no_stop) == -1 ||
	    set_true(args, "if_changed", options->if_changed) == -1 ||
	    set_true(args, "verbose", options->verbose) == -1 ||
	    set_true(args, "prune", options->prune) == -1 ||
	    set_true(args, "dry_run", options->dry_run &&
	    (command->flags & CMD_DRY_RUN) != 0) == -1 ||
	    (is_reload &&
	    json_object_set_new(args, "stale",
	    json_string(options->stale)) == -1) ||
	    ((command->flags & CMD_LOCKS) != 0 &&
	    json_object_set_new(args, "holder", holder(options)) == -1)) {
		error_out_of_memory(error);
		goto fail;
	}
	if (add_texts(args, "modules", &options->modules, error) == -1 ||
	    add_texts(args, "exclude", &options->excludes, error) == -1 ||
	    add_texts(args, "args", &options->eval_args, error) == -1)
		goto fail;
	if (command->words == WORDS_LUA && add_eval(args, options, error) == -1)
		goto fail;
	if (command->words == WORDS_DIR &&
	    extensions_add_folder(args, options->push_dir, error) == -1)
		goto fail;
	return args;

fail:
	json_decref(args);
	return NULL;
}

json_t *
request_args_for_relay(const json_t *args, struct error *error)
{
	json_t *relay = json_object(), *holder;

	if (json_object_set_new(relay, "command", json_string("relay")) == -1 ||
	    set_true(relay, "verbose", json_is_true(json_object_get(args,
	    "verbose"))) == -1)
		goto fail;
	holder = json_object_get(args, "holder");
	if (holder != NULL && json_object_set(relay, "holder", holder) == -1)
		goto fail;
	if (json_object_set_new(relay, "request", json_copy_strict(
	    args)) == -1)
		goto fail;
	return relay;

fail:
	json_decref(relay);
	error_out_of_memory(error);
	return NULL;
}
