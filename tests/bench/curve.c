/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curve.c: `vanity-bench curve`: one program with two loops, as it trades latency against rate.
 *
 * The program takes, and where there was nothing it waits: one loop polls (VANITY_POLL), the other
 * sleeps at once (0 ns of spinning). Both are shards under Linux' platform (notify_ways.c), items
 * of 16 bytes, 1,024 slots. For bursts of 1 to 64: one way of a whole burst, and items a second of
 * a stream. Printed as a table and drawn as an SVG without scripts or fonts of its own.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notify.h"

#define COUNT 7u
#define MS 20u
#define BURSTS 7u /* 1 to 64 */
#define LOOPS 2u
#define KINDS 2u
#define ROWS (BURSTS * LOOPS * KINDS)

static const struct chan_design *const loops[LOOPS] = { &notify_poll, &notify_sleep };
static const char *const loop_name[LOOPS] = { "polls", "sleeps" };
/* Told apart by who sees few colours (Okabe and Ito 2008), and by dashes beside that. */
static const char *const colour[LOOPS] = { "#0072b2", "#d55e00" };

/* --- rows ---------------------------------------------------------------------------------- */

static uint32_t row_at(uint32_t kind, uint32_t burst, uint32_t loop)
{
	return (kind * BURSTS + burst) * LOOPS + loop;
}

static void rows_make(struct chan_row *row)
{
	for (uint32_t kind = 0; kind < KINDS; kind++)
		for (uint32_t burst = 0; burst < BURSTS; burst++)
			for (uint32_t loop = 0; loop < LOOPS; loop++)
				row[row_at(kind, burst, loop)] = (struct chan_row){
					.design = loops[loop],
					.c = { kind ? CHAN_PING : CHAN_STREAM, 16, 1u << burst,
					       1024 },
				};
}

/* --- the drawing --------------------------------------------------------------------------- */

struct panel {
	double left, top, width, height;
	double low, high; /* powers of ten at the bottom and at the top */
};

static double x_of(const struct panel *p, uint32_t burst)
{
	return p->left + p->width * burst / (BURSTS - 1);
}

static double y_of(const struct panel *p, double value)
{
	double at = (log10(value) - p->low) / (p->high - p->low);

	return p->top + p->height * (1 - at);
}

static void panel_scale(struct panel *p, const struct chan_row *row, uint32_t kind,
			enum chan_class class)
{
	double low = 1e300, high = 0;

	for (uint32_t i = 0; i < BURSTS * LOOPS; i++) {
		struct chan_summary s = chan_summarize(&row[kind * BURSTS * LOOPS + i], class);

		if (s.n == 0)
			continue;
		low = s.min < low ? s.min : low;
		high = s.max > high ? s.max : high;
		high = kind && s.p99 > high ? s.p99 : high;
	}
	p->low = high > 0 ? floor(log10(low)) : 0;
	p->high = high > 0 ? ceil(log10(high)) : 1;
	if (p->high <= p->low)
		p->high = p->low + 1;
}

static void panel_frame(FILE *f, const struct panel *p, const char *title, const char *const *unit,
			int unit_first)
{
	fprintf(f, "<text x=\"%.0f\" y=\"%.0f\" font-weight=\"bold\">%s</text>\n", p->left,
		p->top - 14, title);
	for (int e = (int)p->low; e <= (int)p->high; e++) {
		double y = y_of(p, pow(10, e));
		int at = e - unit_first;

		fprintf(f,
			"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n"
			"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s%s</text>\n",
			p->left, y, p->left + p->width, y, p->left - 6, y + 4,
			at % 3 == 0   ? "1"
			: at % 3 == 1 ? "10"
				      : "100",
			unit[at / 3]);
	}
	for (uint32_t burst = 0; burst < BURSTS; burst++)
		fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%u</text>\n",
			x_of(p, burst), p->top + p->height + 18, 1u << burst);
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">items a burst</text>\n",
		p->left + p->width / 2, p->top + p->height + 36);
}

/* Values in units of the axis: ns, or items a second. */
static double scaled(double value, uint32_t kind)
{
	return kind ? value : value * 1e6;
}

static void panel_line(FILE *f, const struct panel *p, const struct chan_row *row, uint32_t kind,
		       uint32_t loop, enum chan_class class, bool p99)
{
	const char *join = "M";
	double last = 0;

	fprintf(f, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s d=\"", colour[loop],
		p99 ? "1" : "2", p99 ? " stroke-dasharray=\"4 3\"" : "");
	for (uint32_t burst = 0; burst < BURSTS; burst++) {
		struct chan_summary s = chan_summarize(&row[row_at(kind, burst, loop)], class);

		if (s.n == 0)
			continue;
		last = y_of(p, scaled(p99 ? s.p99 : s.median, kind));
		fprintf(f, "%s%.1f %.1f", join, x_of(p, burst), last);
		join = "L";
	}
	fprintf(f, "\"/>\n");
	if (*join == 'L')
		fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\">%s%s</text>\n",
			p->left + p->width + 6, last + 4, colour[loop], loop_name[loop],
			p99 ? ", p99" : "");
}

/* From the slowest to the fastest run. */
static void panel_ranges(FILE *f, const struct panel *p, const struct chan_row *row, uint32_t kind,
			 uint32_t loop, enum chan_class class)
{
	for (uint32_t burst = 0; burst < BURSTS; burst++) {
		struct chan_summary s = chan_summarize(&row[row_at(kind, burst, loop)], class);

		if (s.n > 0)
			fprintf(f,
				"<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
				x_of(p, burst), x_of(p, burst), y_of(p, scaled(s.min, kind)),
				y_of(p, scaled(s.max, kind)), colour[loop]);
	}
}

