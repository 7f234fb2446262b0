/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c: the two ends of a channel while it is open, and the custody of frames.
 * Layout and drawings: wire.h. What happens at a death: recovery.c.
 */
#include "core/private.h"

#define NO_FRAMES "no frames here: say `pools = [ POOL ]` for "

/* The usual sizes as constants. Functions of their own, so that each is short where it is called. */
#define SLOTS_OF(n)                                                                                \
	static __attribute__((noinline)) uint32_t slots_take_##n(                                  \
		struct channel_slots s, const wire_u64 *slots, uint64_t at, void *to, uint32_t max)\
	{                                                                                          \
		s.words = n;                                                                       \
		return slots_take(s, slots, at, to, max);                                          \
	}                                                                                          \
	static __attribute__((noinline)) void slots_put_##n(                                       \
		struct channel_slots s, wire_u64 *slots, uint64_t at, uint64_t end,                \
		const void *from, uint32_t count)                                                  \
	{                                                                                          \
		s.words = n;                                                                       \
		slots_put(s, slots, at, end, from, count);                                         \
	}
SLOTS_OF(1)
SLOTS_OF(2)
SLOTS_OF(8)

void channel_break(struct channel *ch, uint32_t fault, uint64_t value)
{
	if (ch->fault != CHANNEL_OK)
		return;
	ch->fault = fault;
	if (ch->open) {
		ch->open = 0;
		ch->self->unopened++;
	}
	cell_add(&ch->cell->faults, 1);
	wire_store_release(&ch->cell->broken,
			   (uint64_t)fault << 56 | (value & 0x00ffffffffffffffull));
}

/* The first item of a generation ends its blackout: stored once, for whoever measures it. */
static inline void shard_first_item(struct vanity_shard *self)
{
	if (!self->first_item) {
		self->first_item = 1;
		wire_store_release(&self->cell->first_item_cycles, arch_cycles());
	}
}

/* --- giving back --------------------------------------------------------------------------- */

void rx_lane_publish(struct vanity_rx *rx)
{
	if (rx->lane_published == rx->lane_tail)
		return;
	rx->lane_published = rx->lane_tail;
	wire_store_release(&rx->mine->lane_tail, rx->lane_tail);
	shard_dirty(&rx->ch);
}

static void rx_lane_push(struct vanity_rx *rx, uint32_t entry)
{
	wire_store_u32(&rx->lane[rx->lane_tail & rx->lane_mask], entry);
	rx->lane_tail++;
}

/* Off our books; returns where we had it from. */
static uint32_t shard_forget(struct vanity_shard *self, uint32_t local)
{
	uint32_t from = self->from[local];

	if (from < self->rx_count) {
		self->rx[from].hand_count--;
		self->rx[from].adopted_count -= shard_adopted(self, local);
	}
	self->many_count -= from == FROM_MANY;
	self->adopted[local / 64] &= ~(1ull << (local % 64));
	self->from[local] = FROM_NOTHING;
	self->to[local] = TO_NOBODY;
	return from;
}

/* A borrower stated this frame when we started; its lender says by lending it that it was
 * free. The lender's word stands: the statement was false, its record goes. */
void tx_disown(struct vanity_shard *self, uint32_t local, uint32_t frame)
{
	for (uint32_t i = 0; i < self->tx_count; i++) {
		struct vanity_tx *tx = &self->tx[i];
		const struct channel_pool *p;
		uint32_t bit;

		if (channel_local(&tx->ch, frame, &p) == LOCAL_NONE)
			continue;
		bit = channel_bit(p, frame);
		if (self->to[local] == i || tx->claim[bit / 64] >> (bit % 64) & 1)
			tx->lent_count--;
		tx->claim[bit / 64] &= ~(1ull << (bit % 64));
		tx_unkeep(tx, bit);
	}
	(void)shard_forget(self, local);
}

