/* SPDX-License-Identifier: Apache-2.0 */
/* chan_print.c: what `vanity-bench chan` found: medians by class, ratios, aims. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chan.h"

static const char *const class_name[CHAN_CLASSES] = { "one core", "one cache", "apart" };
static const char *const class_words[CHAN_CLASSES] = {
	"two threads of one core",
	"two cores of one cache: the class of most published figures",
	"two cores far apart",
};

const char *chan_class_name(enum chan_class class)
{
	return class_name[class];
}

enum chan_class chan_modal(const struct chan_row *row, uint32_t rows)
{
	uint32_t count[CHAN_CLASSES] = { 0 };
	enum chan_class best = CHAN_ONE_CORE;

	for (uint32_t i = 0; i < rows; i++)
		for (uint32_t k = 0; k < row[i].runs; k++)
			count[row[i].run[k].class]++;
	for (enum chan_class c = CHAN_ONE_CORE; c < CHAN_CLASSES; c++)
		if (count[c] > count[best])
			best = c;
	return best;
}

uint32_t chan_runs_of(const struct chan_row *row, enum chan_class class)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < row->runs; i++)
		n += row->run[i].class == class;
	return n;
}

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

struct chan_summary chan_summarize(const struct chan_row *row, enum chan_class class)
{
	double value[CHAN_RUNS_MAX], p50[CHAN_RUNS_MAX], p99[CHAN_RUNS_MAX], at[CHAN_RUNS_MAX];
	struct chan_summary s = { 0 };

	for (uint32_t i = 0; i < row->runs; i++) {
		const struct chan_sample *r = &row->run[i];

		if (r->class != class)
			continue;
		value[s.n] = r->value;
		p50[s.n] = r->p50;
		p99[s.n] = r->p99;
		at[s.n++] = r->placement;
	}
	if (s.n == 0)
		return s;
	s.median = median(value, s.n);
	s.min = value[0];
	s.max = value[s.n - 1];
	s.p50 = median(p50, s.n);
	s.p99 = median(p99, s.n);
	s.placement = median(at, s.n);
	return s;
}

/* --- ratios -------------------------------------------------------------------------------- */

static bool same_case(const struct chan_case *a, const struct chan_case *b)
{
	return a->kind == b->kind && a->slot_bytes == b->slot_bytes && a->batch == b->batch &&
	       a->slot_count == b->slot_count;
}

static const struct chan_row *find(const struct chan_row *row, uint32_t rows,
				   const struct chan_design *d, const struct chan_case *c)
{
	for (uint32_t i = 0; i < rows; i++)
		if (row[i].design == d && (!c || same_case(&row[i].c, c)))
			return &row[i];
	return NULL;
}

static struct chan_summary find_summary(const struct chan_row *row, uint32_t rows,
					const struct chan_design *d, const struct chan_case *c,
					enum chan_class class)
{
	const struct chan_row *r = find(row, rows, d, c);

	return r ? chan_summarize(r, class) : (struct chan_summary){ 0 };
}

/* The raw limit of a case: the best of the stores through that footprint, or two lines. 0: none. */
static double raw_limit(const struct chan_row *row, uint32_t rows, const struct chan_case *c,
			enum chan_class class)
{
	static const struct chan_design *const stream[] = { &chan_stream8, &chan_stream16,
							    &chan_stream32, &chan_stream64 };
	struct chan_case at = *c;
	double best = 0;

	if (c->kind == CHAN_PING)
		return find_summary(row, rows, &chan_lines, NULL, class).median;
	at.batch = 32;
	for (uint32_t i = 0; i < 4; i++) {
		struct chan_summary s = find_summary(row, rows, stream[i], &at, class);

		best = s.median > best ? s.median : best;
	}
	return best;
}

