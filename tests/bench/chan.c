/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.c: `vanity-bench chan`: the channel beside other rings and beside what cache lines allow.
 *
 * One repetition runs every design at every case once; the designs of one case run right after
 * each other, another one first in each repetition. A run whose placement changed under it is
 * discarded, counted and made again. At the end those rows that have fewer runs than asked for in
 * the class most runs were in get more, up to a bound. Figures of different classes never meet.
 */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chan.h"

#define ROWS_MAX 128u
#define COUNT 11u
#define COUNT_QUICK 7u
#define MS 40u
#define MS_QUICK 12u
#define CHANGED_TRIES 3u /* at once, when the placement changed */
#define AGAIN 2u /* so many times the repetitions asked for, at the end, for one row */
#define PILOTS 3u /* short runs, the best of which says how long the others are */
#define PILOT_ITEMS 65536u
#define PILOT_PINGS 512u
#define PING_WARM 200u
#define STREAM_WARM_LAPS 4ull
#define PIECE_ALIGN (CHAN_PIECES * CHAN_BATCH_MAX)

struct options {
	uint32_t count, ms;
	bool json, quick;
	int core[2];
};

static const struct chan_design *const peers[] = {
	&chan_vanity, &chan_vanity_loop, &chan_vanity_frames, &chan_rte, &chan_rte_zc, &chan_ck,
};
static const struct chan_design *const streams[] = {
	&chan_stream8,
	&chan_stream16,
	&chan_stream32,
	&chan_stream64,
};
static const struct chan_case cases[] = {
	{ CHAN_STREAM, 8, 32, 1024 },  { CHAN_STREAM, 16, 32, 1024 },
	{ CHAN_STREAM, 64, 32, 1024 }, { CHAN_STREAM, 16, 32, 16384 },
	{ CHAN_STREAM, 8, 1, 1024 },   { CHAN_STREAM, 16, 1, 1024 },
	{ CHAN_STREAM, 64, 1, 1024 },  { CHAN_PING, 8, 1, 1024 },
	{ CHAN_PING, 16, 1, 1024 },    { CHAN_PING, 64, 1, 1024 },
	{ CHAN_PING, 8, 32, 1024 },    { CHAN_PING, 16, 32, 1024 },
	{ CHAN_PING, 64, 32, 1024 },
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char usage[] =
	"usage: vanity-bench chan [--quick] [--json] [--count N] [--ms N] [--cores A,B]\n"
	"       vanity-bench chan --compare A B\n"
	"\n"
	"Items between two pinned processes: ours, rte_ring by copy and zero-copy, ck_ring, and what\n"
	"cache lines allow. Every word is looked at; what was not right is no figure. Figures of runs\n"
	"with the CPUs one core, one cache or further apart are kept apart.\n"
	"\n"
	"  --quick       7 repetitions of short runs: under 30 s\n"
	"  --json        one JSON object a line: `chan` a row, `chan-run` each run of it\n"
	"  --count N     repetitions (11; at most 32)\n"
	"  --ms N        about so long each run moves items (40)\n"
	"  --cores A,B   who receives and who sends (the first two CPUs this process may use)\n"
	"  --compare A B two files made by --json: B against A, with a bootstrap interval a row\n";

/* --- rows ---------------------------------------------------------------------------------- */

static bool row_wanted(const struct chan_design *d, const struct chan_case *c)
{
	if (d == &chan_vanity_frames)
		return c->slot_bytes == 16;
	if (d == &chan_vanity_loop)
		return c->slot_bytes == 16 && c->slot_count == 1024;
	return true;
}

static void row_add(struct chan_row *row, uint32_t *rows, const struct chan_design *d,
		    const struct chan_case *c)
{
	row[*rows] = (struct chan_row){ .design = d, .c = *c };
	*rows += 1;
}

/* Rows of one case lie together: they are compared with each other. */
static uint32_t rows_make(struct chan_row *row)
{
	static const struct chan_case line = { CHAN_PING, 8, 1, 1 };
	uint32_t rows = 0;

	for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
		const struct chan_case *c = &cases[i];

		for (uint32_t k = 0; k < COUNT_OF(peers); k++)
			if (peers[k]->lay_out != NULL && row_wanted(peers[k], c))
				row_add(row, &rows, peers[k], c);
		for (uint32_t k = 0; k < COUNT_OF(streams); k++)
			if (c->kind == CHAN_STREAM && c->batch == 32 &&
			    chan_stream_possible(streams[k]))
				row_add(row, &rows, streams[k], c);
		if (c->kind == CHAN_PING && c->batch == 1 && c->slot_bytes == 16) {
			row_add(row, &rows, &chan_line, &line);
			row_add(row, &rows, &chan_lines, &line);
		}
	}
	return rows;
}

