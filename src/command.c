/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "console.h"
#include "progress.h"
#include "report.h"
#include "request.h"
#include "session.h"

/* The most Lua that `eval` takes, in bytes. */
#define EVAL_MAX	((size_t)16 * 1024 * 1024)

/* How long --wait waits before it tries again, in milliseconds. */
#define RETRY_FIRST_MS	100
#define RETRY_MAX_MS	1000

/* A command while it runs on one target. */
struct run {
	const struct options		*options;
	const struct output_context	*context;
	const struct target		*target;
	const json_t			*args;
	struct progress			 progress;
};

static int
out_of_memory(struct error *error)
{
	return error_set(error, OUTCOME_USAGE, "out_of_memory",
	    "out of memory");
}

/* Reads a file or, as "-", standard input; the caller frees it. */
static char *
read_file(const char *path, size_t *len, struct error *error)
{
	FILE *file;
	char *data = NULL, *grown;
	size_t size = 0;

	file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	if (file == NULL) {
		error_set(error, OUTCOME_USAGE, "usage", "cannot open %s: %s",
		    path, strerror(errno));
		return NULL;
	}
	*len = 0;
	do {
		size += size + 4096;
		if ((grown = realloc(data, size)) == NULL) {
			out_of_memory(error);
			goto fail;
		}
		data = grown;
		*len += fread(data + *len, 1, size - *len, file);
	} while (*len == size && size <= EVAL_MAX);
	if (ferror(file)) {
		error_set(error, OUTCOME_USAGE, "usage", "cannot read %s: %s",
		    path, strerror(errno));
		goto fail;
	}
	if (*len > EVAL_MAX) {
		error_set(error, OUTCOME_USAGE, "usage",
		    "%s is larger than %zu MiB", path,
		    EVAL_MAX / (1024 * 1024));
		goto fail;
	}
	if (file != stdin)
		fclose(file);
	return data;

fail:
	if (file != stdin)
		fclose(file);
	free(data);
	return NULL;
}

/*
 * Lua as an argument.  The first line of a file may be for the shell: made a
 * comment, it keeps the numbers of the lines.
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
			out_of_memory(error);
			return NULL;
		}
		memcpy(commented, "--", 2);
		memcpy(commented + 2, data, len);
		code = json_stringn(commented, len + 2);
		free(commented);
	}
	if (code == NULL)
		error_set(error, OUTCOME_USAGE, "usage",
		    "%s is not UTF-8 text: write such bytes as \\ddd", name);
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
		code = lua_argument("the Lua to run", options->eval_text,
		    strlen(options->eval_text), error);
		chunk = json_string("=eval");
	} else {
		if ((data = read_file(path, &len, error)) == NULL)
			return -1;
		code = lua_argument(path, data, len, error);
		free(data);
		chunk = strcmp(path, "-") == 0 ? json_string("=stdin") :
		    json_sprintf("@%s", path);
		/* Such a path cannot travel; the Lua can do without. */
		if (chunk == NULL)
			chunk = json_string("=file");
	}
	if (code == NULL) {
		json_decref(chunk);
		return -1;
	}
	if (json_object_set_new(args, "code", code) == -1) {
		json_decref(chunk);
		return out_of_memory(error);
	}
	if (json_object_set_new(args, "chunk", chunk) == -1)
		return out_of_memory(error);
	return 0;
}

static int
add_globs(json_t *args, const char *key, const struct string_list *globs,
    struct error *error)
{
	json_t *list, *glob;
	size_t i;

	if (globs->count == 0)
		return 0;
	list = json_array();
	for (i = 0; i < globs->count; i++) {
		if ((glob = json_string(globs->list[i])) == NULL) {
			json_decref(list);
			return error_set(error, OUTCOME_USAGE, "usage",
			    "'%s' is not UTF-8 text", globs->list[i]);
		}
		json_array_append_new(list, glob);
	}
	if (json_object_set_new(args, key, list) == -1)
		return out_of_memory(error);
	return 0;
}

/* Who asks, for the log of the instance and for those who find it locked. */
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
	if ((user = getenv("SUDO_USER")) == NULL || user[0] == '\0') {
		passwd = getpwuid(getuid());
		snprintf(uid, sizeof(uid), "uid %ld", (long)getuid());
		user = passwd != NULL ? passwd->pw_name : uid;
	}
	/* A line that is only printed is not sent by this process. */
	if (!options->print_lua)
		snprintf(pid, sizeof(pid), " pid %ld", (long)getpid());
	text = json_sprintf("%s@%s%s", user, host, pid);
	return text != NULL ? text : json_string("unknown");
}

/*
 * How long the instance gets, in seconds: a little less than the client waits,
 * so that the client still hears how it ended.
 */
static double
instance_seconds(double timeout)
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