/* Before anything is measured for it. */
static FILE *drawing_open(const char *path, const char *mode)
{
	FILE *f = fopen(path, mode);

	if (!f)
		fprintf(stderr, "vanity-bench curve: %s: %s; give another file with --output\n",
			path, strerror(errno));
	return f;
}

static int draw(const char *path, const struct chan_row *row, enum chan_class class)
{
	static const char *const time_unit[] = { " ns", " us", " ms", " s" };
	static const char *const rate_unit[] = { "/s", " k/s", " M/s", " G/s", " T/s" };
	struct panel rate = { 80, 70, 250, 240, 0, 0 }, time = { 490, 70, 250, 240, 0, 0 };
	struct panel *const panel[KINDS] = { &rate, &time };
	FILE *f = drawing_open(path, "w");
	int failed;

	if (!f)
		return -1;
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 840 370\" width=\"840\""
		" height=\"370\" font-family=\"sans-serif\" font-size=\"12\">\n"
		"<title>One program, two loops: rate and latency by burst</title>\n"
		"<desc>Printed by vanity-bench curve</desc>\n"
		"<rect width=\"840\" height=\"370\" fill=\"white\"/>\n"
		"<text x=\"80\" y=\"26\">Items of 16 bytes between two processes (placement: %s);"
		" median, and all runs as bars</text>\n",
		chan_class_name(class));
	for (uint32_t kind = 0; kind < KINDS; kind++) {
		panel_scale(panel[kind], row, kind, class);
		if (kind == 0) {
			rate.low += 6;
			rate.high += 6;
		}
		panel_frame(f, panel[kind], kind ? "one way of a burst" : "items a second",
			    kind ? time_unit : rate_unit, 0);
		for (uint32_t loop = 0; loop < LOOPS; loop++) {
			panel_ranges(f, panel[kind], row, kind, loop, class);
			panel_line(f, panel[kind], row, kind, loop, class, false);
			if (kind)
				panel_line(f, panel[kind], row, kind, loop, class, true);
		}
	}
	fprintf(f, "</svg>\n");
	failed = ferror(f);
	if (fclose(f) != 0 || failed) {
		fprintf(stderr, "vanity-bench curve: %s: not written; is there room on the disk?\n",
			path);
		return -1;
	}
	return 0;
}

/* --- the command --------------------------------------------------------------------------- */

static void print(const struct chan_row *row, enum chan_class class)
{
	printf("placement: %s\n", chan_class_name(class));
	for (uint32_t burst = 0; burst < BURSTS; burst++)
		for (uint32_t loop = 0; loop < LOOPS; loop++) {
			struct chan_summary rate =
				chan_summarize(&row[row_at(0, burst, loop)], class);
			struct chan_summary time =
				chan_summarize(&row[row_at(1, burst, loop)], class);

			printf("burst %2u  %-6s  %8.2f (%.2f-%.2f) million a second   one way %9.0f"
			       " (%.0f-%.0f) p99 %.0f ns  [n %u, %u]\n",
			       1u << burst, loop_name[loop], rate.median, rate.min, rate.max,
			       time.median, time.min, time.max, time.p99, rate.n, time.n);
		}
}

static const char usage[] =
	"usage: vanity-bench curve --output FILE.svg [--count N] [--ms N] [--cores A,B]\n"
	"\n"
	"One program with two loops, one that polls and one that sleeps: items a second and one way of\n"
	"a burst, for bursts of 1 to 64; printed, and drawn into FILE.svg.\n"
	"\n"
	"  --count N    repetitions (7; at most 32)\n"
	"  --ms N       about so long each run moves items (20)\n"
	"  --cores A,B  both sides (the first two CPUs this process may use)\n";

static int refuse(const char *option, const char *text, const char *wanted)
{
	fprintf(stderr, "vanity-bench curve: --%s %s: give %s\n", option, text, wanted);
	return 2;
}

int bench_curve(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "count", required_argument, NULL, 'n' },
		{ "ms", required_argument, NULL, 'm' },
		{ "cores", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct chan_row row[ROWS];
	struct chan_run run = { .core = { -1, -1 } };
	const char *output = NULL;
	long count = COUNT, ms = MS;
	FILE *f;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'o') {
			output = optarg;
		} else if (c == 'n') {
			count = strtol(optarg, NULL, 10);
			if (count < 1 || count > (long)CHAN_RUNS_MAX / 2)
				return refuse("count", optarg, "1 to 32");
		} else if (c == 'm') {
			ms = strtol(optarg, NULL, 10);
			if (ms < 1 || ms > 1000)
				return refuse("ms", optarg, "1 to 1000");
		} else if (c == 'c') {
			if (sscanf(optarg, "%d,%d", &run.core[0], &run.core[1]) != 2 ||
			    run.core[0] < 0 || run.core[1] < 0 || run.core[0] == run.core[1])
				return refuse("cores", optarg, "two CPU numbers, as in 0,1");
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (!output || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (run.core[0] < 0 && chan_cores(run.core) != 0) {
		fprintf(stderr,
			"vanity-bench curve: this process may use one CPU; two loops need two\n");
		return 1;
	}
	f = drawing_open(output, "a");
	if (!f)
		return 1;
	fclose(f);
	run.shared = chan_shared_new();
	if (!run.shared)
		return 1;
	run.cycles_per_ns = chan_cycles_per_ns();
	rows_make(row);
	if (chan_rows_run(&run, row, ROWS, (uint32_t)count, (uint32_t)ms) != 0)
		return 1;
	print(row, chan_modal(row, ROWS));
	return draw(output, row, chan_modal(row, ROWS)) == 0 ? 0 : 1;
}
