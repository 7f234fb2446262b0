/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private.h: a shard's own books. Nothing here is ever shared.
 *
 * Geometry is copied from the bind block, so that no peer can change it. Custody is kept in
 * two bytes a frame:
 *
 *      from[local]   where we have it from: an input, our own pool, or nothing
 *      to[local]     whom we lent it to: an output, or nobody (it is in our hand)
 *
 *      FROM_NOTHING --take--> FROM(input) / FROM_POOL --put--> TO(output)
 *           ^                        |                              |
 *           +------give back---------+<-----lane says so------------+
 *
 * A pool's owner may be the last on its own frames' way (one NIC, both directions). It never
 * borrows them: such a frame stays lent in the books, is a `guest` of the input it came through,
 * and goes home the whole way round when it is given back.
 *
 * `local` numbers the frames of all pools this shard can see, one after the other. A statement
 * (RECOVERY, rule 8) is a scan of these bytes; the hot path pays two byte stores a frame.
 */
#ifndef VANITY_CORE_PRIVATE_H
#define VANITY_CORE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/channel.h"
#include "core/shard.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int value, size_t n);

#define FROM_NOTHING 0xffu
#define FROM_POOL 0xfeu
#define FROM_MANY 0xfdu /* adopted from the living; more than one input could be its lender */
#define TO_NOBODY 0xffu
#define TO_MANY 0xfeu /* stated by two borrowers, one of whom lies: both must give it back */

#define LOCAL_NONE 0xffffffffu
#define LANE_BURST 256u /* lane entries worked off in one vanity_running() */
#define RING_TURNS 16u /* turns after which a shard on a shared core rings whom it gave something */
#define ROOM_PARTS 8u /* room is told when one part in this many of the slots became free */
#define STAMP_SHIFT 8 /* one item in 1 << this carries a time stamp */

struct channel_pool {
	uint32_t first, count; /* frame numbers */
	uint32_t bit; /* first bit in the channel's bitmaps */
	uint32_t local; /* first local number */
	uint32_t frame_bytes;
	uint32_t pool; /* index into vanity_shard.pool */
};

struct vanity_pool {
	struct vanity_shard *self;
	const struct bind_pool *bind;
	uint8_t *base;
	uint32_t first, count, frame_bytes, local;
	uint32_t owned, writable;
	uint32_t *free; /* stack of frame numbers; owner only */
	uint32_t free_count;
	uint32_t report; /* index of its cell_pool, CELL_POOLS_MAX when beyond the table */
};

/* What both ends of a channel have in common. */
struct channel {
	struct vanity_shard *self;
	const struct bind_port *bind;
	struct cell_port *cell;
	uint32_t port; /* index in the plan */
	uint32_t neighbour;
	struct channel_slots slots;
	uint32_t pool_count;
	struct channel_pool pool[PLAN_CHANNEL_POOLS_MAX];
	uint32_t open; /* both ends have joined `generation` */
	uint32_t fault; /* enum channel_fault */
	uint32_t closed;
	uint64_t generation; /* of the edge */
	uint64_t joined; /* generation this end has joined */
	uint64_t order; /* order word obeyed last */
};

struct vanity_rx {
	struct channel ch;
	struct wire_rx *mine;
	const struct wire_tx *peer;
	const wire_u64 *slot; /* the producer's */
	wire_u64 *held, *back; /* ours */
	wire_u32 *lane; /* ours */
	uint32_t lane_mask;
	uint64_t head; /* stored: items finished */
	uint64_t room; /* stored: slots the producer knows to be free */
	uint64_t taken;
	uint64_t tail; /* slots below were ready when we looked, as far as we looked; never below taken.
			* While not open the cut: nothing beyond is taken */
	uint64_t lane_tail, lane_published;
	uint32_t hand_count, adopted_count; /* frames from here; how many of them are `adopted` */
	struct vanity_pool *copy; /* ours: each frame is copied into one of it; NULL: it is lent */
	uint32_t copied_count; /* of the burst in hand: the lender's frames, not given back yet */
	uint32_t copied[VANITY_BURST_MAX];
};

struct vanity_tx {
	struct channel ch;
	struct wire_tx *mine;
	const struct wire_rx *peer;
	wire_u64 *slot; /* ours */
	const wire_u64 *held, *back; /* the consumer's */
	const wire_u32 *lane; /* the consumer's */
	uint32_t lane_mask;
	uint32_t lent_count;
	uint64_t tail, published;
	uint64_t room; /* the consumer's, seen and found possible */
	uint64_t room_seen; /* the raw word at the last look */
	uint64_t lane_head;
	uint64_t lane_seen;
	uint64_t doubt_at, doubt_end; /* items in doubt since the consumer died */
	uint64_t resume;
	uint64_t *claim; /* bitmap: frames with TO_MANY that this borrower stated */
	uint64_t *kept; /* bitmap: frames lent before the consumer's start, and stated by it */
	uint32_t kept_count;
	uint64_t stage[VANITY_BURST_MAX][2]; /* frame slots of [published, tail), not stored yet */
	uint32_t uncarried; /* 1: a frame of no pool of ours was put, and that was said */
};

