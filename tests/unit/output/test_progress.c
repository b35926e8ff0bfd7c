/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output/progress.h"

struct screen {
	struct progress	 progress;
	FILE		*file;
	char		*text;
	size_t		 size;
};

static void
begin(struct screen *screen, int on, const char *target)
{
	screen->text = NULL;
	screen->size = 0;
	assert_non_null(screen->file = open_memstream(&screen->text,
	    &screen->size));
	progress_start(&screen->progress, screen->file, on, 1, 1000);
	progress_doing(&screen->progress, target, "");
}

static void
end(struct screen *screen, const char *expected)
{
	fclose(screen->file);
	assert_string_equal(screen->text, expected);
	free(screen->text);
}

static void
test_progress_short_job_draws_nothing(void **state)
{
	struct screen screen;

	(void)state;
	begin(&screen, 1, "a");
	progress_doing(&screen.progress, "a", "load");
	progress_tick(&screen.progress, 1000 + PROGRESS_AFTER_MS - 1);
	progress_clear(&screen.progress);
	end(&screen, "");
}

static void
test_progress_long_job_is_drawn_and_erased(void **state)
{
	struct screen screen;

	(void)state;
	begin(&screen, 1, "a");
	progress_tick(&screen.progress, 1000 + PROGRESS_AFTER_MS);
	progress_doing(&screen.progress, "a", "load");
	/* Too soon to draw it again. */
	progress_tick(&screen.progress, 1000 + PROGRESS_AFTER_MS + 1);
	progress_tick(&screen.progress, 4000);
	progress_clear(&screen.progress);
	progress_clear(&screen.progress);
	end(&screen, "\ra: 0 s\033[K\ra: load, 3 s\033[K\r\033[K");
}

static void
test_progress_disabled_draws_nothing(void **state)
{
	struct screen screen;

	(void)state;
	begin(&screen, 0, "a");
	progress_tick(&screen.progress, 100000);
	progress_clear(&screen.progress);
	end(&screen, "");
}

static void
test_progress_line_fits_width_and_is_escaped(void **state)
{
	struct screen screen;
	char target[300], text[300];
	size_t width;

	(void)state;
	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[3] = '\033';
	begin(&screen, 1, target);
	progress_doing(&screen.progress, target, text);
	progress_tick(&screen.progress, 1000000000);
	fflush(screen.file);
	width = strlen(screen.text) - strlen("\r") - strlen("\033[K");
	assert_in_range(width, 60, 79);
	assert_non_null(strstr(screen.text, "xxx\\033xxx"));
	assert_null(strchr(screen.text + 1, '\r'));
	fclose(screen.file);
	free(screen.text);
}

static void
test_progress_several_jobs_are_counted(void **state)
{
	struct screen screen;

	(void)state;
	screen.text = NULL;
	assert_non_null(screen.file = open_memstream(&screen.text,
	    &screen.size));
	progress_start(&screen.progress, screen.file, 1, 12, 0);
	progress_doing(&screen.progress, "a", "load");
	progress_tick(&screen.progress, 500);
	progress_doing(&screen.progress, "b", "");
	progress_done(&screen.progress, 1);
	/* But it does not flicker. */
	progress_tick(&screen.progress, 500 + PROGRESS_CHANGE_MS - 1);
	progress_tick(&screen.progress, 500 + PROGRESS_CHANGE_MS);
	progress_tick(&screen.progress, 1000);
	progress_clear(&screen.progress);
	end(&screen, "\r0/12 a: load, 0 s\033[K\r1/12 b: 0 s\033[K\r\033[K");
}

static void
test_progress_long_count_leaves_room_for_names(void **state)
{
	struct screen screen;
	char target[300];
	size_t width;

	(void)state;
	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	screen.text = NULL;
	assert_non_null(screen.file = open_memstream(&screen.text,
	    &screen.size));
	progress_start(&screen.progress, screen.file, 1, 100000000, 0);
	progress_doing(&screen.progress, target, target);
	progress_done(&screen.progress, 10000000);
	progress_tick(&screen.progress, 100000);
	fflush(screen.file);
	width = strlen(screen.text) - strlen("\r") - strlen("\033[K");
	assert_in_range(width, 60, 79);
	fclose(screen.file);
	free(screen.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_progress_short_job_draws_nothing),
		cmocka_unit_test(test_progress_long_job_is_drawn_and_erased),
		cmocka_unit_test(test_progress_disabled_draws_nothing),
		cmocka_unit_test(test_progress_line_fits_width_and_is_escaped),
		cmocka_unit_test(
		    test_progress_several_jobs_are_counted),
		cmocka_unit_test(test_progress_long_count_leaves_room_for_names)
	};

	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
