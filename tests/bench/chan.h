/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.h: what the sources of `vanity-bench chan` share.
 *
 *      chan.c          the command line, the list of rows
 *      chan_rows.c     all of them, over and over
 *      chan_run.c      one run: memory, two pinned processes, placement before and after
 *      chan_loop.h     the work both sides do, the same for every design
 *      chan_vanity.c   ours, through vanity.h
 *      chan_system.c   the two shards it runs in, in the regions of a plan
 *      chan_raw.c      what the cache lines allow: one line, two lines, a stream of stores
 *      chan_dpdk.c     rte_ring, by copy and zero-copy   | chan_no_dpdk.c where it is not installed
 *      chan_ck.c       ck_ring                           | chan_no_ck.c   likewise
 *      chan_print.c    medians, the table with its aims, JSON
 *      chan_compare.c  two result files, a bootstrap interval a row
 *
 * A run:
 *
 *      parent: lay_out() --fork--> near: pin, join, placement, role, placement, result
 *              waits      \-----> far:  pin, join, placement, role, placement
 *
 * `near` keeps the time: it receives a stream, or asks and is answered. Nothing of a run outlives
 * its two processes, so no run finds what the one before it left in caches of its own making.
 */
#ifndef TESTS_BENCH_CHAN_H
#define TESTS_BENCH_CHAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CHAN_BATCH_MAX 64u
#define CHAN_WORDS_MAX 8u
#define CHAN_MEMORIES_MAX 16u
#define CHAN_PING_MAX 60000u
#define CHAN_PIECES 64u /* of a stream; each is timed on its own */

enum chan_kind { CHAN_STREAM, CHAN_PING };
enum chan_side { CHAN_NEAR, CHAN_FAR };

/*
 * How far apart the host put the two CPUs, by a line's way from one to the other. Ratios of designs
 * differ between these, so that figures of one are never mixed with figures of another.
 */
enum chan_class { CHAN_ONE_CORE, CHAN_ONE_CACHE, CHAN_APART, CHAN_CLASSES };
#define CHAN_ONE_CORE_BELOW_NS 55.0
#define CHAN_ONE_CACHE_BELOW_NS 160.0

struct chan_case {
	uint32_t kind; /* enum chan_kind */
	uint32_t slot_bytes, batch, slot_count;
};

/* Written by one side, read by the other; each word on a line pair of its own. */
struct chan_word {
	_Alignas(128) uint64_t word;
};

/* What both processes and their parent see of a run, beside the design's own memory. */
struct chan_shared {
	struct chan_word line, there, back; /* for placement and for the raw limits */
	struct chan_word arrived[2]; /* barrier, by side */
	struct chan_word room; /* raw stream: lines that may be written anew */
	double placement[2]; /* ns, before and after */
	double value; /* million items a second, or ns */
	double p50, p99; /* ns of round trips; rates of pieces: half, and 99 of 100, were as fast */
	/* Of two processes that sleep, by side: calls that slept, and that woke the other. */
	uint64_t sleeps[2], wakes[2];
	struct chan_word moment[2], watched; /* see struct chan_run.watch */
	uint64_t wrong; /* not 0: a word was not what the sender had sent */
	char words[128]; /* why a side gave up */
};

struct chan_memory {
	int fd;
	uint64_t bytes;
};

struct chan_design;
struct chan_run {
	const struct chan_design *design;
	struct chan_case c;
	/* Items, or round trips; `warm` more before them are not timed. Of a stream, each of its
	 * pieces is whole batches and whole lines. */
	uint64_t count, warm;
	double cycles_per_ns;
	int core[2];
	bool small_pages; /* out: no huge page was free */
	struct chan_shared *shared;
	uint32_t memory_count;
	struct chan_memory memory[CHAN_MEMORIES_MAX];
	/* Called by the parent right before (0) and right after (1) the role, while both sides wait
	 * for it without a system call. NULL: nobody waits. */
	void (*watch)(struct chan_run *run, int moment, const pid_t pid[2]);
	void *watcher; /* for that */
	void *plan; /* the design's own, from lay_out(); freed after the run */
	void *end; /* the design's own, of one side */
};