/* A frame that is in nobody's hand below us goes to where we have it from. */
void tx_home(struct vanity_shard *self, uint32_t local, uint32_t frame)
{
	uint32_t entry = frame, from;

	if (self->guest[local] != FROM_NOTHING) {
		/* Given back below us while we still have it as a guest: free when we are done. */
		self->to[local] = TO_NOBODY;
		return;
	}
	if (shard_adopted(self, local))
		entry |= WIRE_LANE_ADOPTED;
	from = shard_forget(self, local);
	if (from == FROM_POOL) {
		for (uint32_t i = 0; i < self->pool_count; i++) {
			struct vanity_pool *pool = &self->pool[i];

			if (frame - pool->first < pool->count) {
				vanity_assert(self, pool->free_count < pool->count);
				pool->free[pool->free_count++] = frame;
				return;
			}
		}
	} else if (from == FROM_MANY) {
		/* Whose it is died with our predecessor; the lender knows, the others refuse it. */
		for (uint32_t i = 0; i < self->rx_count; i++) {
			const struct channel_pool *p;

			if (channel_local(&self->rx[i].ch, frame, &p) != LOCAL_NONE)
				rx_lane_push(&self->rx[i], entry);
		}
	} else if (from < self->rx_count) {
		rx_lane_push(&self->rx[from], entry);
	}
}

/* --- the consumer's end -------------------------------------------------------------------- */

/* A frame from this input that we are done with, on its way home. */
static void rx_return(struct vanity_rx *rx, uint32_t local, uint32_t frame)
{
	struct vanity_shard *self = rx->ch.self;

	if (self->guest[local] == (uint8_t)(rx - self->rx)) {
		self->guest[local] = FROM_NOTHING;
		rx->hand_count--;
		rx_lane_push(rx, frame);
		if (self->to[local] == TO_NOBODY)
			tx_home(self, local, frame);
		return;
	}
	vanity_assert(self, self->from[local] == (uint8_t)(rx - self->rx));
	vanity_assert(self, self->to[local] == TO_NOBODY);
	tx_home(self, local, frame);
}

/*
 * The originals of the burst before. Not when they are copied: a lane is published in the middle of
 * a burst too, and a frame that is home is in nobody's doubt when we die.
 */
static void rx_return_copied(struct vanity_rx *rx)
{
	for (uint32_t i = 0; i < rx->copied_count; i++) {
		const struct channel_pool *pool;
		uint32_t local = channel_local(&rx->ch, rx->copied[i], &pool);

		vanity_assert(rx->ch.self, local != LOCAL_NONE);
		rx_return(rx, local, rx->copied[i]);
	}
	rx->copied_count = 0;
}

/* Pairs with the acquire in room_look(): slots below are the producer's again. */
static __attribute__((noinline)) void rx_say_room(struct vanity_rx *rx)
{
	rx->room = rx->head;
	room_say(rx->mine, rx->room);
	shard_dirty(&rx->ch);
}

static inline void rx_finish_slots(struct vanity_rx *rx)
{
	if (rx->head == rx->taken)
		return;
	rx->head = rx->taken;
	burst_finish(rx->mine, rx->head);
	/* The line that tells of room costs both of us one transfer: not for every burst. */
	if (rx->head - rx->room > rx->ch.slots.mask / ROOM_PARTS)
		rx_say_room(rx);
}

void rx_finish(struct vanity_rx *rx)
{
	if (rx->copied_count > 0)
		rx_return_copied(rx);
	rx_lane_publish(rx);
	rx_finish_slots(rx);
}

void rx_idle(struct vanity_rx *rx)
{
	rx_finish(rx);
	if (rx->room != rx->head)
		rx_say_room(rx);
}

/* At most what one call may take: on an open channel the slots say how much there is. */
static inline uint32_t rx_limit(const struct vanity_rx *rx, uint32_t max)
{
	uint64_t below_cut = rx->tail - rx->taken;

	if (max > VANITY_BURST_MAX)
		max = VANITY_BURST_MAX;
	if (likely(rx->ch.open)) /* then nobody refuses it, and we are live */
		return max;
	if (rx->ch.fault != CHANNEL_OK || !rx->ch.self->live)
		return 0;
	return max < below_cut ? max : (uint32_t)below_cut;
}

