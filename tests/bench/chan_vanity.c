/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_vanity.c: the shipped library between two processes, with all its checks.
 *
 *      vanity         plain slots: vanity_slot_put, vanity_tx_publish | vanity_slot_take
 *      vanity-frames  16-byte frame slots of the sender's pool: take, put, publish | take, give
 * back vanity-loop    `vanity` in the loop that vanity.h draws: vanity_running() every call, and
 *                     vanity_wait(VANITY_POLL) when there was nothing
 *
 * The first two say vanity_running() every CHAN_TURN items or looks, as a program does that takes
 * in bursts and publishes each item on its own.
 */
#include "chan_loop.h"
#include "chan_system.h"

/* --- moving items -------------------------------------------------------------------------- */

CHAN_INLINE uint32_t slots_put(void *end, const uint64_t *item, uint32_t words, uint32_t n)
{
	struct chan_end *e = end;

	(void)words;
	n = vanity_slot_put(e->tx, item, n);
	vanity_tx_publish(e->tx);
	return n;
}

CHAN_INLINE uint32_t slots_take(void *end, uint64_t *ret_item, uint32_t words, uint32_t n)
{
	struct chan_end *e = end;

	(void)words;
	return vanity_slot_take(e->rx, ret_item, n);
}

CHAN_INLINE void shard_turn(void *end)
{
	struct chan_end *e = end;

	(void)vanity_running(e->self);
}

CHAN_INLINE void shard_wait(void *end)
{
	struct chan_end *e = end;

	vanity_wait(e->self, VANITY_POLL);
}

/* An item's first word, and the frame itself, in every field of a ref: the pool chose the frame. */
CHAN_INLINE void ref_make(struct vanity_ref *ref, uint64_t word)
{
	ref->offset = (uint16_t)(word & 0x7f);
	ref->length = (uint32_t)(word >> 7 & 0x7f);
	ref->flags = (uint16_t)(word >> 14 & 0x7fff);
	ref->tag = (uint32_t)word ^ ref->frame * 0x9e3779b1u;
}

CHAN_INLINE void ref_read(const struct vanity_ref *ref, uint64_t *ret_item)
{
	uint32_t word = ref->tag ^ ref->frame * 0x9e3779b1u;
	uint32_t wrong = (ref->offset ^ (word & 0x7f)) | (ref->length ^ (word >> 7 & 0x7f)) |
			 (ref->flags ^ (word >> 14 & 0x7fff));

	ret_item[0] = word;
	ret_item[1] = wrong ? 0 : (uint64_t)word + 1;
}

CHAN_INLINE uint32_t frames_put(void *end, const uint64_t *item, uint32_t words, uint32_t n)
{
	struct chan_end *e = end;
	struct vanity_ref ref[CHAN_BATCH_MAX];

	(void)words;
	n = vanity_tx_room(e->tx, n);
	n = vanity_frame_take(e->pool, ref, n);
	for (uint32_t i = 0; i < n; i++) {
		ref_make(&ref[i], item[i * 2]);
		vanity_tx_put(e->tx, &ref[i]);
	}
	vanity_tx_publish(e->tx);
	return n;
}

CHAN_INLINE uint32_t frames_take(void *end, uint64_t *ret_item, uint32_t words, uint32_t n)
{
	struct chan_end *e = end;
	struct vanity_ref ref[CHAN_BATCH_MAX];

	(void)words;
	n = vanity_rx_take(e->rx, ref, n);
	for (uint32_t i = 0; i < n; i++) {
		ref_read(&ref[i], &ret_item[i * 2]);
		vanity_rx_give_back(e->rx, &ref[i], VANITY_DONE);
	}
	return n;
}

#define SLOT_WAYS ((struct chan_ways){ slots_put, slots_take, shard_turn, chan_pause, CHAN_TURN })
#define LOOP_WAYS ((struct chan_ways){ slots_put, slots_take, shard_turn, shard_wait, 1 })
#define FRAME_WAYS                                                                                 \
	((struct chan_ways){ frames_put, frames_take, shard_turn, chan_pause, CHAN_TURN })

CHAN_ROLES(slots, SLOT_WAYS)
CHAN_ROLES(loop, LOOP_WAYS)

const struct chan_design chan_vanity = {
	.name = "vanity",
	.lay_out = chan_system_slots,
	.join = chan_system_join,
	CHAN_ROLE_TABLE(slots),
};

const struct chan_design chan_vanity_loop = {
	.name = "vanity-loop",
	.lay_out = chan_system_slots,
	.join = chan_system_join,
	CHAN_ROLE_TABLE(loop),
};

/* Frame slots have one size. */
#undef CHAN_SIZES
#define CHAN_SIZES(loop, run, ways) CHAN_BATCHES(loop, run, ways, 2)
CHAN_ROLES(frames, FRAME_WAYS)

const struct chan_design chan_vanity_frames = {
	.name = "vanity-frames",
	.lay_out = chan_system_frames,
	.join = chan_system_join,
	CHAN_ROLE_TABLE(frames),
};
