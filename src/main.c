/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Parses the command line, runs the command and exits.  No other file calls
 * exit(3) or _exit(2), except in the child process that becomes the pager.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/complete.h"
#include "cli/credentials.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/request_args.h"
#include "output/output.h"
#include "output/term.h"
#include "proto/request.h"
#include "repl/repl.h"
#include "rollout/command.h"
#include "util/secret.h"
#include "util/signals.h"

#ifndef CR_VERSION
#define CR_VERSION	"unknown"
#endif

/*
 * Opens /dev/null in place of each closed standard descriptor.  Otherwise the
 * next socket could get that descriptor and receive the program's output.
 * Opens it for the wrong direction (writing for standard input, reading for the
 * others), so that using the descriptor still fails.
 */
static void
keep_standard_descriptors(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(outcome_exit(OUTCOME_USAGE));
}

static enum outcome
fail(const struct error *error, int is_usage)
{
	output_message(stderr, NULL, error->message);
	if (is_usage)
		fputs("Try 'cartridge-reload --help'.\n", stderr);
	return error->outcome;
}

static enum outcome
print_lua(const json_t *args)
{
	struct error error;
	size_t len;
	char *line;

	if ((line = request_line(args, &len)) == NULL) {
		error_out_of_memory(&error);
		return fail(&error, 0);
	}
	fwrite(line, 1, len, stdout);
	putchar('\n');
	free(line);
	return OUTCOME_OK;
}

static void
warn_of_passwords(const struct targets *targets)
{
	size_t i;

	for (i = 0; i < targets->count; i++)
		if (targets->list[i].is_exposed)
			output_message(stderr, targets->list[i].name,
			    "other users can see a password on the command "
			    "line: use --password-file or $TT_CLI_PASSWORD");
}

/* Finds the targets and runs the command on them. */
static enum outcome
run_on_targets(const struct options *options, const json_t *args)
{
	struct targets targets = { NULL, 0 };
	struct output_context context;
	struct error error;
	enum outcome outcome;
	struct output_run none = { .outcome = OUTCOME_OK };
	json_t *instances;

	context.out = stdout;
	context.err = stderr;
	context.command = options->command->name;
	context.view = options->command->view;
	context.color = term_use_color(options->color, stdout);
	context.quiet = options->quiet;
	context.verbose = options->verbose;
	context.targets = 0;
	context.exit_code = options->exit_code;
	/*
	 * From here on, the first two signals are only counted, so they cannot
	 * cut the output short.
	 */
	signals_begin();
	if (command_targets(options, &targets, &error) == 0 &&
	    credentials_apply(options, &targets, &error) == 0) {
		warn_of_passwords(&targets);
		outcome = options->command->action == ACTION_CONSOLE ?
		    repl_run(options, &targets, &context) :
		    command_run(options, &targets, args, &context);
	} else {
		outcome = fail(&error, error.outcome == OUTCOME_USAGE);
		/*
		 * Print a JSON document even on failure, unless the command
		 * line is invalid.
		 */
		none.outcome = outcome;
		none.error = &error;
		none.instances = instances = json_array();
		if (outcome != OUTCOME_USAGE &&
		    options->output->end(&context, &none) == -1)
			outcome = OUTCOME_USAGE;
		json_decref(instances);
	}
	targets_finish(&targets);
	secret_wipe_all();
	output_flush(stdout);
	signals_end();
	return outcome;
}

static enum outcome
run(const struct options *options)
{
	struct error error;
	enum outcome outcome;
	json_t *args;

	if ((args = request_args_for_command(options, &error)) == NULL)
		return fail(&error, 0);
	outcome = options->print_lua ? print_lua(args) :
	    run_on_targets(options, args);
	json_decref(args);
	return outcome;
}

/*
 * Implements `cartridge-reload __complete app|instance [option ...]`, which the
 * shell completions call.  Prints only names, never an error message.
 */
static enum outcome
complete(int argc, char *argv[])
{
	struct options options;
	struct error error;
	enum outcome outcome;

	if (argc < 2 || options_parse(&options, argc - 1, argv + 1,
	    &error) == -1)
		return OUTCOME_USAGE;
	outcome = complete_print(stdout, argv[1], &options) == 0 ? OUTCOME_OK :
	    OUTCOME_UNREACHABLE;
	options_finish(&options);
	return outcome;
}

int
main(int argc, char *argv[])
{
	struct options options;
	struct error error;
	enum outcome outcome = OUTCOME_OK;
	int wants_exit_code;

	keep_standard_descriptors();
	/*
	 * Ignore SIGPIPE: a write to a closed pipe then fails with EPIPE
	 * instead of ending the process.
	 */
	signal(SIGPIPE, SIG_IGN);

	if (argc > 1 && strcmp(argv[1], "__complete") == 0)
		return outcome_exit(complete(argc - 1, argv + 1));
	if (options_parse(&options, argc, argv, &error) == -1)
		return outcome_exit(fail(&error, 1));
	if (options.help)
		help_print(stdout, options.help_command);
	else if (options.version)
		puts("cartridge-reload " CR_VERSION);
	else
		outcome = run(&options);
	wants_exit_code = options.exit_code;
	options_finish(&options);

	/* EPIPE is not a failure: a reader such as `head` may exit early. */
	if ((output_flush(stdout) == -1 || fclose(stdout) == EOF) &&
	    errno != EPIPE) {
		error_set(&error, ERROR_OUTPUT,
		    "cannot write to standard output: %s", strerror(errno));
		outcome = fail(&error, 0);
	}
	signals_die();
	return outcome_exit_for(outcome, wants_exit_code);
}