/* Where the rows of the next case begin. */
static uint32_t case_end(const struct chan_row *row, uint32_t rows, uint32_t at)
{
	uint32_t end = at + 1;

	while (end < rows && row[end].c.kind == row[at].c.kind &&
	       row[end].c.slot_bytes == row[at].c.slot_bytes &&
	       row[end].c.batch == row[at].c.batch && row[end].c.slot_count == row[at].c.slot_count)
		end++;
	return end;
}

/* --- runs ---------------------------------------------------------------------------------- */

static int row_run(struct chan_run *run, struct chan_row *row, uint64_t count)
{
	int status;

	run->design = row->design;
	run->c = row->c;
	if (row->c.kind == CHAN_PING) {
		run->count = count < CHAN_PING_MAX ? count : CHAN_PING_MAX;
		run->warm = PING_WARM;
	} else {
		run->count = (count + PIECE_ALIGN - 1) / PIECE_ALIGN * PIECE_ALIGN;
		run->warm = (STREAM_WARM_LAPS * row->c.slot_count + PIECE_ALIGN - 1) / PIECE_ALIGN *
			    PIECE_ALIGN;
	}
	status = chan_run_once(run);
	if (status < 0)
		fprintf(stderr, "vanity-bench chan: %s, %u B, batch %u: %s\n", row->design->name,
			row->c.slot_bytes, row->c.batch, run->shared->words);
	return status;
}

/* How many items make a run of about @ms. */
static int row_pilot(struct chan_run *run, struct chan_row *row, const struct options *o)
{
	uint32_t pilots = o->count < PILOTS ? o->count : PILOTS;
	bool ping = row->c.kind == CHAN_PING;
	double best = 0; /* a millisecond */

	for (uint32_t i = 0; i < pilots; i++) {
		double a_ms;

		if (row_run(run, row, ping ? PILOT_PINGS : PILOT_ITEMS) < 0)
			return -1;
		a_ms = ping ? 1e6 / (2 * run->shared->value) : run->shared->value * 1e3;
		best = a_ms > best ? a_ms : best;
	}
	row->count = (uint64_t)(best * o->ms) + 1;
	return 0;
}

static int row_sample(struct chan_run *run, struct chan_row *row)
{
	const struct chan_shared *s = run->shared;
	int status = 1;

	for (uint32_t i = 0; i < CHANGED_TRIES && status == 1; i++) {
		status = row_run(run, row, row->count);
		row->changed += status == 1;
	}
	if (status == 0 && row->runs < CHAN_RUNS_MAX)
		row->run[row->runs++] = (struct chan_sample){
			.value = s->value,
			.p50 = s->p50,
			.p99 = s->p99,
			.placement = (s->placement[0] + s->placement[1]) / 2,
			.class = chan_class_of(s->placement[0]),
		};
	return status < 0 ? -1 : 0;
}

/* Rows that lack runs of the class that most runs were in; until a whole round found none of it. */
static int rows_again(const struct options *o, struct chan_run *run, struct chan_row *row,
		      uint32_t rows)
{
	for (uint32_t r = 0, found = 1; r < AGAIN * o->count && found > 0; r++) {
		enum chan_class modal = chan_modal(row, rows);

		found = 0;
		for (uint32_t i = 0; i < rows; i++) {
			uint32_t had = chan_runs_of(&row[i], modal);

			if (had >= o->count || row[i].runs == CHAN_RUNS_MAX)
				continue;
			if (row_sample(run, &row[i]) != 0)
				return -1;
			found += chan_runs_of(&row[i], modal) > had;
		}
	}
	return 0;
}

