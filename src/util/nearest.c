/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <string.h>

#include "util/nearest.h"

/*
 * The maximum length of a word.  Longer words are ignored, because the distance
 * table is on the stack.
 */
#define LENGTH_MAX	64

/* One edit is allowed for every three letters of the word. */
#define LETTERS_PER_ERROR	3

static size_t
least(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/*
 * Returns the optimal string alignment distance between two words: the smallest
 * number of edits (insert, delete or replace a letter, swap adjacent letters)
 * that turns one into the other, if no letter is edited twice.
 */
static size_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][LENGTH_MAX + 1], *before, *last, *row, *spare, i, j;
	size_t cost;

	before = rows[0];
	last = rows[1];
	row = rows[2];
	for (j = 0; j <= b_len; j++)
		last[j] = before[j] = j;
	for (i = 1; i <= a_len; i++) {
		row[0] = i;
		for (j = 1; j <= b_len; j++) {
			cost = a[i - 1] != b[j - 1];
			row[j] = least(last[j] + 1, row[j - 1] + 1,
			    last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

void
nearest_init(struct nearest *nearest, const char *word)
{
	nearest->word = word;
	nearest->name = NULL;
	nearest->distance = (strlen(word) + 1) / LETTERS_PER_ERROR + 1;
}

void
nearest_add(struct nearest *nearest, const char *name)
{
	size_t word_len = strlen(nearest->word), len = strlen(name), found;

	if (word_len > LENGTH_MAX || len > LENGTH_MAX || word_len < 2)
		return;
	if (strncmp(name, nearest->word, word_len) == 0)
		found = 1;
	else
		found = distance(nearest->word, word_len, name, len);
	/* Reject a name if the edits may have changed every letter. */
	if (found >= len)
		return;
	if (found < nearest->distance) {
		nearest->distance = found;
		nearest->name = name;
	}
}
