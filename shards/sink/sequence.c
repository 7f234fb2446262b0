/* SPDX-License-Identifier: Apache-2.0 */
#include "sequence.h"

#include <stdbool.h>
#include <stdint.h>

static bool is_seen(const struct sequence *s, uint32_t index)
{
	return (s->seen[index / 8] >> (index % 8) & 1u) != 0;
}

void sequence_init(struct sequence *sequence, uint32_t cycle)
{
	sequence->cycle = cycle;
	sequence->span = (1ull << 32) / cycle * cycle;
}

/* The @gap numbers behind @last are missing. */
static void miss(struct sequence *s, uint32_t last, uint64_t gap)
{
	uint64_t whole = gap / s->cycle;
	uint32_t rest = (uint32_t)(gap % s->cycle);
	uint32_t index = last % s->cycle;

	s->miss_all += whole;
	s->missing += whole * s->seen_count;
	/* Across the wrap of numbers the index goes on by one too: the span is whole cycles. */
	for (; rest > 0; rest--) {
		index = index + 1 < s->cycle ? index + 1 : 0;
		s->miss[index]++;
		if (is_seen(s, index))
			s->missing++;
	}
}

static void mark_seen(struct sequence *s, uint32_t index)
{
	if (is_seen(s, index))
		return;
	s->seen[index / 8] |= (uint8_t)(1u << (index % 8));
	s->seen_count++;
	s->missing += s->miss[index] + s->miss_all;
}

void sequence_see(struct sequence *sequence, struct sequence_input *input, uint16_t epoch,
		  uint32_t number)
{
	uint64_t ahead;

	/* Numbers from the span on are never given out: a claim that cannot be true. */
	if (number >= sequence->span) {
		sequence->out_of_order++;
		return;
	}
	if (input->started && input->epoch == epoch) {
		ahead = number >= input->last ? number - input->last
					      : number + sequence->span - input->last;
		if (ahead == 0 || ahead > sequence->span / 2) {
			sequence->out_of_order++;
			return;
		}
		if (ahead > 1)
			miss(sequence, input->last, ahead - 1);
	} else if (input->started) {
		sequence->epochs++;
	}
	input->started = true;
	input->epoch = epoch;
	input->last = number;
	mark_seen(sequence, number % sequence->cycle);
}
