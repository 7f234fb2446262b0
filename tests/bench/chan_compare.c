/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_compare.c: two result files of `vanity-bench chan --json`: B against A, row by row.
 *
 * The interval is that of a percentile bootstrap (Efron 1979): both sides' runs are drawn anew,
 * with putting back, 4,000 times, and the middle 95 % of the ratios of their medians are shown.
 * The draws come from a fixed seed: the same files give the same interval.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "chan.h"

#define SERIES_MAX 512u
#define DRAWS 4000u
#define KEY_BYTES 96u

/* All runs of a row in one class, in one file. */
struct series {
	char key[KEY_BYTES];
	bool less; /* less is better */
	uint32_t n;
	double value[CHAN_RUNS_MAX];
};

struct file {
	uint32_t count;
	struct series series[SERIES_MAX];
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, uint32_t n)
{
	qsort(v, n, sizeof(v[0]), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static struct series *series_get(struct file *f, const char *key, bool make)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (strcmp(f->series[i].key, key) == 0)
			return &f->series[i];
	if (!make || f->count == SERIES_MAX)
		return NULL;
	snprintf(f->series[f->count].key, KEY_BYTES, "%s", key);
	return &f->series[f->count++];
}

/* One line; 0, or -1 when it is none of ours. */
static int line_read(struct file *f, const char *line)
{
	static const char *const class[CHAN_CLASSES] = { "one core", "one cache", "apart" };
	json_t *o = json_loads(line, 0, NULL);
	const char *bench, *design, *unit;
	double value, placement;
	struct series *s;
	char key[KEY_BYTES];
	int es, batch, cap;

	if (json_unpack(o, "{s:s, s:s, s:i, s:i, s:i, s:s, s:F, s:F}", "bench", &bench, "design",
			&design, "es", &es, "batch", &batch, "cap", &cap, "unit", &unit, "median",
			&value, "placement", &placement) != 0) {
		json_decref(o);
		return -1;
	}
	if (strcmp(bench, "chan-run") == 0) {
		snprintf(key, sizeof(key), "%-9s  %-14s %2d B  batch %2d  cap %5d  %s",
			 class[chan_class_of(placement)], design, es, batch, cap, unit);
		s = series_get(f, key, true);
		if (s && s->n < CHAN_RUNS_MAX) {
			s->less = strcmp(unit, "ns") == 0;
			s->value[s->n++] = value;
		}
	}
	json_decref(o);
	return 0;
}

static int file_read(struct file *f, const char *path)
{
	char line[1024];
	uint32_t number = 0;
	FILE *in = fopen(path, "r");

	if (!in) {
		fprintf(stderr, "vanity-bench chan: ");
		perror(path);
		return -1;
	}
	while (fgets(line, sizeof(line), in)) {
		number++;
		if (line_read(f, line) == 0)
			continue;
		fprintf(stderr,
			"vanity-bench chan: %s:%u: no line of `vanity-bench chan --json`; give a"
			" file that it printed\n",
			path, number);
		fclose(in);
		return -1;
	}
	fclose(in);
	if (f->count > 0)
		return 0;
	fprintf(stderr,
		"vanity-bench chan: %s: no chan-run lines, so there is nothing to draw from; make it"
		" with `vanity-bench chan --json > FILE`\n",
		path);
	return -1;
}

/* --- bootstrap ----------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	/* xorshift64* (Vigna 2014) */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dull >> 32) % below);
}

static double median_drawn(const struct series *s)
{
	double v[CHAN_RUNS_MAX];

	for (uint32_t i = 0; i < s->n; i++)
		v[i] = s->value[draw(s->n)];
	return median(v, s->n);
}

static void compare(struct series *a, struct series *b)
{
	static double ratio[DRAWS];
	double low, high, is = median(b->value, b->n) / median(a->value, a->n);
	const char *said = "no difference shown";

	random_state = 88172645463325252ull;
	for (uint32_t i = 0; i < DRAWS; i++)
		ratio[i] = median_drawn(b) / median_drawn(a);
	qsort(ratio, DRAWS, sizeof(ratio[0]), by_value);
	low = ratio[DRAWS / 40];
	high = ratio[DRAWS - 1 - DRAWS / 40];
	if (low > 1)
		said = b->less ? "slower" : "faster";
	else if (high < 1)
		said = b->less ? "faster" : "slower";
	printf("%-60s %9.1f %9.1f  %.3f  [%.3f, %.3f]  n %u, %u  %s\n", a->key,
	       median(a->value, a->n), median(b->value, b->n), is, low, high, a->n, b->n, said);
}

int chan_compare(const char *path_a, const char *path_b)
{
	static struct file a, b;
	uint32_t shared = 0;

	if (file_read(&a, path_a) != 0 || file_read(&b, path_b) != 0)
		return 1;
	printf("%-60s %9s %9s  B/A    95 %% of ratios drawn\n", "row", "A", "B");
	for (uint32_t i = 0; i < a.count; i++) {
		struct series *s = series_get(&b, a.series[i].key, false);

		if (!s)
			continue;
		compare(&a.series[i], s);
		shared++;
	}
	if (shared == 0) {
		fprintf(stderr,
			"vanity-bench chan: %s and %s have no row of the same placement in common;"
			" measure again when the host has both CPUs where it had them before\n",
			path_a, path_b);
		return 1;
	}
	printf("%u rows of both files; %u only in A, %u only in B\n", shared, a.count - shared,
	       b.count - shared);
	return 0;
}