struct vanity_shard {
	const struct bind *bind;
	const struct shard_platform *platform;
	struct cell *cell;
	const struct orders *orders;
	wire_u64 *bell; /* ours */
	void *const *base; /* of each region, in the order of the bind block */
	struct vanity_grant *grant; /* the platform's; NULL without devices */
	uint32_t grant_count;
	void *carry;
	const void *config;
	size_t config_bytes;
	uint32_t generation;
	uint32_t live; /* vanity_ready was said */
	uint32_t unopened; /* channels not open */
	uint32_t frozen, stop;
	uint32_t first_item; /* cell.first_item_cycles is stored */
	uint64_t asleep_number; /* generation << 32 and up: never one of a forebear's */
	uint64_t seq; /* orders.seq obeyed */
	uint64_t verify;
	uint64_t beat;
	uint64_t log_count;
	uint64_t sleep_cycles; /* half the watchdog */
	uint32_t rx_count, tx_count, pool_count, neighbour_count;
	uint32_t frames; /* local numbers */
	uint32_t many_count; /* of them, held with FROM_MANY */
	struct vanity_rx *rx;
	struct vanity_tx *tx;
	struct vanity_pool *pool;
	struct neighbour {
		struct wire_head *mine;
		const struct wire_head *peer;
		wire_u64 *bell;
		uint64_t rung; /* sleep number we rang for */
		uint32_t dirty; /* it may wait for what we stored */
	} *neighbour;
	uint8_t *from, *to; /* per local frame */
	uint8_t *guest; /* per local frame of our own: the input it came back through, to be given back */
	uint64_t *adopted; /* bitmap over local frames: only a borrower's statement says we have it */
	uint64_t *news; /* bitmap over local frames: handled below, told by who lives there */
	uint64_t *scratch; /* four bitmaps of the widest channel */
	uint32_t scratch_words;
	uint64_t counter[VANITY_COUNTERS_MAX];
};

static inline bool shard_adopted(const struct vanity_shard *self, uint32_t local)
{
	return self->adopted[local / 64] >> (local % 64) & 1;
}

/* A bug of our own: last words, then the end. Never for what a peer wrote. */
__attribute__((noreturn)) void shard_bug(struct vanity_shard *self, const char *words);
#define vanity_assert(self, condition)                                                             \
	((condition) ? (void)0 : shard_bug((self), "assertion failed: " #condition))

static inline void shard_dirty(struct channel *ch)
{
	ch->self->neighbour[ch->neighbour].dirty = 1;
}

#define likely(condition) __builtin_expect(!!(condition), 1)

/* Does [first, end) hold an item that is stamped? */
static inline bool burst_stamped(uint64_t first, uint64_t end)
{
	return (first - 1) >> STAMP_SHIFT != (end - 1) >> STAMP_SHIFT;
}

/* Add to a count in our own cell: we are its only writer. */
static inline void cell_add(wire_u64 *w, uint64_t n)
{
	wire_store(w, wire_load(w) + n);
}

/* Local number of a frame of this channel, LOCAL_NONE outside its pools. */
static inline uint32_t channel_local(const struct channel *ch, uint32_t frame,
				     const struct channel_pool **ret_pool)
{
	for (uint32_t i = 0; i < ch->pool_count; i++) {
		uint32_t n = frame - ch->pool[i].first;

		if (n < ch->pool[i].count) {
			*ret_pool = &ch->pool[i];
			return ch->pool[i].local + n;
		}
	}
	return LOCAL_NONE;
}

/* Bit of a frame in this channel's bitmaps; the frame is one of its pools'. */
static inline uint32_t channel_bit(const struct channel_pool *p, uint32_t frame)
{
	return p->bit + (frame - p->first);
}

/* Would shard_open() open this end now? */
static inline bool channel_opens(const struct channel *ch, const wire_u64 *peer_joined)
{
	return !ch->closed && ch->joined == ch->generation &&
	       wire_load_acquire(peer_joined) == ch->joined;
}

/* Off the ledger: what its borrower stated of it no longer matters. */
static inline void tx_unkeep(struct vanity_tx *tx, uint32_t bit)
{
	/* Empty as a rule, so that the steady state pays a load of a line it has. */
	if (tx->kept_count == 0 || !(tx->kept[bit / 64] >> (bit % 64) & 1))
		return;
	tx->kept[bit / 64] &= ~(1ull << (bit % 64));
	tx->kept_count--;
}

/* channel.c */
void channel_break(struct channel *ch, uint32_t fault, uint64_t value);
bool rx_look(struct vanity_rx *rx); /* raises tail to the first slot that is not ready: did it move? */
void rx_finish(struct vanity_rx *rx); /* the burst before is finished: lane, then head */
void rx_idle(struct vanity_rx *rx); /* the same, and all room is told */
void rx_lane_publish(struct vanity_rx *rx);
void tx_lane_poll(struct vanity_tx *tx, uint32_t max);
void tx_home(struct vanity_shard *self, uint32_t local, uint32_t frame);
void tx_disown(struct vanity_shard *self, uint32_t local, uint32_t frame);

/* recovery.c */
void shard_obey(struct vanity_shard *self);
void shard_open(struct vanity_shard *self);
void shard_join_all(struct vanity_shard *self);
void shard_state_left(struct vanity_shard *self);

/* sums.c */
void shard_sums(struct vanity_shard *self);

/* shard.c */
void shard_ring(struct vanity_shard *self);
int shard_name_equal(const char *a, const char *b);
/* Ends this generation with "<what><name>". */
void shard_lookup_failed(struct vanity_shard *self, const char *what, const char *name);

#endif
