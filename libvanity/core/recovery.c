/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.c: what an end of a channel does when the other end died, came back, lied or will
 * never return. DESIGN section 4, rules 8 and 9; RECOVERY.md names the counterexample behind
 * each clause. One code path serves the death of a middle shard, a leaf and an owner.
 *
 *      order      consumer                           producer
 *      DETACH     cut, lane_at, held, back           last lane entries, head and taken once:
 *                                                    resume; what lies between is in doubt
 *      JOIN       drops its cut                      settles: ledger and statement
 *      REFORM     -                                  takes the living consumer's words, settles
 *      SETTLE     -                                  settles against nothing
 *      CLOSE      empty for ever                     drops for ever
 *
 * A successor (shard_adopt) takes its neighbours' words as its cursors and its ledger, formats
 * free slots only, and writes the same words itself, so that the next one finds them.
 */
#include "core/bits.h"
#include "core/private.h"

/* An end that has not joined the generation it was told to detach from keeps its words: the
 * other end's memory may be half formatted, and nothing moved since they were written. */
static bool channel_has_joined(const struct channel *ch)
{
	return ch->joined == ch->generation;
}

static void channel_detached(struct channel *ch, wire_u64 *word, uint64_t generation)
{
	if (ch->open)
		ch->self->unopened++;
	ch->open = 0;
	ch->generation = generation;
	wire_store_release(word, generation); /* after all the words it vouches for */
	wire_store_release(&ch->cell->detached, generation);
}

static void channel_joined(struct channel *ch, wire_u64 *word, uint64_t generation)
{
	ch->generation = generation;
	ch->joined = generation;
	if (ch->fault != CHANNEL_OK) {
		ch->fault = CHANNEL_OK;
		wire_store_release(&ch->cell->broken, 0);
	}
	wire_store_release(word, generation);
	wire_store_release(&ch->cell->joined, generation);
	shard_dirty(ch);
}

/* Words for the log, as far as a record has room for them. */
static uint32_t words_add(char *text, uint32_t n, const char *more)
{
	while (*more != '\0' && n < CELL_WORDS_BYTES - 1)
		text[n++] = *more++;
	text[n] = '\0';
	return n;
}

/* A word of the other end, for a change of generation, that cannot be. It is not acted on; at most
 * a few a death. */
static void channel_refuse(struct channel *ch, const char *word, uint64_t value, uint64_t bound)
{
	char text[CELL_WORDS_BYTES];
	uint32_t n = words_add(text, 0, "port ");

	n = words_add(text, n, ch->bind->name);
	n = words_add(text, n, ": ");
	n = words_add(text, n, word);
	(void)words_add(text, n, " %0 cannot be, at most %1");
	vanity_log(ch->self, text, value, bound);
}

/* --- bitmaps in our own wire, and scratch ones --------------------------------------------- */

static uint32_t channel_words(const struct channel *ch)
{
	return (ch->bind->frame_bits + 63) / 64;
}

static void words_clear(wire_u64 *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		wire_store(&w[i], 0);
}

static void bit_store(wire_u64 *w, uint32_t bit)
{
	wire_store(&w[bit / 64], wire_load(&w[bit / 64]) | 1ull << (bit % 64));
}

static bool bit_get(const uint64_t *w, uint32_t bit)
{
	return w[bit / 64] >> (bit % 64) & 1;
}

static void bit_set(uint64_t *w, uint32_t bit)
{
	w[bit / 64] |= 1ull << (bit % 64);
}

/* A neighbour's bitmap, read once. Returns the number of frames it names, whole words of it
 * beyond the channel's frames left out. */
static uint32_t bitmap_snapshot(const struct channel *ch, const wire_u64 *from, uint64_t *to)
{
	uint32_t words = channel_words(ch), bits = ch->bind->frame_bits, n = 0;

	for (uint32_t i = 0; i < words; i++) {
		to[i] = wire_load(&from[i]);
		if (i == words - 1 && bits % 64 != 0)
			to[i] &= (1ull << (bits % 64)) - 1;
		n += bits_count(to[i]);
	}
	return n;
}

/* Calls for each frame of a channel: its frame number, its bit and its local number. */
#define CHANNEL_EACH_FRAME(ch, p, n)                                                               \
	for (const struct channel_pool *p = (ch)->pool; p < (ch)->pool + (ch)->pool_count; p++)    \
		for (uint32_t n = 0; n < p->count; n++)