bool rx_look(struct vanity_rx *rx)
{
	const struct channel_slots *s = &rx->ch.slots;
	uint64_t before = rx->tail;

	while (rx->tail - rx->taken <= s->mask && slot_ready(s, rx->slot, rx->tail))
		rx->tail++;
	return rx->tail != before;
}

/* Sampled hop latency: the producer stamped one position of this burst, if it is honest. */
static __attribute__((noinline)) void rx_sample(struct vanity_rx *rx, uint64_t end)
{
	uint64_t now, stamp, age;

	if (wire_load(&rx->peer->stamp_at) != (end - 1) >> STAMP_SHIFT << STAMP_SHIFT)
		return;
	stamp = wire_load(&rx->peer->stamp_cycles);
	now = arch_cycles();
	age = now > stamp ? now - stamp : 0; /* a lying producer spoils its own figure only */
	cell_add(&rx->ch.cell->hop[cell_bucket(age)], 1);
}

/* Take a frame slot's claim, as it was loaded, into our books. 0, or what is wrong with it. */
static uint32_t rx_accept(struct vanity_rx *rx, uint64_t word0, uint64_t word1,
			  struct vanity_ref *ret_ref)
{
	struct channel *ch = &rx->ch;
	struct vanity_shard *self = ch->self;
	uint32_t frame = (uint32_t)word0;
	uint32_t offset = (uint32_t)(word0 >> 32) & 0xffff;
	uint32_t length = (uint32_t)word1;
	const struct channel_pool *pool;
	uint32_t local;

	local = channel_local(ch, frame, &pool);
	if (local == LOCAL_NONE)
		return CHANNEL_FRAME_UNKNOWN;
	if ((uint64_t)offset + length > pool->frame_bytes)
		return CHANNEL_FRAME_BOUNDS;
	if (rx->hand_count - rx->adopted_count >= ch->bind->lend)
		return CHANNEL_LEND_EXCEEDED;
	if (self->pool[pool->pool].owned) {
		/* Of our own frames nobody can have one that we have not lent, or that is here. */
		if (self->from[local] != FROM_POOL || self->to[local] == TO_NOBODY ||
		    self->guest[local] != FROM_NOTHING)
			return CHANNEL_FRAME_TWICE;
		self->guest[local] = (uint8_t)(rx - self->rx);
	} else {
		if (self->from[local] != FROM_NOTHING) {
			if (!shard_adopted(self, local))
				return CHANNEL_FRAME_TWICE;
			tx_disown(self, local, frame);
		}
		self->from[local] = (uint8_t)(rx - self->rx);
	}
	rx->hand_count++;
	ret_ref->frame = frame;
	ret_ref->offset = (uint16_t)offset;
	ret_ref->flags = (uint16_t)(word0 >> 48 & 0x7fff);
	ret_ref->length = length;
	ret_ref->tag = (uint32_t)(word1 >> 32);
	return CHANNEL_OK;
}

static uint8_t *pool_bytes(const struct vanity_pool *pool, uint32_t frame, uint32_t offset)
{
	return pool->base + (uint64_t)(frame - pool->first) * pool->frame_bytes + offset;
}

/* From here on only the copy is looked at: who writes the lender's pool changes nothing any more. */
static void rx_copy(struct vanity_rx *rx, struct vanity_ref *ref)
{
	struct vanity_shard *self = rx->ch.self;
	struct vanity_pool *to = rx->copy;
	const struct channel_pool *pool;
	uint32_t frame;

	vanity_assert(self, channel_local(&rx->ch, ref->frame, &pool) != LOCAL_NONE);
	vanity_assert(self, to->free_count > 0);
	vanity_assert(self, (uint64_t)ref->offset + ref->length <= to->frame_bytes);
	frame = to->free[--to->free_count];
	memcpy(pool_bytes(to, frame, ref->offset),
	       pool_bytes(&self->pool[pool->pool], ref->frame, ref->offset), ref->length);
	self->from[to->local + (frame - to->first)] = FROM_POOL;
	rx->copied[rx->copied_count++] = ref->frame;
	ref->frame = frame;
}

