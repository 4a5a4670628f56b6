/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "Did you mean": the known word with the fewest typing mistakes between it and what was typed.
 * For whoever refuses an unknown word: spec keys, driver arguments, subcommands.
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"

/* Longer words are not compared: no word that vmirror knows comes near. */
#define WORD_MAX 63

static unsigned int
min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int min = a < b ? a : b;

	return min < c ? min : c;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
swapped(const char *a, const char *b, size_t i, size_t j)
{
	return i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
	       lower(a[i - 2]) == lower(b[j - 1]);
}

/*
 * Letters added, left out, replaced or swapped with their neighbour (optimal string alignment);
 * case does not count.
 */
static unsigned int
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[3][WORD_MAX + 1];
	unsigned int *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = (unsigned int)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned int *oldest = before;

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned int differs = lower(a[i - 1]) != lower(b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
			if (swapped(a, b, i, j) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_len];
}

/* One mistake in a short word, one in three letters of a longer one. */
static unsigned int
tolerated(size_t a_len, size_t b_len)
{
	size_t longer = a_len > b_len ? a_len : b_len;

	return longer < 6 ? 1 : (unsigned int)(longer / 3);
}

const char *
vmirror_nearest(const char *word, const char *const known[])
{
	size_t word_len = strlen(word);
	unsigned int best_distance = WORD_MAX + 1;
	const char *best = NULL;

	if (word_len == 0 || word_len > WORD_MAX)
		return NULL;
	for (; *known != NULL; known++) {
		size_t known_len = strlen(*known);
		unsigned int d;

		/* A word of one letter is one replacement away from every other. */
		if (known_len > WORD_MAX || (word_len == 1 && known_len == 1))
			continue;
		d = distance(word, word_len, *known, known_len);
		if (d <= tolerated(word_len, known_len) && d < best_distance) {
			best_distance = d;
			best = *known;
		}
	}
	return best;
}

const char *
vmirror_nearest_hint(char *buf, size_t size, const char *word, const char *const known[])
{
	const char *nearest = vmirror_nearest(word, known);
	size_t len = 0;

	if (size == 0)
		return buf;
	buf[0] = '\0';
	for (size_t i = 0; known[i] != NULL && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i == 0 ? "" : ", ",
					known[i]);
	if (nearest != NULL && len < size)
		snprintf(buf + len, size - len, "; did you mean '%s'?", nearest);
	return buf;
}