typedef void chan_role(struct chan_run *run);

struct chan_design {
	const char *name;
	/* The parent's part: memory that both sides will map. 0, or -1 with words in run->shared.
	 */
	int (*lay_out)(struct chan_run *run);
	/* A side's part, before it is timed. */
	int (*join)(struct chan_run *run, enum chan_side side);
	chan_role *stream[2], *ping[2]; /* by side */
};

/* --- the designs; a peer that is not installed has NULL instead of its functions ------------- */

extern const struct chan_design chan_vanity, chan_vanity_frames, chan_vanity_loop;
extern const struct chan_design chan_rte, chan_rte_zc, chan_ck;
extern const struct chan_design chan_line, chan_lines;
extern const struct chan_design chan_stream8, chan_stream16, chan_stream32, chan_stream64;

/* Does this machine have stores that wide? */
bool chan_stream_possible(const struct chan_design *design);

/* --- chan_run.c ------------------------------------------------------------------------------ */

double chan_cycles_per_ns(void);
/* The first two CPUs this process may use. 0, or -1: there are not two. */
int chan_cores(int ret_core[2]);
/* One for all runs. NULL with words on stderr. */
struct chan_shared *chan_shared_new(void);

/* Zeroed memory, in huge pages where there are any. Return: its number in the run, or -1. */
int chan_memory_new(struct chan_run *run, uint64_t bytes, bool huge);
/* Present from the start. NULL with words in run->shared. */
void *chan_memory_map(struct chan_run *run, int memory, bool writable);

int chan_fail(struct chan_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The rate of each piece: a run's figure is that of the middle one, so that a moment in which the
 * host or the kernel took a core away does not count. */
void chan_stream_result(struct chan_run *run, double rate[CHAN_PIECES]);
/* What a CHAN_PING measured: @sample in cycles for there and back, sorted by this. */
void chan_ping_result(struct chan_run *run, uint32_t *sample, uint32_t count);

enum chan_class chan_class_of(double placement_ns);

/**
 * chan_run_once() - one run with two processes of its own
 * Return: 0; 1 when its placement changed under it; -1 when it failed (words in run->shared).
 */
int chan_run_once(struct chan_run *run);

/* --- chan_rows.c, chan_print.c, chan_compare.c
 * ------------------------------------------------------------ */

#define CHAN_RUNS_MAX 64u

struct chan_sample {
	double value, p50, p99, placement;
	enum chan_class class;
};

/* A design at a case, and all its runs. */
struct chan_row {
	const struct chan_design *design;
	struct chan_case c;
	uint64_t count;
	uint32_t runs, changed; /* kept, and discarded because their placement changed */
	struct chan_sample run[CHAN_RUNS_MAX];
};

/* The middle of all runs of one class. */
struct chan_summary {
	uint32_t n;
	double median, min, max, p50, p99, placement;
};

/* @count runs of about @ms for each row. 0, or -1 with words on stderr. */
int chan_rows_run(struct chan_run *run, struct chan_row *row, uint32_t rows, uint32_t count,
		  uint32_t ms);
struct chan_summary chan_summarize(const struct chan_row *row, enum chan_class class);
const char *chan_class_name(enum chan_class class);
void chan_print_json(const struct chan_row *row, uint32_t rows);
void chan_print_table(const struct chan_row *row, uint32_t rows);
enum chan_class chan_modal(const struct chan_row *row, uint32_t rows);
uint32_t chan_runs_of(const struct chan_row *row, enum chan_class class);

int chan_compare(const char *a, const char *b);
int bench_chan(int argc, char **argv);

/* --- notify.c, curve.c ----------------------------------------------------------------------- */

int bench_notify(int argc, char **argv);
int bench_curve(int argc, char **argv);

#endif