/* Before the burst's first effect: who dies now leaves [head, taken) in doubt. */
static inline void rx_took(struct vanity_rx *rx, uint32_t n)
{
	uint64_t first = rx->taken;

	if (n == 0) {
		rx_idle(rx);
		return;
	}
	rx->taken += n;
	burst_take(rx->mine, rx->taken);
	if (rx->tail - first < n)
		rx->tail = rx->taken;
	if (burst_stamped(first, rx->taken))
		rx_sample(rx, rx->taken);
	shard_first_item(rx->ch.self);
}

uint32_t vanity_rx_take(struct vanity_rx *rx, struct vanity_ref *ret_ref, uint32_t ref_max)
{
	struct channel *ch = &rx->ch;
	struct vanity_shard *self = ch->self;
	uint32_t n, fault = CHANNEL_OK;
	uint64_t word[2] = { 0, 0 };

	/* The topology's mistake, not the program's. */
	if (ch->pool_count == 0)
		shard_lookup_failed(self, NO_FRAMES "input ", ch->bind->name);
	rx_finish(rx);
	ref_max = rx_limit(rx, ref_max);
	/* Nowhere to copy to: it waits in the channel, and its producer with it. */
	if (rx->copy != NULL && ref_max > rx->copy->free_count)
		ref_max = rx->copy->free_count;
	for (n = 0; n < ref_max; n++) {
		if (!slot_take_frame(&ch->slots, rx->slot, rx->taken + n, word)) {
			fault = ch->open ? CHANNEL_OK : CHANNEL_SLOT_STALE;
			break;
		}
		fault = rx_accept(rx, word[0], word[1], &ret_ref[n]);
		if (fault != CHANNEL_OK)
			break;
		if (rx->copy != NULL)
			rx_copy(rx, &ret_ref[n]);
	}
	rx_took(rx, n);
	if (rx->copied_count > 0)
		cell_add(&ch->cell->copied, n);
	if (fault != CHANNEL_OK)
		channel_break(ch, fault, word[0]);
	return n;
}

void vanity_rx_give_back(struct vanity_rx *rx, const struct vanity_ref *ref, uint32_t reason)
{
	struct vanity_shard *self = rx->ch.self;
	const struct channel_pool *pool;
	uint32_t local;

	if (rx->copy != NULL) {
		vanity_frame_drop(rx->copy, ref, reason);
		return;
	}
	local = channel_local(&rx->ch, ref->frame, &pool);
	vanity_assert(self, local != LOCAL_NONE);
	vanity_count(self, reason, 1);
	rx_return(rx, local, ref->frame);
}

static inline uint32_t rx_slots_take(const struct vanity_rx *rx, void *to, uint32_t max)
{
	const struct channel_slots *s = &rx->ch.slots;

	if (max == 1)
		return slot_take(*s, &rx->slot[slot_word(s, rx->taken)], slot_lap(s, rx->taken), to);
	switch (s->words) {
	case 1:
		return slots_take_1(*s, rx->slot, rx->taken, to, max);
	case 2:
		return slots_take_2(*s, rx->slot, rx->taken, to, max);
	case 8:
		return slots_take_8(*s, rx->slot, rx->taken, to, max);
	default:
		return slots_take(*s, rx->slot, rx->taken, to, max);
	}
}

uint32_t vanity_slot_take(struct vanity_rx *rx, void *ret_slots, uint32_t n_max)
{
	struct channel *ch = &rx->ch;
	struct vanity_shard *self = ch->self;
	uint32_t n;

	vanity_assert(self, ch->pool_count == 0);
	rx_finish_slots(rx);
	n_max = rx_limit(rx, n_max);
	n = rx_slots_take(rx, ret_slots, n_max);
	if (n < n_max && !ch->open)
		channel_break(ch, CHANNEL_SLOT_STALE, rx->taken + n);
	rx_took(rx, n);
	return n;
}

/* --- the producer's end -------------------------------------------------------------------- */

