/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sequence.h: what is missing from a numbered stream, and what never belonged to it.
 *
 * A generator numbers its packets 0, 1, 2, ... and repeats N of them for ever: number t is
 * packet t % N of its capture. Between it and us stand programs that refuse some packets on
 * purpose, always the same ones, and faults that lose any. Both leave gaps. They are told
 * apart by this: an index that was never seen at all is refused, one that was seen is lost.
 *
 *      N = 4, index 2 refused by a firewall, number 5 lost:
 *
 *      numbers that came    0 1 . 3 | 4 . . 7 | 8 9 . 11
 *      gaps, by index           2       1 2         2        miss = { 0, 1, 3, 0 }
 *      seen                 0 1   3                   missing = miss[0] + miss[1] + miss[3] = 1
 *
 * `missing` is exact at every moment: when an index is seen for the first time after all, what
 * it had missed is added. A gap of many cycles costs no more than one: whole cycles are one
 * number that counts for every index.
 *
 * Order matters to nobody here but the count: a number that is not ahead of the last one (by
 * at most half the span) is out of order, counted, and changes nothing else.
 *
 * When not to use it: where a path may reorder; it would call that loss.
 */
#ifndef SHARDS_SINK_SEQUENCE_H
#define SHARDS_SINK_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_CYCLE_MAX 65536u

/** struct sequence_input - one stream; zeroed memory has seen nothing */
struct sequence_input {
	uint32_t last;
	uint16_t epoch;
	bool started;
};

/** struct sequence - shared by all streams of one generator */
struct sequence {
	uint32_t cycle; /* N */
	uint32_t seen_count;
	uint64_t span; /* numbers wrap here: the largest multiple of N up to 2^32 */
	uint64_t miss_all; /* whole cycles missing: counts for every index */
	uint64_t missing;
	uint64_t out_of_order;
	uint64_t epochs; /* changes of the generator's generation that were seen */
	uint8_t seen[SEQUENCE_CYCLE_MAX / 8];
	uint64_t miss[SEQUENCE_CYCLE_MAX];
};

/**
 * sequence_init() - begin
 * @sequence: zeroed
 * @cycle: N, 1..SEQUENCE_CYCLE_MAX
 */
void sequence_init(struct sequence *sequence, uint32_t cycle);

/**
 * sequence_see() - a number came
 * @epoch: the generator's generation; another than before starts over at this number
 *
 * Cost: O(1) in order, O(min(gap, N)) at a gap.
 */
void sequence_see(struct sequence *sequence, struct sequence_input *input, uint16_t epoch,
		  uint32_t number);

#endif
