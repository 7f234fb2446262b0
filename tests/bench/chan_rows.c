/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_rows.c: all rows, over and over.
 *
 * One repetition runs every row once; the rows of one case run right after each other, another one
 * first in each repetition. A run whose placement changed under it is discarded, counted and made
 * again. At the end those rows that have fewer runs than asked for in the class most runs were in
 * get more, up to a bound. Figures of different classes never meet.
 */
#include <stdio.h>

#include "chan.h"

#define CHANGED_TRIES 3u /* at once, when the placement changed */
#define AGAIN 2u /* so many times the repetitions asked for, at the end, for one row */
#define PILOTS 3u /* short runs, the best of which says how long the others are */
#define PILOT_ITEMS 65536u
#define PILOT_PINGS 512u
#define PING_WARM 200u
#define STREAM_WARM_LAPS 4ull
#define PIECE_ALIGN (CHAN_PIECES * CHAN_BATCH_MAX)

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
		fprintf(stderr, "vanity-bench: %s, %u B, batch %u: %s\n", row->design->name,
			row->c.slot_bytes, row->c.batch, run->shared->words);
	return status;
}

/* How many items make a run of about @ms. */
static int row_pilot(struct chan_run *run, struct chan_row *row, uint32_t pilots, uint32_t ms)
{
	bool ping = row->c.kind == CHAN_PING;
	double best = 0; /* a millisecond */

	for (uint32_t i = 0; i < pilots; i++) {
		double a_ms;

		if (row_run(run, row, ping ? PILOT_PINGS : PILOT_ITEMS) < 0)
			return -1;
		a_ms = ping ? 1e6 / (2 * run->shared->value) : run->shared->value * 1e3;
		best = a_ms > best ? a_ms : best;
	}
	row->count = (uint64_t)(best * ms) + 1;
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
static int rows_again(struct chan_run *run, struct chan_row *row, uint32_t rows, uint32_t count)
{
	for (uint32_t r = 0, found = 1; r < AGAIN * count && found > 0; r++) {
		enum chan_class modal = chan_modal(row, rows);

		found = 0;
		for (uint32_t i = 0; i < rows; i++) {
			uint32_t had = chan_runs_of(&row[i], modal);

			if (had >= count || row[i].runs == CHAN_RUNS_MAX)
				continue;
			if (row_sample(run, &row[i]) != 0)
				return -1;
			found += chan_runs_of(&row[i], modal) > had;
		}
	}
	return 0;
}

int chan_rows_run(struct chan_run *run, struct chan_row *row, uint32_t rows, uint32_t count,
		  uint32_t ms)
{
	for (uint32_t i = 0; i < rows; i++)
		if (row_pilot(run, &row[i], count < PILOTS ? count : PILOTS, ms) != 0)
			return -1;
	for (uint32_t r = 0; r < count; r++)
		for (uint32_t at = 0, end; at < rows; at = end) {
			end = case_end(row, rows, at);
			for (uint32_t i = 0; i < end - at; i++)
				if (row_sample(run, &row[at + (i + r) % (end - at)]) != 0)
					return -1;
		}
	return rows_again(run, row, rows, count);
}
