/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* A tt.yaml file; .cartridge.yml is read in the same way. */

#define _GNU_SOURCE	/* memfd_create */

#include <sys/mman.h>

#include <unistd.h>

#include "fuzz.h"
#include "target/tt_yaml.h"
#include "util/outcome.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct tt_yaml tt;
	struct error error;
	char path[64];

	if (fd == -1) {
		MUST((fd = memfd_create("tt.yaml", 0)) != -1);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		MUST(setenv("TT_CLI_CFG", path, 1) == 0);
	}
	MUST(ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, data, size, 0) == (ssize_t)size);
	heap_begin();
	if (tt_yaml_read(&tt, &error) == 0) {
		MUST(tt.enabled != NULL && tt.run_dir != NULL);
	} else {
		MUST(error.outcome == OUTCOME_USAGE);
		MUST(error.message[0] != '\0');
	}
	tt_yaml_finish(&tt);
	/* The size of the file, and what libyaml allocates at first. */
	MUST(heap_peak() <= 512 * 1024 + 4 * size);
	return 0;
}