static int rows_run(const struct options *o, struct chan_run *run, struct chan_row *row,
		    uint32_t rows)
{
	for (uint32_t i = 0; i < rows; i++)
		if (row_pilot(run, &row[i], o) != 0)
			return -1;
	for (uint32_t r = 0; r < o->count; r++)
		for (uint32_t at = 0, end; at < rows; at = end) {
			end = case_end(row, rows, at);
			for (uint32_t i = 0; i < end - at; i++)
				if (row_sample(run, &row[at + (i + r) % (end - at)]) != 0)
					return -1;
		}
	return rows_again(o, run, row, rows);
}

/* --- the command --------------------------------------------------------------------------- */

static uint32_t number(const char *text, uint32_t most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *text == '\0' || *end != '\0' || n < 1 || n > most ? 0 : (uint32_t)n;
}

static int bad_value(const char *option, const char *text, const char *wanted)
{
	fprintf(stderr, "vanity-bench chan: --%s %s: give %s\n", option, text, wanted);
	return 2;
}

static int chan_all(struct options *o)
{
	static struct chan_row row[ROWS_MAX];
	struct chan_run run = { .core = { o->core[0], o->core[1] } };
	uint32_t rows = rows_make(row);

	run.shared = chan_shared_new();
	if (!run.shared)
		return 1;
	run.cycles_per_ns = chan_cycles_per_ns();
	for (uint32_t i = 0; i < COUNT_OF(peers); i++)
		if (peers[i]->lay_out == NULL)
			fprintf(stderr,
				"vanity-bench chan: %s is absent: it was not installed when this"
				" was built (scripts/install-deps --bench, then build again)\n",
				peers[i]->name);
	if (rows_run(o, &run, row, rows) != 0)
		return 1;
	if (run.small_pages)
		fprintf(stderr,
			"\nSMALL PAGES: no 2 MiB page was free for some or all of these runs, so these"
			" figures are not those of huge pages.\n"
			"Reserve some: echo 32 > /proc/sys/vm/nr_hugepages\n\n");
	if (o->json)
		chan_print_json(row, rows);
	else
		chan_print_table(row, rows);
	return 0;
}

int bench_chan(int argc, char **argv)
{
	static const struct option options[] = {
		{ "quick", no_argument, NULL, 'q' },       { "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'n' }, { "ms", required_argument, NULL, 'm' },
		{ "cores", required_argument, NULL, 'c' }, { "compare", no_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' },        { NULL, 0, NULL, 0 },
	};
	struct options o = { .core = { -1, -1 } };
	bool compare = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'q':
			o.quick = true;
			break;
		case 'j':
			o.json = true;
			break;
		case 'n':
			o.count = number(optarg, CHAN_RUNS_MAX / 2);
			if (o.count == 0)
				return bad_value("count", optarg, "1 to 32");
			break;
		case 'm':
			o.ms = number(optarg, 1000);
			if (o.ms == 0)
				return bad_value("ms", optarg, "1 to 1000");
			break;
		case 'c':
			if (sscanf(optarg, "%d,%d", &o.core[0], &o.core[1]) != 2 || o.core[0] < 0 ||
			    o.core[1] < 0 || o.core[0] == o.core[1] || o.core[0] >= CPU_SETSIZE ||
			    o.core[1] >= CPU_SETSIZE)
				return bad_value("cores", optarg, "two CPU numbers, as in 0,1");
			break;
		case 'C':
			compare = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (argc - optind != (compare ? 2 : 0)) {
		fputs(usage, stderr);
		return 2;
	}
	if (compare)
		return chan_compare(argv[optind], argv[optind + 1]);
	o.count = o.count ? o.count : o.quick ? COUNT_QUICK : COUNT;
	o.ms = o.ms ? o.ms : o.quick ? MS_QUICK : MS;
	if (o.core[0] < 0 && chan_cores(o.core) != 0) {
		fprintf(stderr, "vanity-bench chan: this process may use one CPU; two polling"
				" processes need two (taskset -c 0,1, or another machine)\n");
		return 1;
	}
	return chan_all(&o);
}
