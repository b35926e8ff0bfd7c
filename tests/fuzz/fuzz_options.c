/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* The command line, one argument per line. */

#include "cli/options.h"
#include "fuzz.h"
#include "util/outcome.h"

#define ARGUMENTS_MAX	64

static void
check(const struct options *options)
{
	size_t i;

	MUST(options->command != NULL && options->command->name != NULL);
	MUST(options->output != NULL);
	MUST(options->timeout > 0 && options->timeout <= 1e7);
	MUST(options->wait >= 0 && options->wait <= 1e7);
	MUST(options->color <= TERM_NEVER && options->progress <= TERM_NEVER);
	for (i = 0; i < options->sockets.count; i++)
		MUST(options->sockets.list[i] != NULL);
	if (options->help || options->version)
		return;
	MUST(options->command->bit != COMMAND_EVAL ||
	    (options->eval_file != NULL) != (options->eval_text != NULL));
	MUST(options->command->bit != COMMAND_PUSH ||
	    options->push_dir != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "cartridge-reload";
	struct options options;
	struct error error;
	char *text, *line, *argv[ARGUMENTS_MAX + 2];
	int argc = 0;

	text = fuzz_string(data, size);
	argv[argc++] = name;
	for (line = text; line != NULL && argc <= ARGUMENTS_MAX; ) {
		argv[argc++] = line;
		if ((line = strchr(line, '\n')) != NULL)
			*line++ = '\0';
	}
	argv[argc] = NULL;
	heap_begin();
	if (options_parse(&options, argc, argv, &error) == 0) {
		check(&options);
		options_finish(&options);
	} else {
		MUST(error.outcome == OUTCOME_USAGE);
		MUST(error.message[0] != '\0');
	}
	MUST(heap_peak() <= 4096 + 4 * size + 64 * (size_t)argc);
	free(text);
	return 0;
}