/* --- the consumer's end -------------------------------------------------------------------- */

static bool rx_may_have(const struct vanity_rx *rx, uint32_t local)
{
	uint32_t from = rx->ch.self->from[local];

	return from == (uint32_t)(rx - rx->ch.self->rx) || from == FROM_MANY ||
	       rx->ch.self->guest[local] == (uint32_t)(rx - rx->ch.self->rx);
}

static uint32_t rx_state_with(struct vanity_rx *rx, bool adopted)
{
	struct channel *ch = &rx->ch;
	uint32_t count = 0;

	words_clear(rx->held, channel_words(ch));
	CHANNEL_EACH_FRAME(ch, p, n)
		if (rx_may_have(rx, p->local + n) &&
		    (adopted || !shard_adopted(ch->self, p->local + n)))
			bit_store(rx->held, p->bit + n);
	for (uint64_t at = rx->taken; at != rx->tail; at++) {
		uint64_t word0 = wire_load(&rx->slot[slot_word(&ch->slots, at)]);
		const struct channel_pool *p;

		/* The dead one's slot is a claim as ever: what it cannot mean, it does not. */
		if ((word0 & WIRE_SLOT_LAP) == slot_lap(&ch->slots, at) &&
		    channel_local(ch, (uint32_t)word0, &p) != LOCAL_NONE)
			bit_store(rx->held, channel_bit(p, (uint32_t)word0));
	}
	for (uint32_t i = 0; i < channel_words(ch); i++)
		count += bits_count(wire_load(&rx->held[i]));
	return count;
}

/*
 * Everything we have from this channel: in hand, in a device, lent on, or named in slots that
 * we have seen and not taken. A lender that lives keeps what is on its ledger, however much we
 * name. To one without a ledger too much counts as nothing: then what borrowers claimed when we
 * started stays out, for the sake of what we took ourselves.
 */
static void rx_state_held(struct vanity_rx *rx, bool lender_lives)
{
	if (rx_state_with(rx, true) > rx->ch.bind->state_max && !lender_lives)
		(void)rx_state_with(rx, false);
}

/* What we gave back and the dead producer may not have passed on. Told, never acted on. */
static void rx_state_back(struct vanity_rx *rx)
{
	struct channel *ch = &rx->ch;
	uint64_t lane_head;

	words_clear(rx->back, channel_words(ch));
	if (wire_load_acquire(&rx->peer->joined) != ch->generation)
		return; /* it never came to read this lane */
	lane_head = wire_load(&rx->peer->lane_head);
	if (rx->lane_tail - lane_head > (uint64_t)rx->lane_mask + 1)
		return;
	for (uint64_t at = lane_head; at != rx->lane_tail; at++) {
		uint32_t frame = wire_load_u32(&rx->lane[at & rx->lane_mask]) & ~WIRE_LANE_ADOPTED;
		const struct channel_pool *p;

		if (channel_local(ch, frame, &p) != LOCAL_NONE)
			bit_store(rx->back, channel_bit(p, frame));
	}
}

/* How much of a detached edge is still to be worked off. What was given back is in the lane
 * before it is missing here. Frames of unknown lender count on every input: never too few. */
static void rx_state_left(struct vanity_rx *rx)
{
	uint64_t slots = rx->tail - rx->taken;

	/* Behind a broken promise nothing is taken any more. */
	if (rx->ch.fault != CHANNEL_OK)
		slots = 0;
	rx_lane_publish(rx);
	wire_store_release(&rx->ch.cell->left,
			   slots + rx->hand_count + rx->ch.self->many_count);
}

static void rx_detach(struct vanity_rx *rx, uint64_t generation)
{
	struct channel *ch = &rx->ch;

	rx_lane_publish(rx);
	if (channel_has_joined(ch)) {
		/* One last look, as if just before the death: what was published is not lost. Also when
		 * we have not noticed yet that the channel is open: the dead one had. */
		if (ch->open || (ch->fault == CHANNEL_OK && channel_opens(ch, &rx->peer->joined)))
			(void)rx_look(rx);
		/* Behind a broken promise nothing is taken any more: the cut is where we stand. */
		if (ch->fault != CHANNEL_OK)
			rx->tail = rx->taken;
		wire_store(&rx->mine->cut, rx->tail);
		wire_store(&rx->mine->lane_at, rx->lane_tail);
		if (ch->pool_count > 0) {
			rx_state_held(rx, false);
			rx_state_back(rx);
		}
	}
	rx_state_left(rx); /* before the answer: who sees the one sees the other */
	channel_detached(ch, &rx->mine->detached, generation);
}

