/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c: `vanity-bench notify`: what it costs to wake a neighbour, and that nobody is woken who
 * does not sleep.
 *
 *      one at a time   there and back, one message under way: who waits has always gone to sleep,
 *                      so that each message is a wake. Beside two processes with bare eventfds
 *      both busy       a stream of bursts of 32 between the same two shards
 *
 * System calls of both processes are counted from outside, by the kernel (calls.h), between two
 * moments in which both stand still. Wakes and sleeps are counted where Linux' platform is called:
 * a wake is one write to an eventfd, made when the neighbour's flag said that it sleeps.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "notify.h"

#define COUNT 9u
#define COUNT_MAX 32u
#define PINGS 2000u
#define ITEMS (CHAN_PIECES * CHAN_BATCH_MAX * 500u)
#define WARM 128u

static const struct row {
	const struct chan_design *design;
	uint32_t kind, batch;
} rows[] = {
	{ &notify_eventfd, CHAN_PING, 1 }, { &notify_ppoll, CHAN_PING, 1 },
	{ &notify_sleep, CHAN_PING, 1 },   { &notify_spin, CHAN_PING, 1 },
	{ &notify_poll, CHAN_PING, 1 },    { &notify_spin, CHAN_STREAM, 32 },
	{ &notify_poll, CHAN_STREAM, 32 },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct found {
	uint32_t n, changed;
	double value[COUNT_MAX], p50[COUNT_MAX], p99[COUNT_MAX], placement[COUNT_MAX];
	/* Of both sides, of all runs; calls are -1 where they cannot be counted. */
	double calls, wakes, sleeps, messages;
};

struct watcher {
	uint64_t tracepoint;
	int fd[2];
	long long calls; /* of both sides, between the moments; -1: not counted */
	uint64_t wakes, sleeps;
};

static void watch(struct chan_run *run, int moment, const pid_t pid[2])
{
	struct watcher *w = run->watcher;
	const struct chan_shared *s = run->shared;

	for (int side = 0; side < 2; side++) {
		long long calls;

		if (moment == 0)
			w->fd[side] = syscall_counter(pid[side], w->tracepoint);
		calls = w->fd[side] < 0 ? -1 : counter_read(w->fd[side]);
		if (calls < 0 || w->calls < 0)
			w->calls = -1;
		else
			w->calls += moment == 0 ? -calls : calls;
		w->wakes += moment == 0 ? -s->wakes[side] : s->wakes[side];
		w->sleeps += moment == 0 ? -s->sleeps[side] : s->sleeps[side];
		if (moment == 1 && w->fd[side] >= 0)
			close(w->fd[side]);
	}
}

static int run_row(struct chan_run *run, const struct row *row, struct found *f)
{
	struct watcher *w = run->watcher;
	int status = 1;

	run->design = row->design;
	run->c = (struct chan_case){ row->kind, 16, row->batch, 1024 };
	run->count = row->kind == CHAN_PING ? PINGS : ITEMS;
	run->warm = row->kind == CHAN_PING ? WARM : CHAN_PIECES * CHAN_BATCH_MAX;
	for (uint32_t i = 0; i < 3 && status == 1; i++) {
		*w = (struct watcher){ .tracepoint = w->tracepoint };
		status = chan_run_once(run);
		f->changed += status == 1;
	}
	if (status != 0) {
		if (status < 0)
			fprintf(stderr, "vanity-bench notify: %s: %s\n", row->design->name,
				run->shared->words);
		return status < 0 ? -1 : 0;
	}
	f->value[f->n] = run->shared->value;
	f->p50[f->n] = run->shared->p50;
	f->p99[f->n] = run->shared->p99;
	f->placement[f->n] = (run->shared->placement[0] + run->shared->placement[1]) / 2;
	f->n++;
	if (w->calls < 0 || f->calls < 0)
		f->calls = -1;
	else
		f->calls += (double)w->calls;
	f->wakes += (double)w->wakes;
	f->sleeps += (double)w->sleeps;
	/* There and back are two. */
	f->messages += (double)(run->count + run->warm) * (row->kind == CHAN_PING ? 2 : 1);
	return 0;
}

/* --- words --------------------------------------------------------------------------------- */

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

static void print_json(const struct row *row, struct found *f, double bare)
{
	bool ping = row->kind == CHAN_PING;
	double middle = median(f->value, f->n);

	printf("{\"bench\":\"notify\",\"design\":\"%s\",\"es\":16,\"batch\":%u,\"cap\":1024,"
	       "\"unit\":\"%s\",\"n\":%u,\"median\":%.5g,\"min\":%.5g,\"max\":%.5g,\"p50\":%.5g,"
	       "\"p99\":%.5g,",
	       row->design->name, row->batch, ping ? "ns" : "Mitem/s", f->n, middle, f->value[0],
	       f->value[f->n - 1], median(f->p50, f->n), median(f->p99, f->n));
	if (ping)
		printf("\"ratio_raw\":%.4g,\"ratio_ref\":null,", middle / bare);
	else
		printf("\"ratio_raw\":null,\"ratio_ref\":null,");
	printf("\"discarded\":%u,\"verified\":true,\"placement\":%.1f,\"messages\":%.0f,"
	       "\"calls\":%.0f,\"wakes\":%.0f,\"sleeps\":%.0f}\n",
	       f->changed, median(f->placement, f->n), f->messages, f->calls, f->wakes, f->sleeps);
}

static void print_words(const struct row *row, struct found *f, double bare)
{
	bool ping = row->kind == CHAN_PING;
	double middle = median(f->value, f->n);

	printf("%-13s %-28s", ping ? "one at a time" : "both busy", row->design->name);
	if (ping)
		printf("%8.2f us (%.2f-%.2f) p99 %8.2f  %5.2fx bare", middle / 1e3,
		       f->value[0] / 1e3, f->value[f->n - 1] / 1e3, median(f->p99, f->n) / 1e3,
		       middle / bare);
	else
		printf("%8.1f million a second                  ", middle);
	if (f->calls < 0)
		printf("  calls a message: not counted");
	else
		printf("  calls a message %.4f (%.0f of %.0f)", f->calls / f->messages, f->calls,
		       f->messages);
	printf("  wakes %.0f, sleeps %.0f\n", f->wakes, f->sleeps);
}

static void print_all(struct found *found, bool json)
{
	double bare;

	if (found[0].n == 0)
		return;
	bare = median(found[0].value, found[0].n);
	for (uint32_t i = 0; i < ROWS; i++) {
		if (found[i].n == 0)
			continue;
		if (json)
			print_json(&rows[i], &found[i], bare);
		else
			print_words(&rows[i], &found[i], bare);
	}
	if (!json)
		printf("\nOne way, median of %u runs (min-max); bare: two blocking eventfds of the same"
		       " run. Calls of both\nsides between two moments in which they stood still;"
		       " wakes: writes to a neighbour's eventfd.\n",
		       found[0].n);
}

static const char usage[] =
	"usage: vanity-bench notify [--json] [--count N] [--cores A,B]\n"
	"\n"
	"What waking a neighbour costs, beside bare eventfds, and how many system calls a message\n"
	"takes when nobody sleeps. Counting calls needs root.\n"
	"\n"
	"  --json       one JSON object a line\n"
	"  --count N    repetitions (9; at most 32)\n"
	"  --cores A,B  both sides (the first two CPUs this process may use)\n";

int bench_notify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'n' },
		{ "cores", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct found found[ROWS];
	struct watcher watcher = { 0 };
	struct chan_run run = { .core = { -1, -1 }, .watch = watch, .watcher = &watcher };
	long count = COUNT;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'j') {
			json = true;
		} else if (c == 'n') {
			count = strtol(optarg, NULL, 10);
			if (count < 1 || count > (long)COUNT_MAX) {
				fprintf(stderr, "vanity-bench notify: --count %s: give 1 to %u\n",
					optarg, COUNT_MAX);
				return 2;
			}
		} else if (c == 'c') {
			if (sscanf(optarg, "%d,%d", &run.core[0], &run.core[1]) != 2 ||
			    run.core[0] < 0 || run.core[1] < 0 || run.core[0] == run.core[1]) {
				fprintf(stderr,
					"vanity-bench notify: --cores %s: give two CPU numbers, as"
					" in 0,1\n",
					optarg);
				return 2;
			}
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (run.core[0] < 0 && chan_cores(run.core) != 0) {
		fprintf(stderr,
			"vanity-bench notify: this process may use one CPU; a wake from core to"
			" core needs two\n");
		return 1;
	}
	run.shared = chan_shared_new();
	if (!run.shared)
		return 1;
	run.cycles_per_ns = chan_cycles_per_ns();
	watcher.tracepoint = tracepoint_id();
	if (watcher.tracepoint == 0)
		fprintf(stderr,
			"vanity-bench notify: system calls are not counted: no tracepoint"
			" raw_syscalls:sys_enter here (root has it, where the kernel does)\n");
	for (uint32_t r = 0; r < (uint32_t)count; r++)
		for (uint32_t i = 0; i < ROWS; i++)
			if (run_row(&run, &rows[(i + r) % ROWS], &found[(i + r) % ROWS]) != 0)
				return 1;
	print_all(found, json);
	return 0;
}
