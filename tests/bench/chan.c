/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.c: `vanity-bench chan`: the channel beside other rings and beside what cache lines allow.
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
	if (chan_rows_run(&run, row, rows, o->count, o->ms) != 0)
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
