/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_system.h: two shards with a channel each way, and no daemon.
 *
 * Regions, bind blocks and rights are those of a plan with two shards and (for frames) a pool each;
 * only the daemon is played: it said FRESH and go before anybody looked. Each process maps what
 * its bind block names, with the right it names, so that a neighbour's words are read-only here as
 * in any system. Wires lie in huge pages.
 *
 * A shard that polls gets a platform that does nothing. One that sleeps gets Linux' own, with its
 * eventfds, ppoll and its steady filter: no other system call is possible from then on.
 */
#ifndef TESTS_BENCH_CHAN_SYSTEM_H
#define TESTS_BENCH_CHAN_SYSTEM_H

#include "core/shard.h"
#include "linux/start.h"

#include "chan.h"

#define CHAN_REGIONS 16u

/* One process' end; a shard's private memory follows it. */
struct chan_end {
	struct vanity_shard *self;
	struct vanity_tx *tx;
	struct vanity_rx *rx;
	struct vanity_pool *pool;
	struct chan_run *run;
	enum chan_side side;
	struct cell *cell;
	struct shard_platform platform;
	void *base[CHAN_REGIONS];
	struct start start; /* of Linux' platform */
};

int chan_system_slots(struct chan_run *run); /* struct chan_design.lay_out */
int chan_system_frames(struct chan_run *run);
int chan_system_events(struct chan_run *run); /* slots, and what both sides sleep on */

int chan_system_join(struct chan_run *run, enum chan_side side); /* .join: run->end is a chan_end */
int chan_system_join_linux(struct chan_run *run, enum chan_side side);

#endif