/* Does another borrower say that it has a frame of TO_MANY? */
static bool shard_claimed(struct vanity_shard *self, uint32_t frame)
{
	for (uint32_t i = 0; i < self->tx_count; i++) {
		struct vanity_tx *tx = &self->tx[i];
		const struct channel_pool *p;
		uint32_t bit;

		if (channel_local(&tx->ch, frame, &p) == LOCAL_NONE)
			continue;
		bit = channel_bit(p, frame);
		if (tx->claim[bit / 64] >> (bit % 64) & 1)
			return true;
	}
	return false;
}

/* A lane entry is a claim: only what our ledger says that neighbour holds comes home, and what it
 * has by hearsay only if it was lent before that. */
static void tx_returned(struct vanity_tx *tx, uint32_t entry)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;
	uint32_t frame = entry & ~WIRE_LANE_ADOPTED, bit;
	const struct channel_pool *pool;
	uint32_t local = channel_local(ch, frame, &pool);

	if (local == LOCAL_NONE)
		goto refuse;
	bit = channel_bit(pool, frame);
	if (entry & WIRE_LANE_ADOPTED && !(tx->kept[bit / 64] >> (bit % 64) & 1))
		goto refuse;
	if (self->to[local] == TO_MANY) {
		if (!(tx->claim[bit / 64] >> (bit % 64) & 1))
			goto refuse;
		tx->claim[bit / 64] &= ~(1ull << (bit % 64));
	} else if (self->to[local] != (uint32_t)(tx - self->tx)) {
		goto refuse;
	}
	tx->lent_count--;
	tx_unkeep(tx, bit);
	if (self->to[local] != TO_MANY || !shard_claimed(self, frame))
		tx_home(self, local, frame);
	return;
refuse:
	cell_add(&ch->cell->refused, 1);
}

void tx_lane_poll(struct vanity_tx *tx, uint32_t max)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;
	uint64_t tail, n;

	if (ch->pool_count == 0 || !ch->open)
		return;
	tail = wire_load_acquire(&tx->peer->lane_tail);
	tx->lane_seen = tail;
	n = tail - tx->lane_head;
	if (n == 0)
		return;
	if (n > (uint64_t)tx->lane_mask + 1) {
		channel_break(ch, CHANNEL_LANE_BEYOND_SLOTS, tail);
		return;
	}
	if (n > max)
		n = max;
	for (uint64_t i = 0; i < n; i++)
		tx_returned(tx, wire_load_u32(&tx->lane[(tx->lane_head + i) & tx->lane_mask]));
	tx->lane_head += n;
	/* The effect first, then the cursor: what it does not cover has surely not been passed on. */
	for (uint32_t i = 0; i < self->rx_count; i++)
		rx_lane_publish(&self->rx[i]);
	wire_store_release(&tx->mine->lane_head, tx->lane_head);
}

/* An adopted ledger may be longer than `lend` until what is false on it came home. */
static uint32_t tx_may_lend(const struct vanity_tx *tx)
{
	uint32_t lend = tx->ch.bind->lend;

	return tx->lent_count < lend ? lend - tx->lent_count : 0;
}

/* Room by what we know; asks the peer only when that is too little. */
static uint32_t tx_room(struct vanity_tx *tx, uint32_t wanted)
{
	struct channel *ch = &tx->ch;
	uint64_t slots = (uint64_t)ch->slots.mask + 1;
	uint64_t room = slots - (tx->tail - tx->room);

	if (room < wanted) {
		/* A plain slot is seen as soon as it is stored, a frame when it is published. */
		uint64_t seen = ch->pool_count > 0 ? tx->published : tx->tail;

		if (!room_look(tx->peer, tx->room, seen, &tx->room_seen)) {
			channel_break(ch, CHANNEL_ROOM_BEYOND_TAIL, tx->room_seen);
			return 0;
		}
		tx->room = tx->room_seen;
		room = slots - (tx->tail - tx->room);
	}
	if (ch->pool_count > 0 && tx_may_lend(tx) < room) {
		if (tx_may_lend(tx) < wanted)
			tx_lane_poll(tx, LANE_BURST);
		if (ch->fault != CHANNEL_OK)
			return 0; /* by that very lane */
		if (tx_may_lend(tx) < room)
			room = tx_may_lend(tx);
	}
	return room < wanted ? (uint32_t)room : wanted;
}