json_t *
command_args(const struct options *options, struct error *error)
{
	const char *command = options->command->name;
	enum command_bit bit = options->command->bit;
	json_t *args = json_object();

	if (bit == COMMAND_RELOAD && strcmp(options->method, "native") == 0)
		command = "native";
	if (json_object_set_new(args, "command", json_string(command)) == -1 ||
	    json_object_set_new(args, "timeout",
	    json_real(instance_seconds(options->timeout))) == -1 ||
	    set_true(args, "rocks", options->rocks) == -1 ||
	    set_true(args, "no_stop", options->no_stop) == -1 ||
	    set_true(args, "if_changed", options->if_changed) == -1 ||
	    set_true(args, "verbose", options->verbose) == -1 ||
	    (bit == COMMAND_RELOAD &&
	    json_object_set_new(args, "stale",
	    json_string(options->stale)) == -1) ||
	    /* Those that take the lock. */
	    ((bit & (COMMAND_RELOAD | COMMAND_STALE)) != 0 &&
	    json_object_set_new(args, "holder", holder(options)) == -1)) {
		out_of_memory(error);
		goto fail;
	}
	if (add_globs(args, "modules", &options->modules, error) == -1 ||
	    add_globs(args, "exclude", &options->excludes, error) == -1)
		goto fail;
	if (bit == COMMAND_EVAL && add_eval(args, options, error) == -1)
		goto fail;
	return args;

fail:
	json_decref(args);
	return NULL;
}

static int
collect_targets(const struct options *options, struct targets *targets,
    struct error *error)
{
	static const char *const variables[] = {
		"CARTRIDGE_RELOAD_SOCKET", "TARANTOOL_CONSOLE_SOCK"
	};
	const char *value;
	size_t i;

	for (i = 0; i < options->sockets.count; i++)
		if (targets_add(targets, options->sockets.list[i], error) == -1)
			return -1;
	if (options->sockets.count > 0)
		return 0;
	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		value = getenv(variables[i]);
		if (value != NULL && value[0] != '\0')
			return targets_add(targets, value, error);
	}
	return error_set(error, OUTCOME_USAGE, "usage",
	    "no target: give --socket TARGET, or set $%s or $%s",
	    variables[0], variables[1]);
}

int
command_targets(const struct options *options, struct targets *targets,
    struct error *error)
{
	int64_t until = clock_ms() + (int64_t)(options->wait * 1000);

	/* A pattern may match nothing because nothing has started so far. */
	while (collect_targets(options, targets, error) == -1) {
		if (!error->transient || clock_ms() >= until)
			return -1;
		targets_finish(targets);
		poll(NULL, 0, RETRY_FIRST_MS);
	}
	return 0;
}

static void
on_push(const json_t *value, void *arg)
{
	struct run *run = arg;
	const char *phase = json_string_value(value);

	if (phase == NULL)
		return;
	progress_doing(&run->progress, phase);
	if (!run->context->verbose)
		return;
	progress_clear(&run->progress);
	output_message(run->context->err, run->target->name, phase);
	fflush(run->context->err);
}

/*
 * Adds to an error what it means that the request had been sent by then, for
 * commands whose work goes on without us.
 */
static void
explain(const struct run *run, struct error *error)
{
	const char *means;
	size_t len = strlen(error->message);

	/* To do it twice is not the same. */
	if (run->options->command->bit & (COMMAND_RELOAD | COMMAND_EVAL))
		error->transient = 0;
	if (run->options->command->bit == COMMAND_EVAL)
		means = "the Lua may still be running";
	else if (run->options->command->bit != COMMAND_RELOAD)
		return;
	else if (error->outcome != OUTCOME_TIMEOUT)
		means = "`cartridge-reload status` tells";
	else if (strcmp(run->options->method, "native") == 0)
		means = "Cartridge's own reload goes on without a limit, "
		    "`cartridge-reload status` tells how it ended";
	else
		means = "the instance rolls back by itself if it has not "
		    "committed, `cartridge-reload status` tells";
	snprintf(error->message + len, sizeof(error->message) - len, "; %s",
	    means);
}

/* Runs a session to its end.  Returns the reply, or NULL with an error. */
static json_t *
converse(struct run *run, const struct session_request *request,
    int64_t deadline, struct error *error)
{
	struct session *session;
	struct pollfd pfd;
	int64_t due, now;
	json_t *reply = NULL;
	enum session_state state;

	session = session_start(run->target, request, deadline);
	if (session == NULL) {
		out_of_memory(error);
		return NULL;
	}
	while ((state = session_step(session, error)) == SESSION_BUSY) {
		now = clock_ms();
		progress_tick(&run->progress, now);
		due = session_due(session);
		if (run->progress.on && run->progress.due < due)
			due = run->progress.due;
		pfd.fd = session_fd(session);
		pfd.events = session_events(session);
		/* Interrupted or not: the next step sees what there is. */
		if (due > now)
			poll(&pfd, 1, due - now > 60000 ? 60000 :
			    (int)(due - now));
	}
	if (state == SESSION_DONE)
		reply = session_take_reply(session);
	else if (session_sent(session))
		explain(run, error);
	session_free(session);
	return reply;
}