static void rx_join(struct vanity_rx *rx, uint64_t generation)
{
	channel_joined(&rx->ch, &rx->mine->joined, generation);
}

/* --- the producer's end -------------------------------------------------------------------- */

/* Items given up. Where they carry frames the settlement counts those, one by one. */
static void tx_skip(struct vanity_tx *tx, uint64_t items)
{
	if (tx->ch.pool_count == 0)
		cell_add(&tx->ch.cell->skipped, items);
}

/* The dead one's `head` and `taken`, which cannot be: the first of them that cannot. */
static void tx_refuse_cursors(struct vanity_tx *tx, uint64_t head, uint64_t taken)
{
	uint64_t most = tx->published - head;

	if (tx->ch.fault != CHANNEL_OK)
		return; /* that was said as the port broke */
	if (head - tx->room > tx->published - tx->room)
		channel_refuse(&tx->ch, "head", head, tx->published);
	else
		channel_refuse(&tx->ch, "taken", taken,
			       head + (most < VANITY_BURST_MAX ? most : VANITY_BURST_MAX));
}

static void tx_detach(struct vanity_tx *tx, uint64_t generation)
{
	struct channel *ch = &tx->ch;

	if (channel_has_joined(ch) && ch->fault == CHANNEL_OK) {
		uint64_t head, taken;

		/* What it gave back before it died is home; a lane that cannot be, is not. */
		for (uint64_t n = 0; n <= tx->lane_mask && ch->open; n += LANE_BURST)
			tx_lane_poll(tx, LANE_BURST);
		/* Once each, as claims: only the dead one knew how far it had come. */
		head = wire_load_acquire(&tx->peer->head);
		taken = wire_load_acquire(&tx->peer->taken);
		if (ch->fault == CHANNEL_OK && head - tx->room <= tx->published - tx->room &&
		    taken - head <= tx->published - head && taken - head <= VANITY_BURST_MAX) {
			tx->resume = taken;
			tx->doubt_at = head;
			tx->doubt_end = taken;
		} else {
			tx_refuse_cursors(tx, head, taken);
			tx->resume = tx->published;
			tx->doubt_at = tx->doubt_end = tx->published;
			tx_skip(tx, tx->published - tx->room);
		}
	} else if (channel_has_joined(ch)) {
		tx->resume = tx->published;
		tx->doubt_at = tx->doubt_end = tx->published;
		tx_skip(tx, tx->published - tx->room);
	}
	wire_store(&tx->mine->resume, tx->resume);
	channel_detached(ch, &tx->mine->detached, generation);
}

/* Is this frame on our ledger for that borrower? */
static bool tx_has_lent(const struct vanity_tx *tx, uint32_t local, uint32_t bit)
{
	uint32_t to = tx->ch.self->to[local];

	return to == (uint32_t)(tx - tx->ch.self->tx) || (to == TO_MANY && bit_get(tx->claim, bit));
}

/* The borrower does not have it: off the ledger, and home unless another borrower claims it. */
static void tx_take_back(struct vanity_tx *tx, uint32_t local, uint32_t frame, uint32_t bit)
{
	struct vanity_shard *self = tx->ch.self;

	tx->lent_count--;
	tx_unkeep(tx, bit);
	if (self->to[local] == TO_MANY) {
		tx->claim[bit / 64] &= ~(1ull << (bit % 64));
		for (uint32_t i = 0; i < self->tx_count; i++) {
			const struct channel_pool *p;

			if (channel_local(&self->tx[i].ch, frame, &p) == LOCAL_NONE)
				continue;
			if (bit_get(self->tx[i].claim, channel_bit(p, frame)))
				return;
		}
	}
	tx_home(self, local, frame);
}

/* Lent before the consumer's start: what it has by hearsay may be this. */
static void tx_keep(struct vanity_tx *tx, uint32_t bit, bool keep)
{
	tx_unkeep(tx, bit);
	if (!keep)
		return;
	bit_set(tx->kept, bit);
	tx->kept_count++;
}

/*
 * Settle the ledger: what is stated, or named in our own slots from @from on, stays lent; the
 * rest comes home. It is counted by what became of it: given back already (the news died on
 * its way), in doubt (taken in the last burst), or lost in the dead one's hand.
 */