uint32_t vanity_tx_room(struct vanity_tx *tx, uint32_t max)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;

	if (ch->bind->full == PLAN_FULL_DROP || ch->closed)
		return max;
	if (!ch->open || (self->frozen && self->rx_count == 0 && ch->pool_count == 0))
		return 0;
	return tx_room(tx, max);
}

/* Where nothing may be lent now and the topology says drop. */
static bool tx_drops(struct vanity_tx *tx)
{
	struct channel *ch = &tx->ch;

	if (ch->closed)
		return true;
	return ch->bind->full == PLAN_FULL_DROP && (!ch->open || tx_room(tx, 1) == 0);
}

/* The pool of a frame this shard can see; any other frame is a bug of the program's. */
static struct vanity_pool *shard_pool_of(struct vanity_shard *self, uint32_t frame)
{
	for (uint32_t i = 0; i < self->pool_count; i++)
		if (frame - self->pool[i].first < self->pool[i].count)
			return &self->pool[i];
	shard_bug(self, "a ref names a frame this shard cannot see");
}

/* Not a bug of the program's: which of its pools meets which output may be a packet's choice (a
 * router that sends one back where it came from), and then a packet would decide on the shard. */
static void tx_uncarried(struct vanity_tx *tx, uint32_t frame)
{
	struct vanity_shard *self = tx->ch.self;
	const struct vanity_pool *pool = shard_pool_of(self, frame);
	uint32_t local = pool->local + (frame - pool->first);

	vanity_assert(self, self->from[local] != FROM_NOTHING);
	vanity_assert(self, self->to[local] == TO_NOBODY);
	tx_home(self, local, frame);
	cell_add(&tx->ch.cell->dropped, 1);
	if (!tx->uncarried)
		vanity_log(self, "output %0 dropped a frame: its pools = [ ... ] lack that frame's pool",
			   tx->ch.port, 0);
	tx->uncarried = 1;
}

void vanity_tx_put(struct vanity_tx *tx, const struct vanity_ref *ref)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;
	const struct channel_pool *pool;
	uint32_t local = channel_local(ch, ref->frame, &pool);
	uint64_t *stage;

	if (ch->pool_count == 0)
		shard_lookup_failed(self, NO_FRAMES "output ", ch->bind->name);
	if (local == LOCAL_NONE) {
		tx_uncarried(tx, ref->frame);
		return;
	}
	vanity_assert(self, self->from[local] != FROM_NOTHING);
	vanity_assert(self, self->to[local] == TO_NOBODY);
	vanity_assert(self, (uint64_t)ref->offset + ref->length <= pool->frame_bytes);
	if (tx_drops(tx)) {
		tx_home(self, local, ref->frame);
		cell_add(&ch->cell->dropped, 1);
		return;
	}
	vanity_assert(self, tx->tail - tx->room <= ch->slots.mask);
	vanity_assert(self, tx->lent_count < ch->bind->lend);
	stage = tx->stage[tx->tail - tx->published];
	stage[0] = (uint64_t)(ref->flags & 0x7fff) << 48 | (uint64_t)ref->offset << 32 | ref->frame;
	stage[1] = (uint64_t)ref->tag << 32 | ref->length;
	self->to[local] = (uint8_t)(tx - self->tx);
	tx->lent_count++;
	tx->tail++;
	if (tx->tail - tx->published == VANITY_BURST_MAX)
		vanity_tx_publish(tx);
}

void vanity_tx_publish(struct vanity_tx *tx)
{
	uint32_t n = (uint32_t)(tx->tail - tx->published);

	if (n == 0)
		return;
	if (burst_stamped(tx->published, tx->tail)) {
		wire_store(&tx->mine->stamp_cycles, arch_cycles());
		wire_store(&tx->mine->stamp_at, (tx->tail - 1) >> STAMP_SHIFT << STAMP_SHIFT);
	}
	/* All of a line while it is ours: the consumer looks at the first slot of it and would take it
	 * away between two of our stores. */
	if (tx->ch.pool_count > 0)
		slots_put_2(tx->ch.slots, tx->slot, tx->published, tx->room + tx->ch.slots.mask + 1,
			    tx->stage, n);
	tx->published = tx->tail;
	wire_store_release(&tx->mine->tail, tx->tail);
	shard_dirty(&tx->ch);
	shard_first_item(tx->ch.self);
}

