/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Measures what it costs to parse a reply that is in memory, in one of three
 * ways.
 *
 *	read_reply events|document|tree RUNS TIMES FILE
 *
 * events: libyaml's events, each discarded: the minimum for any reader of YAML
 * that uses it. document: libyaml's own tree. tree: the tree of this program.
 * Freeing the result is included.
 *
 * Each run is a process of its own, as the program reads one reply per process,
 * and so that the heap of one run does not affect the next.  A run parses the
 * reply TIMES times, more than once if a single time is too short to be
 * measured.  It prints the processor time of one parse in milliseconds, and by
 * how many kilobytes the peak memory exceeded that with only the bytes of the
 * reply.
 */

#include <sys/wait.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <yaml.h>

#include "proto/yaml_tree.h"

typedef void read_fn(const char *, size_t);

static void
read_events(const char *data, size_t len)
{
	yaml_parser_t parser;
	yaml_event_t event;
	int end;

	if (!yaml_parser_initialize(&parser))
		errx(1, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)data,
	    len);
	do {
		if (!yaml_parser_parse(&parser, &event))
			errx(1, "%s", parser.problem);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	} while (!end);
	yaml_parser_delete(&parser);
}

static void
read_document(const char *data, size_t len)
{
	yaml_parser_t parser;
	yaml_document_t document;

	if (!yaml_parser_initialize(&parser))
		errx(1, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)data,
	    len);
	if (!yaml_parser_load(&parser, &document))
		errx(1, "%s", parser.problem);
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
}

static void
read_tree(const char *data, size_t len)
{
	struct error error;
	json_t *tree;

	if ((tree = yaml_tree_parse(data, len, &error)) == NULL)
		errx(1, "%s", error.message);
	json_decref(tree);
}

static read_fn *
way_of(const char *name)
{
	if (strcmp(name, "events") == 0)
		return read_events;
	if (strcmp(name, "document") == 0)
		return read_document;
	if (strcmp(name, "tree") == 0)
		return read_tree;
	errx(1, "no way to read: %s", name);
}

static double
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* A line such as "VmHWM: 1234 kB". It does not include memory of the parent. */
static long
memory_kb(const char *name)
{
	char line[128];
	long kb = -1;
	FILE *file;

	if ((file = fopen("/proc/self/status", "r")) == NULL)
		err(1, "/proc/self/status");
	while (kb == -1 && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(file);
	return kb;
}

static void
run(read_fn *read_reply, int times, const char *data, size_t len)
{
	double begin, spent;
	long before;
	int i;

	before = memory_kb("VmRSS");
	begin = cpu_ms();
	for (i = 0; i < times; i++)
		read_reply(data, len);
	spent = cpu_ms() - begin;
	printf("%.4f %ld\n", spent / times, memory_kb("VmHWM") - before);
	fflush(stdout);
}

static char *
read_file(const char *path, size_t *len)
{
	FILE *file;
	char *data;
	long size;

	if ((file = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	if (fseek(file, 0, SEEK_END) == -1 || (size = ftell(file)) == -1)
		err(1, "%s", path);
	rewind(file);
	*len = (size_t)size;
	if ((data = malloc(*len + 1)) == NULL ||
	    fread(data, 1, *len, file) != *len)
		errx(1, "%s cannot be read", path);
	fclose(file);
	return data;
}

int
main(int argc, char *argv[])
{
	read_fn *read_reply;
	int runs, status, times;
	size_t len;
	char *data;
	pid_t child;

	if (argc != 5 || (runs = atoi(argv[2])) < 1 ||
	    (times = atoi(argv[3])) < 1)
		errx(1, "usage: read_reply events|document|tree RUNS TIMES "
		    "FILE");
	read_reply = way_of(argv[1]);
	data = read_file(argv[4], &len);
	while (runs-- > 0) {
		if ((child = fork()) == -1)
			err(1, "fork");
		if (child == 0) {
			run(read_reply, times, data, len);
			_exit(0);
		}
		if (waitpid(child, &status, 0) == -1 || status != 0)
			errx(1, "a run failed");
	}
	free(data);
	return 0;
}