static void tx_settle(struct vanity_tx *tx, const uint64_t *stated, const uint64_t *back,
		      uint64_t from)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;
	uint64_t *slots = self->scratch + 2 * self->scratch_words;
	uint64_t *doubt = self->scratch + 3 * self->scratch_words;
	const struct channel_pool *pool;

	memset(slots, 0, (size_t)channel_words(ch) * 8);
	memset(doubt, 0, (size_t)channel_words(ch) * 8);
	for (uint64_t at = from; at != tx->tail; at++) {
		uint32_t frame = (uint32_t)wire_load(&tx->slot[slot_word(&ch->slots, at)]);

		if (channel_local(ch, frame, &pool) != LOCAL_NONE)
			bit_set(slots, channel_bit(pool, frame));
	}
	for (uint64_t at = tx->doubt_at; at != tx->doubt_end; at++) {
		uint32_t frame = (uint32_t)wire_load(&tx->slot[slot_word(&ch->slots, at)]);

		if (channel_local(ch, frame, &pool) != LOCAL_NONE)
			bit_set(doubt, channel_bit(pool, frame));
	}
	CHANNEL_EACH_FRAME(ch, p, n) {
		uint32_t bit = p->bit + n, local = p->local + n;

		if (!tx_has_lent(tx, local, bit))
			continue;
		if (bit_get(stated, bit) || bit_get(slots, bit)) {
			/* Named in a slot it is lent to whoever takes it there, whatever is stated. */
			tx_keep(tx, bit, !bit_get(slots, bit));
			continue;
		}
		tx_take_back(tx, local, p->first + n, bit);
		if (bit_get(back, bit))
			cell_add(&ch->cell->handled_late, 1);
		else if (bit_get(doubt, bit))
			cell_add(&ch->cell->in_doubt, 1);
		else
			cell_add(&ch->cell->lost_in_hand, 1);
	}
	for (uint32_t i = 0; i < self->rx_count; i++)
		rx_lane_publish(&self->rx[i]);
}

/* The consumer's statement, read once. Who has a ledger intersects with it and needs no limit. */
static uint32_t tx_read_statement(struct vanity_tx *tx, uint64_t *ret_stated, uint64_t *ret_back)
{
	(void)bitmap_snapshot(&tx->ch, tx->back, ret_back);
	return bitmap_snapshot(&tx->ch, tx->held, ret_stated);
}

static void tx_lane_from(struct vanity_tx *tx, uint64_t lane_at)
{
	tx->lane_head = lane_at;
	tx->lane_seen = lane_at;
	wire_store_release(&tx->mine->lane_head, lane_at);
}

/*
 * What the borrower gave back since it stated is home already, as far as our ledger goes: those
 * lane entries are never worked off. An owner that started before us may have freed the frames
 * and lent them again, or we ourselves, re-forming: an old entry would count as the return of
 * the new loan.
 */
static void tx_skip_lane(struct vanity_tx *tx, uint64_t *stated, uint64_t *back)
{
	struct channel *ch = &tx->ch;
	uint64_t tail = wire_load_acquire(&tx->peer->lane_tail);

	if (tail - tx->lane_head > (uint64_t)tx->lane_mask + 1)
		return; /* it cannot be; the first poll will say so */
	for (uint64_t at = tx->lane_head; at != tail; at++) {
		uint32_t frame = wire_load_u32(&tx->lane[at & tx->lane_mask]) & ~WIRE_LANE_ADOPTED;
		const struct channel_pool *p;
		uint32_t bit;

		if (channel_local(ch, frame, &p) == LOCAL_NONE)
			continue;
		bit = channel_bit(p, frame);
		stated[bit / 64] &= ~(1ull << (bit % 64));
		bit_set(back, bit);
	}
	tx_lane_from(tx, tail);
}

static void tx_join(struct vanity_tx *tx, uint64_t generation)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;

	if (ch->pool_count > 0) {
		uint64_t *stated = self->scratch, *back = stated + self->scratch_words;
		uint64_t lane_at = wire_load(&tx->peer->lane_at);

		(void)tx_read_statement(tx, stated, back);
		tx_settle(tx, stated, back, tx->resume);
		tx_lane_from(tx, lane_at);
	} else {
		cell_add(&ch->cell->in_doubt, tx->doubt_end - tx->doubt_at);
	}
	tx->doubt_at = tx->doubt_end = tx->resume;
	tx->room = tx->room_seen = tx->resume;
	channel_joined(ch, &tx->mine->joined, generation);
}

