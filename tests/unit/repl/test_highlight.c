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

#include "repl/highlight.h"

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

/* The text painted; the styles as one letter in braces. */
static char *
paint(const char *text, size_t len, int color, int failed)
{
	static const char *const styles[] = {
		"\033[0m", ")", "\033[1m", "B(", "\033[32m", "G(",
		"\033[31m", "R(", "\033[33m", "Y(", "\033[2m", "D("
	};
	char *painted = NULL, *plain, *from, *to;
	size_t size, i;
	FILE *out;

	assert_non_null(out = open_memstream(&painted, &size));
	highlight_yaml(out, text, len, color, failed);
	fclose(out);
	to = plain = malloc(size + 1);
	for (from = painted; *from != '\0';) {
		for (i = 0; i < nitems(styles); i += 2)
			if (strncmp(from, styles[i], strlen(styles[i])) == 0)
				break;
		if (i == nitems(styles)) {
			*to++ = *from++;
			continue;
		}
		from += strlen(styles[i]);
		memcpy(to, styles[i + 1], strlen(styles[i + 1]));
		to += strlen(styles[i + 1]);
	}
	*to = '\0';
	free(painted);
	return plain;
}

static void
test_highlight_each_kind_has_a_style(void **state)
{
	static const struct {
		const char	*text;
		const char	*painted;
	} cases[] = {
		{ "---\n- 1\n...\n", "D(---)\n- Y(1)\nD(...)\n" },
		{ "- true\n- -1.5e+3\n- null\n",
		    "- Y(true)\n- Y(-1.5e+3)\n- D(null)\n" },
		{ "- text\n- 'it''s'\n- \"a\\\"b\"\n",
		    "- G(text)\n- G('it''s')\n- G(\"a\\\"b\")\n" },
		{ "- a: 1\n  'b: c': x\n",
		    "- B(a): Y(1)\n  B('b: c'): G(x)\n" },
		{ "- - 1\n  - a:b\n", "- - Y(1)\n  - G(a:b)\n" },
		{ "- {a: 1}\n- []\n", "- {a: 1}\n- []\n" },
		{ "- &0\n  a: *0\n", "- D(&0)\n  B(a): D(*0)\n" },
		{ "- !!binary //4=\n", "- D(!!binary) G(//4=)\n" },
		{ "- \n- a: \n-\n- b:\n", "- \n- B(a): \n-\n- B(b):\n" },
		{ "- 'a\n\n  b'\n- 1\n", "- G('a)\n\nG(  b')\n- Y(1)\n" },
		{ "- |\n  a: 1\n\n  - b\n- 2\n",
		    "- |\nG(  a: 1)\n\nG(  - b)\n- Y(2)\n" },
		{ "- a: |-\n    x\n  b: 1\n",
		    "- B(a): |-\nG(    x)\n  B(b): Y(1)\n" },
		{ "%TAG !push! tag:tarantool.io/push,2018\n--- 1\n...\n",
		    "D(%TAG !push! tag:tarantool.io/push,2018)\n"
		    "D(---) Y(1)\nD(...)\n" },
		{ "- 127.0.0.1:3301\n- 2020-01-01\n- 1-\n- .\n",
		    "- G(127.0.0.1:3301)\n- Y(2020-01-01)\n- G(1-)\n- G(.)\n" }
	};
	char *painted;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		painted = paint(cases[i].text, strlen(cases[i].text), 1, 0);
		assert_string_equal(painted, cases[i].painted);
		free(painted);
	}
}

static void
test_highlight_error_has_its_own_style(void **state)
{
	static const char text[] = "- error: 'x: y'\n";
	char *painted = paint(text, sizeof(text) - 1, 1, 1);

	(void)state;
	assert_string_equal(painted, "- B(error): R('x: y')\n");
	free(painted);
}

/* The text without colours is the text, whatever it is. */
static void
test_highlight_keeps_text_unchanged(void **state)
{
	static const char letters[] = "-?: '\"|>[]{}&*!%.\\ab1\n\n  \t#";
	char text[64], *painted, *plain;
	size_t i, j, len;
	unsigned seed = 1;

	(void)state;
	for (i = 0; i < 20000; i++) {
		len = i % sizeof(text);
		for (j = 0; j < len; j++) {
			seed = seed * 1103515245 + 12345;
			text[j] = letters[(seed >> 16) % (sizeof(letters) -
			    1)];
		}
		plain = paint(text, len, 0, 0);
		assert_int_equal(strlen(plain), len);
		assert_memory_equal(plain, text, len);
		painted = paint(text, len, 1, 0);
		/* No letter is one of ours, so taking these out is exact. */
		for (j = 0; painted[j] != '\0';) {
			if (painted[j] == ')' || (painted[j + 1] == '(' &&
			    strchr("BGRYD", painted[j]) != NULL))
				memmove(painted + j, painted + j +
				    (painted[j] == ')' ? 1 : 2),
				    strlen(painted + j +
				    (painted[j] == ')' ? 1 : 2)) + 1);
			else
				j++;
		}
		assert_string_equal(painted, plain);
		free(painted);
		free(plain);
	}
}

static void
test_highlight_control_characters_are_escaped(void **state)
{
	static const char text[] =
	    "- \033[2J\0\x9b\xc2\x9b\r\xff\xe2\x80\xae\n";
	char *painted;
	int color;

	(void)state;
	for (color = 0; color < 2; color++) {
		painted = paint(text, sizeof(text) - 1, color, 0);
		assert_string_equal(painted, color == 0 ?
		    "- \\033[2J\\000\\233\\302\\233\\015\\377"
		    "\\342\\200\\256\n" :
		    "- G(\\033[2J\\000\\233\\302\\233\\015\\377\\342\\200\\256)"
		    "\n");
		free(painted);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_highlight_each_kind_has_a_style),
		cmocka_unit_test(test_highlight_error_has_its_own_style),
		cmocka_unit_test(test_highlight_keeps_text_unchanged),
		cmocka_unit_test(test_highlight_control_characters_are_escaped)
	};

	return cmocka_run_group_tests_name("paint", tests, NULL, NULL);
}