/* The request for one attempt; the caller frees it. */
static char *
attempt_line(const struct run *run, size_t *len)
{
	struct timespec now;
	json_t *args;
	char *line = NULL;
	double seconds = instance_seconds(run->options->timeout);

	if ((args = json_deep_copy(run->args)) == NULL)
		return NULL;
	/*
	 * A request may lie in the socket of a busy instance until nobody
	 * waits for it any more.  Only on the same machine is the time the
	 * same.
	 */
	clock_gettime(CLOCK_REALTIME, &now);
	if (set_true(args, "verbose", run->progress.on) == 0 &&
	    (run->target->kind != TARGET_UNIX ||
	    json_object_set_new(args, "not_after", json_real(
	    (double)now.tv_sec + (double)now.tv_nsec / 1e9 + seconds)) == 0))
		line = request_line(args, len);
	json_decref(args);
	return line;
}

/* Tries once. */
static void
attempt(struct run *run, struct report *report)
{
	struct session_request request;
	struct error error;
	int64_t timeout = (int64_t)(run->options->timeout * 1000);
	json_t *reply = NULL;
	char *line;

	if ((line = attempt_line(run, &request.len)) == NULL) {
		out_of_memory(&error);
	} else {
		request.line = line;
		request.harmless = (run->options->command->bit &
		    (COMMAND_STATUS | COMMAND_PLAN | COMMAND_STALE)) != 0;
		request.on_push = on_push;
		request.arg = run;
		reply = converse(run, &request,
		    clock_ms() + (timeout > 0 ? timeout : 1), &error);
		free(line);
	}
	if (reply == NULL) {
		report_from_error(report, run->target->name, &error);
		return;
	}
	report_from_reply(report, run->target->name, reply);
	json_decref(reply);
	if (run->options->output->wants_tree)
		report_parse_results(report);
}

static void
wait_a_little(struct run *run, int64_t ms)
{
	int64_t now = clock_ms(), until = now + ms, due;

	for (; now < until; now = clock_ms()) {
		progress_tick(&run->progress, now);
		due = until;
		if (run->progress.on && run->progress.due < due)
			due = run->progress.due;
		if (due > now)
			poll(NULL, 0, (int)(due - now));
	}
}

/* Says once what --wait waits for. */
static void
say_waiting(struct run *run, const struct report *report)
{
	const json_t *message;

	message = json_object_get(json_object_get(report->instance, "error"),
	    "message");
	progress_doing(&run->progress, "waiting");
	if (!run->context->verbose || !json_is_string(message))
		return;
	progress_clear(&run->progress);
	output_message(run->context->err, run->target->name,
	    json_string_value(message));
	output_message(run->context->err, run->target->name, "waiting");
	fflush(run->context->err);
}

/* Tries until it succeeds, fails for good, or --wait is over. */
static void
run_target(struct run *run, struct report *report)
{
	int64_t wait_until, left, delay = RETRY_FIRST_MS, now = clock_ms();
	int said = 0;

	progress_start(&run->progress, run->context->err,
	    !run->context->quiet &&
	    term_use_progress(run->options->progress, run->context->err),
	    run->target->name, now);
	wait_until = now + (int64_t)(run->options->wait * 1000);
	for (;;) {
		attempt(run, report);
		left = wait_until - clock_ms();
		if (!report->transient || left <= 0)
			break;
		if (!said)
			say_waiting(run, report);
		said = 1;
		report_finish(report);
		wait_a_little(run, delay < left ? delay : left);
		delay = delay * 3 / 2 < RETRY_MAX_MS ? delay * 3 / 2 :
		    RETRY_MAX_MS;
		progress_doing(&run->progress, "waiting");
	}
	progress_clear(&run->progress);
}

/* Passes a report on.  Returns how the command ended on that target. */
static enum outcome
pass_on(const struct run *run, const struct report *report,
    json_t *instances)
{
	const struct output_context *context = run->context;

	if (report->instance == NULL ||
	    json_array_append(instances, report->instance) == -1) {
		output_message(context->err, run->target->name,
		    "out of memory");
		return OUTCOME_USAGE;
	}
	run->options->output->instance(context, report->instance);
	/* Before the diagnostics, and before the next takes its time. */
	output_flush(context->out);
	if (outcome_exit(report->outcome) != 0)
		output_error(context, report->instance);
	return report->outcome;
}

enum outcome
command_run(const struct options *options, const struct targets *targets,
    const json_t *args, const struct output_context *context)
{
	struct run run = { options, context, NULL, args, { 0 } };
	struct report report;
	json_t *instances = json_array();
	enum outcome outcome, worst = OUTCOME_OK;
	size_t i;
	int go_on = 1;

	for (i = 0; i < targets->count && go_on; i++) {
		run.target = &targets->list[i];
		run_target(&run, &report);
		outcome = pass_on(&run, &report, instances);
		report_finish(&report);
		worst = i == 0 ? outcome : outcome_graver(worst, outcome);
		/* Who cannot be told must not go on changing things. */
		go_on = outcome_exit(outcome) == 0 && !ferror(context->out);
	}
	for (; i < targets->count; i++)
		output_message(context->err, targets->list[i].name,
		    "not touched");
	if (options->output->end(context, worst, instances) == -1) {
		output_message(context->err, NULL, "out of memory");
		worst = OUTCOME_USAGE;
	}
	json_decref(instances);
	return worst;
}