/* Give the slots of [from, end) the lap of "not yet". */
static void tx_format(struct vanity_tx *tx, uint64_t from, uint64_t end)
{
	struct channel *ch = &tx->ch;

	for (uint64_t at = from; at != end; at++)
		slot_format(&ch->slots, tx->slot, at);
}

/* Go on where a living consumer says: its cut, its room for what is free, its lane. */
static void tx_take_cursors(struct vanity_tx *tx)
{
	struct channel *ch = &tx->ch;
	uint64_t slots = (uint64_t)ch->slots.mask + 1;
	uint64_t cut = wire_load(&tx->peer->cut);
	uint64_t room = wire_load_acquire(&tx->peer->room);

	if (cut - room > slots) {
		channel_refuse(ch, "room", room, cut);
		room = cut; /* only its own items are at stake */
	}
	/* The dead one cannot have come further. What is free beyond is of the lap before. */
	tx_format(tx, cut, room + slots);
	tx->tail = tx->published = tx->resume = cut;
	tx->room = tx->room_seen = room;
	tx->doubt_at = tx->doubt_end = cut;
	if (ch->pool_count > 0)
		tx_lane_from(tx, wire_load(&tx->peer->lane_at));
	wire_store_release(&tx->mine->tail, cut);
}

static void tx_reform(struct vanity_tx *tx, uint64_t generation)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;

	/* What stands in slots beyond the cut is never seen: it counts for nothing below. */
	tx_take_cursors(tx);
	if (ch->pool_count > 0) {
		uint64_t *stated = self->scratch, *back = stated + self->scratch_words;

		(void)tx_read_statement(tx, stated, back);
		tx_skip_lane(tx, stated, back);
		tx_settle(tx, stated, back, tx->tail);
	}
	wire_store(&tx->mine->resume, tx->resume);
	wire_store_release(&tx->mine->detached, generation);
	wire_store_release(&ch->cell->detached, generation);
	channel_joined(ch, &tx->mine->joined, generation);
}

/* Nobody will come back: everything on this ledger comes home, the channel is empty. */
static void tx_settle_nothing(struct vanity_tx *tx, uint64_t generation)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;

	if (ch->pool_count > 0) {
		memset(self->scratch, 0, (size_t)self->scratch_words * 16);
		tx_settle(tx, self->scratch, self->scratch + self->scratch_words, tx->tail);
	} else {
		cell_add(&ch->cell->in_doubt, tx->doubt_end - tx->doubt_at);
	}
	tx_skip(tx, tx->tail - tx->resume);
	tx->published = tx->resume = tx->doubt_at = tx->doubt_end = tx->tail;
	tx->room = tx->room_seen = tx->tail;
	wire_store_release(&tx->mine->tail, tx->tail);
	wire_store(&tx->mine->resume, tx->resume);
	channel_detached(ch, &tx->mine->detached, generation);
}

static void channel_close(struct channel *ch)
{
	if (ch->open)
		ch->self->unopened++;
	ch->open = 0;
	ch->closed = 1;
	ch->fault = CHANNEL_CLOSED;
	wire_store_release(&ch->cell->broken, (uint64_t)CHANNEL_CLOSED << 56);
}

/* --- orders -------------------------------------------------------------------------------- */

static void rx_obey(struct vanity_rx *rx, uint64_t order)
{
	uint64_t generation = ORDER_GENERATION(order);

	switch (ORDER_VERB(order)) {
	case ORDER_DETACH:
		if (generation > rx->ch.generation)
			rx_detach(rx, generation);
		break;
	case ORDER_JOIN:
		if (generation == rx->ch.generation && rx->ch.joined != generation)
			rx_join(rx, generation);
		break;
	case ORDER_CLOSE:
		channel_close(&rx->ch);
		break;
	default:
		break;
	}
}