/* What did not fit: dropped and counted where the topology says so. */
static inline uint32_t tx_dropped(struct vanity_tx *tx, uint32_t n)
{
	if (likely(n == 0) || (tx->ch.bind->full != PLAN_FULL_DROP && !tx->ch.closed))
		return 0;
	cell_add(&tx->ch.cell->dropped, n);
	return n;
}

uint32_t vanity_slot_put(struct vanity_tx *tx, const void *slots, uint32_t n)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;
	uint64_t end;
	uint32_t room;

	vanity_assert(self, ch->pool_count == 0);
	room = 0;
	if (likely(ch->open) && likely(!self->frozen || self->rx_count > 0))
		room = tx_room(tx, n);
	end = tx->room + ch->slots.mask + 1;
	if (room == 1) {
		slot_put(ch->slots, &tx->slot[slot_word(&ch->slots, tx->tail)],
			 slot_lap(&ch->slots, tx->tail), slots);
		tx->tail++;
		return 1 + tx_dropped(tx, n - 1);
	}
	switch (ch->slots.words) {
	case 1:
		slots_put_1(ch->slots, tx->slot, tx->tail, end, slots, room);
		break;
	case 2:
		slots_put_2(ch->slots, tx->slot, tx->tail, end, slots, room);
		break;
	case 8:
		slots_put_8(ch->slots, tx->slot, tx->tail, end, slots, room);
		break;
	default:
		slots_put(ch->slots, tx->slot, tx->tail, end, slots, room);
	}
	tx->tail += room;
	return room + tx_dropped(tx, n - room);
}

/* --- frames -------------------------------------------------------------------------------- */

uint32_t vanity_frame_take(struct vanity_pool *pool, struct vanity_ref *ret_ref, uint32_t n)
{
	struct vanity_shard *self = pool->self;

	vanity_assert(self, pool->owned);
	if (self->frozen || self->stop || !self->live)
		return 0;
	if (n > pool->free_count)
		n = pool->free_count;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t frame = pool->free[--pool->free_count];
		uint32_t local = pool->local + (frame - pool->first);

		vanity_assert(self, self->from[local] == FROM_NOTHING);
		self->from[local] = FROM_POOL;
		ret_ref[i] = (struct vanity_ref){ .frame = frame };
	}
	return n;
}

void vanity_frame_drop(struct vanity_pool *pool, const struct vanity_ref *ref, uint32_t reason)
{
	struct vanity_shard *self = pool->self;
	uint32_t n = ref->frame - pool->first;

	vanity_assert(self, n < pool->count);
	vanity_assert(self, self->from[pool->local + n] == FROM_POOL);
	vanity_assert(self, self->to[pool->local + n] == TO_NOBODY);
	tx_home(self, pool->local + n, ref->frame);
	vanity_count(self, reason, 1);
}

uint32_t vanity_pool_frame_bytes(const struct vanity_pool *pool)
{
	return pool->frame_bytes;
}

static uint8_t *ref_bytes(struct vanity_shard *self, const struct vanity_ref *ref)
{
	struct vanity_pool *pool = shard_pool_of(self, ref->frame);

	vanity_assert(self, (uint64_t)ref->offset + ref->length <= pool->frame_bytes);
	return pool_bytes(pool, ref->frame, ref->offset);
}

const void *vanity_ref_read(struct vanity_rx *rx, const struct vanity_ref *ref)
{
	return ref_bytes(rx->ch.self, ref);
}

void *vanity_ref_write(struct vanity_shard *self, const struct vanity_ref *ref)
{
	return shard_pool_of(self, ref->frame)->writable ? ref_bytes(self, ref) : NULL;
}

uint32_t vanity_ref_frame_bytes(struct vanity_shard *self, const struct vanity_ref *ref)
{
	return shard_pool_of(self, ref->frame)->frame_bytes;
}
