/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/file.h"

/* Returns a descriptor at the beginning of a file of that size. */
static int
make_file(size_t size)
{
	FILE *file = tmpfile();
	int fd;

	assert_non_null(file);
	while (size-- > 0)
		putc('x', file);
	assert_int_equal(fflush(file), 0);
	fd = dup(fileno(file));
	fclose(file);
	assert_int_not_equal(fd, -1);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void
test_file_read_returns_all_bytes_and_a_nul(void **state)
{
	static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 10000 };
	size_t i, len;
	char *data;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fd = make_file(sizes[i]);
		assert_non_null(data = file_read(fd, sizes[i], &len));
		assert_int_equal(len, sizes[i]);
		assert_int_equal(strlen(data), sizes[i]);
		free(data);
		close(fd);
	}
}

static void
test_file_read_fails_if_too_large(void **state)
{
	int fd = make_file(10000);
	size_t len;

	(void)state;
	assert_null(file_read(fd, 9999, &len));
	assert_int_equal(errno, EFBIG);
	close(fd);
}

static void
test_file_read_fails_with_errno_of_read(void **state)
{
	int fd = open("/", O_RDONLY);
	size_t len;

	(void)state;
	assert_null(file_read(fd, 1, &len));
	assert_int_equal(errno, EISDIR);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_read_returns_all_bytes_and_a_nul),
		cmocka_unit_test(test_file_read_fails_if_too_large),
		cmocka_unit_test(test_file_read_fails_with_errno_of_read)
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