static void tx_obey(struct vanity_tx *tx, uint64_t order)
{
	uint64_t generation = ORDER_GENERATION(order);
	struct channel *ch = &tx->ch;

	/* All that was put is in the slots: from here on only they and the books count. */
	vanity_tx_publish(tx);
	switch (ORDER_VERB(order)) {
	case ORDER_DETACH:
		if (generation > ch->generation)
			tx_detach(tx, generation);
		break;
	case ORDER_JOIN:
		/* Whether the other end has truly joined decides when the channel opens; were it
		 * asked here, a liar in the cell could make us look late. */
		if (generation == ch->generation && ch->joined != generation)
			tx_join(tx, generation);
		break;
	case ORDER_REFORM:
		if (generation > ch->generation) {
			if (ch->open)
				ch->self->unopened++;
			ch->open = 0;
			tx_reform(tx, generation);
		}
		break;
	case ORDER_SETTLE:
		if (generation > ch->generation)
			tx_settle_nothing(tx, generation);
		break;
	case ORDER_CLOSE:
		channel_close(ch);
		break;
	default:
		break;
	}
}

void shard_obey(struct vanity_shard *self)
{
	const struct orders *orders = self->orders;

	self->seq = wire_load_acquire(&orders->seq);
	self->frozen = wire_load(&orders->freeze) != 0;
	self->stop = (uint32_t)wire_load(&orders->stop);
	for (uint32_t i = 0; i < self->rx_count; i++) {
		struct channel *ch = &self->rx[i].ch;
		uint64_t order = wire_load_acquire(&orders->port[ch->port]);

		if (order != ch->order) {
			ch->order = order;
			rx_obey(&self->rx[i], order);
		}
	}
	for (uint32_t i = 0; i < self->tx_count; i++) {
		struct channel *ch = &self->tx[i].ch;
		uint64_t order = wire_load_acquire(&orders->port[ch->port]);

		if (order != ch->order) {
			ch->order = order;
			tx_obey(&self->tx[i], order);
		}
	}
	shard_state_left(self);
	if (wire_load(&orders->verify) != self->verify) {
		self->verify = wire_load(&orders->verify);
		shard_sums(self);
	}
}

/* Which channels have opened: both ends say the same generation. */
void shard_open(struct vanity_shard *self)
{
	uint32_t unopened = 0;

	for (uint32_t i = 0; i < self->rx_count + self->tx_count; i++) {
		struct vanity_rx *rx = i < self->rx_count ? &self->rx[i] : NULL;
		struct vanity_tx *tx = rx ? NULL : &self->tx[i - self->rx_count];
		struct channel *ch = rx ? &rx->ch : &tx->ch;

		if (ch->open)
			continue;
		if (ch->fault == CHANNEL_OK &&
		    channel_opens(ch, rx ? &rx->peer->joined : &tx->peer->joined))
			ch->open = 1;
		else
			unopened++;
	}
	self->unopened = unopened;
	shard_state_left(self);
}

void shard_state_left(struct vanity_shard *self)
{
	for (uint32_t i = 0; i < self->rx_count; i++) {
		struct vanity_rx *rx = &self->rx[i];

		if (rx->ch.open)
			wire_store_release(&rx->ch.cell->left, 0);
		else
			rx_state_left(rx);
	}
}

void shard_join_all(struct vanity_shard *self)
{
	for (uint32_t i = 0; i < self->rx_count; i++)
		channel_joined(&self->rx[i].ch, &self->rx[i].mine->joined,
			       self->rx[i].ch.generation);
	for (uint32_t i = 0; i < self->tx_count; i++)
		channel_joined(&self->tx[i].ch, &self->tx[i].mine->joined,
			       self->tx[i].ch.generation);
}

/* --- a successor's first act --------------------------------------------------------------- */

/* Does the neighbour have words for this generation? The orders say so, the wire must agree. */
static bool channel_resumes(struct channel *ch, const wire_u64 *detached)
{
	return ORDER_VERB(ch->order) == ORDER_RESUME &&
	       wire_load_acquire(detached) == ch->generation;
}

