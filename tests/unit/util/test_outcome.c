/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/outcome.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	enum outcome	 outcome;
	const char	*word;
	int		 exit;
} contract[] = {
	{ OUTCOME_RELOADED, "reloaded", 0 },
	{ OUTCOME_UNCHANGED, "unchanged", 0 },
	{ OUTCOME_PLANNED, "planned", 0 },
	{ OUTCOME_OK, "ok", 0 },
	{ OUTCOME_USAGE, "usage", 1 },
	{ OUTCOME_UNREACHABLE, "unreachable", 2 },
	{ OUTCOME_FAILED, "failed", 3 },
	{ OUTCOME_TIMEOUT, "timeout", 4 },
	{ OUTCOME_REFUSED, "refused", 5 },
	{ OUTCOME_DEGRADED, "degraded", 6 },
	{ OUTCOME_STALE, "stale", 7 },
	{ OUTCOME_PROTOCOL, "protocol", 8 },
};

static void
test_outcome_words_and_statuses_match_contract(void **state)
{
	enum outcome outcome;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(contract); i++) {
		assert_string_equal(outcome_word(contract[i].outcome),
		    contract[i].word);
		assert_int_equal(outcome_exit(contract[i].outcome),
		    contract[i].exit);
		assert_int_equal(outcome_parse(contract[i].word, &outcome),
		    0);
		assert_int_equal(outcome, contract[i].outcome);
	}
}

static void
test_outcome_unknown_word_is_none(void **state)
{
	static const char *const words[] = { "", "Ok", "reload", "reloaded " };
	enum outcome outcome = OUTCOME_STALE;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(words); i++)
		assert_int_equal(outcome_parse(words[i], &outcome), -1);
	assert_int_equal(outcome, OUTCOME_STALE);
}

static void
test_outcome_worse_wins_in_any_order(void **state)
{
	/* From the gravest down. */
	static const enum outcome order[] = { OUTCOME_USAGE, OUTCOME_DEGRADED,
	    OUTCOME_TIMEOUT, OUTCOME_FAILED, OUTCOME_PROTOCOL,
	    OUTCOME_UNREACHABLE, OUTCOME_REFUSED, OUTCOME_STALE, OUTCOME_PLANNED,
	    OUTCOME_OK };
	size_t i, j;

	(void)state;
	for (i = 0; i < nitems(order); i++) {
		for (j = i; j < nitems(order); j++) {
			assert_int_equal(outcome_graver(order[i], order[j]),
			    order[i]);
			assert_int_equal(outcome_graver(order[j], order[i]),
			    order[i]);
		}
	}
}

static void
test_outcome_equal_keeps_first(void **state)
{
	(void)state;
	assert_int_equal(outcome_graver(OUTCOME_RELOADED, OUTCOME_UNCHANGED),
	    OUTCOME_RELOADED);
	assert_int_equal(outcome_graver(OUTCOME_UNCHANGED, OUTCOME_RELOADED),
	    OUTCOME_UNCHANGED);
}

static void
test_outcome_exit_code_option_gives_9_if_plan_changes(void **state)
{
	(void)state;
	assert_int_equal(outcome_exit_for(OUTCOME_PLANNED, 0), 0);
	assert_int_equal(outcome_exit_for(OUTCOME_PLANNED, 1), 9);
	assert_int_equal(outcome_exit_for(OUTCOME_UNCHANGED, 1), 0);
	assert_int_equal(outcome_exit_for(OUTCOME_REFUSED, 1), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_outcome_words_and_statuses_match_contract),
		cmocka_unit_test(test_outcome_unknown_word_is_none),
		cmocka_unit_test(test_outcome_worse_wins_in_any_order),
		cmocka_unit_test(test_outcome_equal_keeps_first),
		cmocka_unit_test(
		    test_outcome_exit_code_option_gives_9_if_plan_changes),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