static double ratio(double a, double b)
{
	return a > 0 && b > 0 ? a / b : 0;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void json_number(const char *key, double value, bool known)
{
	if (known)
		printf(",\"%s\":%.4g", key, value);
	else
		printf(",\"%s\":null", key);
}

static void json_line(const char *bench, const struct chan_row *r, const struct chan_summary *s,
		      double raw, double ref, uint32_t discarded)
{
	bool ping = r->c.kind == CHAN_PING;

	printf("{\"bench\":\"%s\",\"design\":\"%s\",\"es\":%u,\"batch\":%u,\"cap\":%u,"
	       "\"unit\":\"%s\",\"n\":%u,\"median\":%.5g,\"min\":%.5g,\"max\":%.5g",
	       bench, r->design->name, r->c.slot_bytes, r->c.batch, r->c.slot_count,
	       ping ? "ns" : "Mitem/s", s->n, s->median, s->min, s->max);
	json_number("p50", s->p50, true);
	json_number("p99", s->p99, true);
	json_number("ratio_raw", raw, raw > 0);
	json_number("ratio_ref", ref, ref > 0);
	printf(",\"discarded\":%u,\"verified\":true,\"placement\":%.1f}\n", discarded,
	       s->placement);
}

/* A line a row and class, and before it one for each of its runs, for --compare. */
void chan_print_json(const struct chan_row *row, uint32_t rows)
{
	for (uint32_t i = 0; i < rows; i++) {
		const struct chan_row *r = &row[i];

		for (uint32_t k = 0; k < r->runs; k++) {
			const struct chan_sample *v = &r->run[k];
			const struct chan_summary one = { 1,      v->value, v->value,    v->value,
							  v->p50, v->p99,   v->placement };

			json_line("chan-run", r, &one, 0, 0, 0);
		}
		for (enum chan_class c = CHAN_ONE_CORE; c < CHAN_CLASSES; c++) {
			struct chan_summary s = chan_summarize(r, c);
			struct chan_summary ref = find_summary(row, rows, &chan_rte, &r->c, c);

			if (s.n > 0)
				json_line("chan", r, &s,
					  ratio(s.median, raw_limit(row, rows, &r->c, c)),
					  ratio(s.median, ref.median), r->runs - s.n + r->changed);
		}
	}
}

/* --- aims ---------------------------------------------------------------------------------- */

enum beside { REF, ZC, RAW, REF_P99 };

struct aim {
	uint32_t kind, slot_bytes, batch, slot_count;
	enum beside beside;
	double wanted; /* of a stream at least, of a ping at most */
};

static const struct aim aims[] = {
	{ CHAN_STREAM, 8, 32, 1024, REF, 4.5 },    { CHAN_STREAM, 8, 32, 1024, ZC, 2.3 },
	{ CHAN_STREAM, 16, 32, 1024, REF, 2.2 },   { CHAN_STREAM, 16, 32, 1024, ZC, 1.7 },
	{ CHAN_STREAM, 64, 32, 1024, REF, 2.6 },   { CHAN_STREAM, 64, 32, 1024, ZC, 1.5 },
	{ CHAN_STREAM, 8, 1, 1024, REF, 6.0 },     { CHAN_STREAM, 16, 1, 1024, REF, 6.0 },
	{ CHAN_STREAM, 64, 1, 1024, REF, 6.0 },    { CHAN_STREAM, 16, 32, 16384, REF, 3.3 },
	{ CHAN_STREAM, 16, 32, 16384, ZC, 1.8 },   { CHAN_STREAM, 8, 32, 1024, RAW, 0.70 },
	{ CHAN_STREAM, 16, 32, 1024, RAW, 0.80 },  { CHAN_STREAM, 64, 32, 1024, RAW, 0.80 },
	{ CHAN_STREAM, 16, 32, 16384, RAW, 0.80 }, { CHAN_PING, 8, 1, 1024, REF, 0.75 },
	{ CHAN_PING, 16, 1, 1024, REF, 0.50 },     { CHAN_PING, 64, 1, 1024, REF, 0.50 },
	{ CHAN_PING, 8, 1, 1024, REF_P99, 0.80 },  { CHAN_PING, 16, 1, 1024, REF_P99, 0.80 },
	{ CHAN_PING, 64, 1, 1024, REF_P99, 0.80 }, { CHAN_PING, 16, 1, 1024, RAW, 1.10 },
	{ CHAN_PING, 8, 32, 1024, REF, 1.05 },     { CHAN_PING, 16, 32, 1024, REF, 1.05 },
	{ CHAN_PING, 64, 32, 1024, REF, 1.05 },
};

static double aim_ratio(const struct chan_row *row, uint32_t rows, const struct chan_case *c,
			enum chan_class class, enum beside beside)
{
	struct chan_summary ours = find_summary(row, rows, &chan_vanity, c, class);
	struct chan_summary ref = find_summary(row, rows, &chan_rte, c, class);

	switch (beside) {
	case REF:
		return ratio(ours.median, ref.median);
	case ZC:
		return ratio(ours.median, find_summary(row, rows, &chan_rte_zc, c, class).median);
	case RAW:
		return ratio(ours.median, raw_limit(row, rows, c, class));
	default:
		return ratio(ours.p99, ref.p99);
	}
}

static void print_aim(const struct chan_row *row, uint32_t rows, const struct aim *a,
		      enum chan_class class)
{
	static const char *const beside[] = { "rte_ring", "its zero-copy", "the raw limit",
					      "rte_ring, p99" };
	const struct chan_case c = { a->kind, a->slot_bytes, a->batch, a->slot_count };
	double is = aim_ratio(row, rows, &c, class, a->beside);
	bool most = a->kind == CHAN_PING;
	bool met = most ? is <= a->wanted : is >= a->wanted;

	printf("    %-10s %2u B  batch %2u  cap %5u  x %-13s  aim %s %.2f  ",
	       most ? "one way" : "throughput", a->slot_bytes, a->batch, a->slot_count,
	       beside[a->beside], most ? "<=" : ">=", a->wanted);
	if (is == 0)
		printf("not measured\n");
	else if (met)
		printf("is %.2f  met\n", is);
	else
		printf("is %.2f  MISSED by %.0f %%\n", is,
		       100 * (most ? is / a->wanted - 1 : 1 - is / a->wanted));
}

/* --- the table ----------------------------------------------------------------------------- */

static void print_row(const struct chan_row *row, uint32_t rows, const struct chan_row *r,
		      enum chan_class class)
{
	struct chan_summary s = chan_summarize(r, class);
	double raw = ratio(s.median, raw_limit(row, rows, &r->c, class));
	double ref = ratio(s.median, find_summary(row, rows, &chan_rte, &r->c, class).median);

	if (s.n == 0)
		return;
	printf("    %-14s %9.1f (%.1f-%.1f)", r->design->name, s.median, s.min, s.max);
	if (r->c.kind == CHAN_PING)
		printf("  p99 %.0f", s.p99);
	printf("  ");
	if (ref > 0)
		printf("  %.2fx rte", ref);
	if (raw > 0)
		printf("  %.2fx raw", raw);
	printf("   [n %u, placement %.0f]\n", s.n, s.placement);
}

static void print_class(const struct chan_row *row, uint32_t rows, enum chan_class class)
{
	const struct chan_case *before = NULL;
	uint32_t runs = 0, others = 0, changed = 0;

	for (uint32_t i = 0; i < rows; i++) {
		runs += chan_runs_of(&row[i], class);
		others += row[i].runs - chan_runs_of(&row[i], class);
		changed += row[i].changed;
	}
	if (runs == 0)
		return;
	if (runs < rows) {
		printf("placement: %s: %u runs of %u rows, too few to show (--json has them)\n\n",
		       class_name[class], runs, rows);
		return;
	}
	printf("placement: %s (%s)\n", class_name[class], class_words[class]);
	printf("%u runs; discarded here: %u of other placements, %u whose placement changed\n\n",
	       runs, others, changed);
	for (uint32_t i = 0; i < rows; i++) {
		const struct chan_case *c = &row[i].c;

		if (!before || !same_case(before, c))
			printf("  %s, %u B, batch %u, %u slots, %s\n",
			       c->kind == CHAN_PING ? "one way" : "throughput", c->slot_bytes,
			       c->batch, c->slot_count,
			       c->kind == CHAN_PING ? "ns" : "million items a second");
		before = c;
		print_row(row, rows, &row[i], class);
	}
	printf("\n  aims of `vanity`, medians of this placement\n");
	for (uint32_t i = 0; i < sizeof(aims) / sizeof(aims[0]); i++)
		print_aim(row, rows, &aims[i], class);
	printf("\n");
}

void chan_print_table(const struct chan_row *row, uint32_t rows)
{
	for (enum chan_class c = CHAN_ONE_CORE; c < CHAN_CLASSES; c++)
		print_class(row, rows, c);
	printf("Medians with (min-max) over runs; every word of every run was verified. x rte: beside"
	       " rte_ring,\nx raw: beside the best stream of stores through the same footprint, or"
	       " two lines.\n");
}