/* The ledger of an output is what its living borrower states. */
static void tx_adopt(struct vanity_tx *tx)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;
	uint64_t *stated = self->scratch, *back = stated + self->scratch_words;
	uint32_t me = (uint32_t)(tx - self->tx), count;

	if (!channel_resumes(ch, &tx->peer->detached)) {
		tx_format(tx, 0, (uint64_t)ch->slots.mask + 1);
		wire_store(&tx->mine->tail, 0);
		wire_store(&tx->mine->lane_head, 0);
		goto state;
	}
	tx_take_cursors(tx);
	if (ch->pool_count == 0)
		goto state;
	/* What cannot be is empty: more than all its lenders together may lend it. */
	count = tx_read_statement(tx, stated, back);
	if (count > ch->bind->state_max) {
		channel_refuse(ch, "frames stated:", count, ch->bind->state_max);
		memset(stated, 0, (size_t)channel_words(ch) * 8);
	}
	tx_skip_lane(tx, stated, back);
	CHANNEL_EACH_FRAME(ch, p, n) {
		uint32_t bit = p->bit + n, local = p->local + n;

		if (bit_get(back, bit))
			bit_set(self->news, local);
		if (!bit_get(stated, bit))
			continue;
		tx->lent_count++;
		tx_keep(tx, bit, true);
		if (self->to[local] == TO_NOBODY) {
			self->to[local] = (uint8_t)me;
		} else {
			/* Two borrowers state one frame; one lies. Until both gave it back. */
			if (self->to[local] != TO_MANY) {
				struct vanity_tx *other = &self->tx[self->to[local]];
				const struct channel_pool *q;

				if (channel_local(&other->ch, p->first + n, &q) != LOCAL_NONE)
					bit_set(other->claim, channel_bit(q, p->first + n));
			}
			self->to[local] = TO_MANY;
			bit_set(tx->claim, bit);
		}
	}
state:
	wire_store(&tx->mine->resume, tx->resume);
	channel_detached(ch, &tx->mine->detached, ch->generation);
}

/* From whom a frame that is lent below must have come: the input that carries its pool. */
static uint32_t shard_lender(struct vanity_shard *self, uint32_t frame)
{
	uint32_t from = FROM_NOTHING;
	const struct channel_pool *p;

	for (uint32_t i = 0; i < self->pool_count; i++)
		if (self->pool[i].owned && frame - self->pool[i].first < self->pool[i].count)
			return FROM_POOL;
	for (uint32_t i = 0; i < self->rx_count; i++) {
		/* What comes in by a copy goes nowhere: below is only the copy. */
		if (self->rx[i].copy != NULL ||
		    channel_local(&self->rx[i].ch, frame, &p) == LOCAL_NONE)
			continue;
		from = from == FROM_NOTHING ? i : FROM_MANY;
	}
	return from;
}

static void rx_adopt(struct vanity_rx *rx)
{
	struct channel *ch = &rx->ch;
	struct vanity_shard *self = ch->self;
	bool resumes = channel_resumes(ch, &rx->peer->detached);
	uint64_t at = resumes ? wire_load(&rx->peer->resume) : 0;

	rx->head = rx->room = rx->taken = rx->tail = at;
	wire_store(&rx->mine->head, at);
	wire_store(&rx->mine->room, at);
	wire_store(&rx->mine->taken, at);
	wire_store(&rx->mine->lane_tail, 0);
	wire_store(&rx->mine->cut, at);
	wire_store(&rx->mine->lane_at, 0);
	if (ch->pool_count > 0) {
		rx_state_held(rx, resumes);
		words_clear(rx->back, channel_words(ch));
		/* News of frames handled below goes up the way the frames would have gone. */
		CHANNEL_EACH_FRAME(ch, p, n)
			if (bit_get(self->news, p->local + n))
				bit_store(rx->back, p->bit + n);
	}
	rx_state_left(rx);
	channel_detached(ch, &rx->mine->detached, ch->generation);
}

void shard_adopt(struct vanity_shard *self)
{
	for (uint32_t i = 0; i < self->tx_count; i++)
		tx_adopt(&self->tx[i]);
	for (uint32_t i = 0; i < self->pool_count; i++) {
		struct vanity_pool *pool = &self->pool[i];

		for (uint32_t n = 0; n < pool->count; n++) {
			uint32_t local = pool->local + n, frame = pool->first + n;

			if (self->to[local] == TO_NOBODY) {
				/* An owner's successor owns what no statement names. */
				if (pool->owned)
					pool->free[pool->free_count++] = frame;
				continue;
			}
			self->from[local] = (uint8_t)shard_lender(self, frame);
			if (self->from[local] == FROM_POOL)
				continue;
			self->adopted[local / 64] |= 1ull << (local % 64);
			self->many_count += self->from[local] == FROM_MANY;
			if (self->from[local] < self->rx_count) {
				self->rx[self->from[local]].hand_count++;
				self->rx[self->from[local]].adopted_count++;
			}
		}
	}
	for (uint32_t i = 0; i < self->rx_count; i++)
		rx_adopt(&self->rx[i]);
	shard_state_left(self);
	wire_store_release(&self->cell->state, CELL_STARTING);
}
