/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest of the words offered, by edit distance. */
#include "topology/parts.h"

#define NEAR_BYTES_MAX 40u

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: insert, delete, change, and exchange of two neighbours cost 1 each. */
static uint32_t distance(const char *a, uint32_t a_bytes, const char *b, uint32_t b_bytes)
{
	uint32_t row[3][NEAR_BYTES_MAX + 1];

	for (uint32_t j = 0; j <= b_bytes; j++)
		row[0][j] = j;
	for (uint32_t i = 1; i <= a_bytes; i++) {
		uint32_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

		now[0] = i;
		for (uint32_t j = 1; j <= b_bytes; j++) {
			uint32_t change = before[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = least(change, least(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], earlier[j - 2] + 1);
		}
	}
	return row[a_bytes % 3][b_bytes];
}

void near_init(struct near *near, const char *word, uint32_t bytes)
{
	*near = (struct near){ .word = word, .bytes = bytes };
	/* One slip in a short word, up to three in a long one; more is a different word. */
	near->distance = (bytes < 4 ? 1 : bytes < 8 ? 2 : 3) + 1;
}

void near_offer(struct near *near, const char *candidate, uint32_t bytes)
{
	uint32_t d;

	if (bytes == 0 || bytes > NEAR_BYTES_MAX || near->bytes > NEAR_BYTES_MAX)
		return;
	d = distance(near->word, near->bytes, candidate, bytes);
	/* A word as long as the distance shares nothing with the other. */
	if (d >= near->distance || d >= bytes || (d >= near->bytes && near->bytes > 1))
		return;
	near->distance = d;
	near->best = candidate;
	near->best_bytes = bytes;
}

void near_offer_all(struct near *near, const char *words)
{
	while (*words != '\0') {
		uint32_t n = 0;

		while (words[n] != '\0' && words[n] != '|')
			n++;
		near_offer(near, words, n);
		words += n + (words[n] == '|');
	}
}
