/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "printed.h"

static void
test_log_messages_name_program_and_target(void **state)
{
	struct printed printed;

	(void)state;
	begin(&printed, "reload");
	output_message(printed.context.err, "a\nb", "one\ntwo\033");
	output_message(printed.context.err, NULL, "three");
	fflush(printed.context.err);
	assert_string_equal(printed.err, "cartridge-reload: a\\012b: one\n"
	    "    two\\033\ncartridge-reload: three\n");
	end(&printed);
}

/* The instance chose the message: it must not look like one of ours. */
static void
test_output_error_message_of_several_lines_is_indented(void **state)
{
	struct printed printed;

	(void)state;
	print_text(&printed, "reload", REPLY("'outcome': 'failed',"
	    "'error': {'code': 'load_error', 'phase': 'load', 'message':"
	    " 'a\\ncartridge-reload: b.control: reloaded\\u001b[2J'}"));
	assert_non_null(strstr(printed.err,
	    "\n    cartridge-reload: b.control: reloaded\\033[2J\n"));
	end(&printed);
}

static void
test_output_flush_full_device_fails(void **state)
{
	FILE *file;

	(void)state;
	assert_non_null(file = tmpfile());
	fputs("x", file);
	assert_int_equal(output_flush(file), 0);
	fclose(file);
	if ((file = fopen("/dev/full", "w")) == NULL)
		skip();
	fputs("x", file);
	assert_int_equal(output_flush(file), -1);
	assert_int_equal(errno, ENOSPC);
	/* What failed once has failed. */
	assert_int_equal(output_flush(file), -1);
	assert_int_equal(errno, ENOSPC);
	fclose(file);
}

static void
test_output_format_is_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(output_find("text"), &output_text);
	assert_ptr_equal(output_find("json"), &output_json);
	assert_null(output_find("xml"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_messages_name_program_and_target),
		cmocka_unit_test(
		    test_output_error_message_of_several_lines_is_indented),
		cmocka_unit_test(test_output_flush_full_device_fails),
		cmocka_unit_test(test_output_format_is_found_by_name)
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
