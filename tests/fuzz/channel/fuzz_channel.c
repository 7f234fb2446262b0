/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile neighbours and a hostile daemon. The input decides what stands in the neighbours' words,
 * slots, lanes and statements and in the orders, and what the victim does in between; shard 1 is
 * the victim. It must never fall, never hand out bytes outside a pool, nor a frame twice, never
 * run for ever, and its books must add up after every step.
 *
 * Core is compiled for the pseudo-ISA of the simulator, in which each load of a shared word is a
 * point: there, too, the input may store anything in what is not the victim's, first of all in the
 * word about to be loaded. So whoever loads a word twice gets two values, and the same input gives
 * the same two again. plants/ holds bugs that this must find, and does.
 *
 *      c0: 0 -> 1 frames of a pool of 0        c2: 2 -> 1 frames of 1's own pool, come round
 *      c1: 1 -> 2 frames of both pools         c3: 2 -> 1 plain slots     c4: 1 -> 0 plain slots
 */
#include "fuzz.h"
#include "rig.h"

#include <string.h>

struct input {
	const uint8_t *data;
	size_t bytes;
};

static uint8_t take8(struct input *in)
{
	if (in->bytes == 0)
		return 0;
	in->bytes--;
	return *in->data++;
}

static uint64_t take64(struct input *in)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < 8; i++)
		value = value << 8 | take8(in);
	return value;
}

static const struct rig_spec spec = {
	.shard_count = 3,
	.pool = { { .owner = 0, .frames = 24, .bytes = 256 },
		  { .owner = 1, .frames = 20, .bytes = 320 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 12 },
		     { 1, 2, .slots = 16, .pools = RIG_POOL0 | RIG_POOL1, .lend = 20 },
		     { 2, 1, .slots = 8, .pools = RIG_POOL1, .lend = 16 },
		     { 2, 1, .slots = 8, .slot_bytes = 24 },
		     { 1, 0, .slots = 4, .slot_bytes = 8, .full = PLAN_FULL_DROP } },
};

#define VICTIM 1u
#define HAND_MAX 64u

struct hand {
	struct vanity_ref ref;
	struct vanity_rx *rx; /* NULL: from the victim's own pool */
};

struct fuzz {
	struct rig *r;
	struct input *in;
	uint32_t points; /* the next so many loads and stores of the victim are the input's */
	bool inside; /* the victim runs */
	struct hand hand[HAND_MAX];
	uint32_t hand_count;
	uint64_t edge[8];
};

static struct fuzz *at_work; /* for sim_point(), which is told a word and no more */

static void nothing_wakes(struct rig *r, uint32_t shard)
{
	(void)r;
	(void)shard;
}

/* A value near the victim's own cursors, small, or anything. */
static uint64_t value_of(struct fuzz *f, struct input *in)
{
	uint8_t how = take8(in);
	uint64_t near = (uint64_t)(int64_t)(int8_t)take8(in);

	switch (how % 10) {
	case 0:
		return rig_rx(f->r, 0)->tail + near;
	case 1:
		return rig_tx(f->r, 1)->published + near;
	case 2:
		return rig_tx(f->r, 1)->lane_head + near;
	case 3:
		return rig_rx(f->r, 2)->tail + near;
	case 4:
		return rig_rx(f->r, 3)->tail + near;
	case 5:
		return f->edge[(uint8_t)near % 5];
	case 6:
		return UINT64_MAX + near;
	case 7:
		return take64(in);
	default:
		return near & 0xff;
	}
}

static void write_word(struct fuzz *f, struct input *in)
{
	static const uint8_t from_peer[] = { 0, 2, 3 }; /* channels whose producer is a peer */
	static const uint8_t to_peer[] = { 1, 4 };
	uint8_t which = take8(in);
	uint64_t value = value_of(f, in);
	wire_u64 *word[7];

	if (which & 1) {
		struct wire_tx *w = rig_wire_tx(f->r, from_peer[(which >> 4) % 3]);
		wire_u64 *const words[7] = { &w->tail,     &w->stamp_at, &w->stamp_cycles,
					     &w->resume,   &w->detached, &w->joined,
					     &w->lane_head };

		memcpy(word, words, sizeof(words));
	} else {
		struct wire_rx *w = rig_wire_rx(f->r, to_peer[(which >> 4) % 2]);
		wire_u64 *const words[7] = { &w->head,    &w->taken,    &w->lane_tail, &w->cut,
					     &w->lane_at, &w->detached, &w->joined };

		memcpy(word, words, sizeof(words));
	}
	wire_store(word[(which >> 1) % 7], value);
}

static void write_slot(struct fuzz *f, struct input *in)
{
	static const uint8_t from_peer[] = { 0, 2, 3 };
	uint32_t channel = from_peer[take8(in) % 3];
	struct vanity_rx *rx = rig_rx(f->r, channel);
	uint64_t at = wire_load(&rig_wire_tx(f->r, channel)->tail) + take8(in) % 8;
	wire_u64 *slot = &rig_slots(f->r, channel)[(at & rx->ch.slots.mask) * rx->ch.slots.words];
	uint8_t how = take8(in);
	uint64_t word0 =
		how & 2 ? take64(in) : (uint64_t)(take8(in) % 52) | (uint64_t)(how & 28) << 32;

	word0 &= ~WIRE_SLOT_LAP;
	wire_store(&slot[1], how & 2 ? take64(in) : take8(in));
	wire_store(&slot[0], word0 | (slot_lap(&rx->ch.slots, at) ^ (how & 1 ? WIRE_SLOT_LAP : 0)));
	if (how & 32)
		wire_store(&rig_wire_tx(f->r, channel)->tail, at + 1);
}

static void write_lane(struct fuzz *f, struct input *in)
{
	struct wire_rx *w = rig_wire_rx(f->r, 1);
	uint64_t at = wire_load(&w->lane_tail);
	uint8_t how = take8(in);
	uint32_t entry = how & 1 ? (uint32_t)take64(in) : take8(in) % 52u;

	wire_store_u32(&rig_lane(f->r, 1)[at & rig_tx(f->r, 1)->lane_mask],
		       entry | (how & 2 ? WIRE_LANE_ADOPTED : 0));
	if (how & 4)
		wire_store(&w->lane_tail, at + 1);
}

static void write_statement(struct fuzz *f, struct input *in)
{
	uint32_t word = take8(in) % 2;

	/* held and back each have one line pair: 44 frames. */
	wire_store(&rig_held(f->r, 1)[word * (WIRE_LINE / 8)], take64(in));
}

static void write_order(struct fuzz *f, struct input *in)
{
	struct rig *r = f->r;
	uint8_t how = take8(in);
	uint32_t channel = how % 5;
	uint32_t end = r->plan->channel[channel].producer == VICTIM ? LIFE_PRODUCER : LIFE_CONSUMER;

	if (how & 0x80)
		f->edge[channel]++;
	rig_order(r, channel, end, take8(in) % 9, how & 0x40 ? value_of(f, in) : f->edge[channel]);
}

static void write_orders(struct fuzz *f, struct input *in)
{
	struct orders *o = f->r->shard[VICTIM].orders;
	uint8_t how = take8(in);

	wire_store(&o->freeze, how & 1);
	wire_store(&o->stop, how >> 1 & 3);
	wire_store(&o->verify, how >> 3);
	wire_store(&o->seq, wire_load(&o->seq) + 1);
	wire_store(f->r->shard[VICTIM].self->bell, how);
	wire_store(&((struct wire_head *)(uintptr_t)f->r->shard[VICTIM].self->neighbour[0].peer)
			    ->asleep,
		   how & 7);
}

/* --- between any two loads ----------------------------------------------------------------- */

/* May somebody else write this word? Then it lies where the victim has no right to. Without its
 * daemon's word to go a shard waits, rightly, for ever. */
static bool is_foreign(const struct fuzz *f, const void *word)
{
	const struct rig_shard *s = &f->r->shard[VICTIM];

	if (word == &s->orders->go)
		return false;
	for (uint32_t i = 0; i < s->block->region_count; i++)
		if ((uintptr_t)word - (uintptr_t)s->base[i] < bind_regions(s->block)[i].bytes)
			return bind_regions(s->block)[i].right == PLAN_RO;
	return false;
}

/* A slot's word as it might be when its turn comes, or not. */
static bool point_slot(struct fuzz *f, struct input *in, wire_u64 *word, uint32_t channel)
{
	const struct vanity_rx *rx = rig_rx(f->r, channel);
	const struct channel_slots *s = &rx->ch.slots;
	uint64_t n = (uint64_t)((uintptr_t)word - (uintptr_t)rx->slot) / 8;
	uint64_t at = rx->taken + ((n / s->words - rx->taken) & s->mask);
	uint8_t how;

	if (n >= ((uint64_t)s->mask + 1) * s->words)
		return false;
	how = take8(in);
	if (n % s->words != 0)
		wire_store(word, how & 2 ? take64(in) : take8(in));
	else
		wire_store(word, (take8(in) % 52u | (uint64_t)(how & 28) << 32 |
				  slot_lap(s, at)) ^ (how & 1 ? WIRE_SLOT_LAP : 0));
	return true;
}

static void point_write(struct fuzz *f, struct input *in, const void *about_to_be_loaded)
{
	void *word = (void *)(uintptr_t)about_to_be_loaded;
	uint64_t entry = (uint64_t)((uintptr_t)word - (uintptr_t)rig_lane(f->r, 1)) / 4;

	if (!is_foreign(f, word))
		return;
	if (entry <= rig_tx(f->r, 1)->lane_mask)
		wire_store_u32(word, (uint32_t)value_of(f, in));
	else if (!point_slot(f, in, word, 0) && !point_slot(f, in, word, 2) &&
		 !point_slot(f, in, word, 3))
		wire_store(word, value_of(f, in));
}

void sim_point(const void *word);
uint64_t sim_cycles(void);

void sim_point(const void *word)
{
	struct fuzz *f = at_work;
	uint8_t how;

	if (f == NULL || !f->inside || f->points == 0 || f->in->bytes == 0)
		return;
	f->inside = false;
	f->points--;
	how = take8(f->in);
	switch (how % 8) {
	case 0:
	case 1:
	case 2:
		point_write(f, f->in, word);
		break;
	case 3:
		write_slot(f, f->in);
		break;
	case 4:
		if (how & 8)
			write_word(f, f->in);
		else if (how & 16)
			write_lane(f, f->in);
		else
			write_statement(f, f->in);
		break;
	default:
		break;
	}
	f->inside = true;
}

uint64_t sim_cycles(void)
{
	return 1;
}

/* --- what the victim does ------------------------------------------------------------------ */

/* What the library handed out is whole, ours, and nobody's twice. */
static void hand_add(struct fuzz *f, const struct vanity_ref *ref, struct vanity_rx *rx)
{
	const uint8_t *bytes;

	for (uint32_t i = 0; i < f->hand_count; i++)
		assert_int_not_equal(f->hand[i].ref.frame, ref->frame);
	assert_true(f->hand_count < HAND_MAX);
	bytes = vanity_ref_read(rig_rx(f->r, 0), ref);
	for (uint32_t i = 0; i < ref->length; i++)
		(void)*(const volatile uint8_t *)&bytes[i];
	f->hand[f->hand_count].ref = *ref;
	f->hand[f->hand_count++].rx = rx;
}

static void hand_drop(struct fuzz *f, uint32_t i, bool put)
{
	struct hand *h = &f->hand[i];

	if (put)
		vanity_tx_put(rig_tx(f->r, 1), &h->ref);
	else if (h->rx)
		vanity_rx_give_back(h->rx, &h->ref, VANITY_DONE);
	else
		vanity_frame_drop(rig_pool(f->r, VICTIM), &h->ref, VANITY_DONE);
	*h = f->hand[--f->hand_count];
}

static void work(struct fuzz *f, struct input *in)
{
	struct rig *r = f->r;
	struct vanity_ref ref[8];
	uint64_t slots[8][3] = { { 0 } };
	uint8_t how = take8(in);
	uint32_t n, room;

	f->inside = true;
	(void)vanity_running(r->shard[VICTIM].self);
	if (how & 1) {
		struct vanity_rx *rx = rig_rx(r, how & 2 ? 0 : 2);

		n = vanity_rx_take(rx, ref, how >> 5);
		for (uint32_t i = 0; i < n; i++)
			hand_add(f, &ref[i], rx);
	}
	if (how & 4) {
		n = vanity_frame_take(rig_pool(r, VICTIM), ref, how >> 6);
		for (uint32_t i = 0; i < n; i++)
			hand_add(f, &ref[i], NULL);
	}
	if (how & 8) {
		room = vanity_tx_room(rig_tx(r, 1), how >> 4);
		/* A frame that came round to its owner goes no further. */
		for (uint32_t i = f->hand_count; i-- > 0 && room > 0;) {
			if (f->hand[i].rx == rig_rx(r, 2))
				continue;
			hand_drop(f, i, true);
			room--;
		}
		vanity_tx_publish(rig_tx(r, 1));
	}
	if (how & 16 && f->hand_count > 0)
		hand_drop(f, take8(in) % f->hand_count, false);
	if (how & 32) {
		(void)vanity_slot_take(rig_rx(r, 3), slots, 8);
		(void)vanity_slot_put(rig_tx(r, 4), slots, how >> 6);
		vanity_tx_publish(rig_tx(r, 4));
	}
	if (how & 64)
		vanity_wait(r->shard[VICTIM].self, 0);
	f->inside = false;
}

static void restart(struct fuzz *f, struct input *in)
{
	uint8_t how = take8(in);

	rig_kill(f->r, VICTIM);
	f->hand_count = 0;
	rig_raise(f->r, VICTIM);
	if (how & 1)
		for (uint32_t i = 0; i < 5; i++)
			rig_order(f->r, i,
				  f->r->plan->channel[i].producer == VICTIM ? LIFE_PRODUCER
									    : LIFE_CONSUMER,
				  how >> 1 >> i & 1 ? ORDER_RESUME : ORDER_FRESH, f->edge[i]);
	f->inside = true;
	rig_go(f->r, VICTIM);
	f->inside = false;
	rig_check(f->r);
	f->inside = true;
	rig_ready(f->r, VICTIM);
	f->inside = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	struct input in = { data, data_bytes < 4096 ? data_bytes : 4096 };
	struct fuzz f = { .r = rig_new(&spec), .in = &in, .edge = { 1, 1, 1, 1, 1, 1, 1, 1 } };

	at_work = &f;
	rig_start(f.r);
	/* From here on the neighbours are the input's. */
	rig_kill(f.r, 0);
	rig_kill(f.r, 2);
	f.r->on_wait = nothing_wakes;
	while (in.bytes > 0) {
		switch (take8(&in) % 16) {
		case 0:
		case 1:
		case 2:
			write_word(&f, &in);
			break;
		case 3:
		case 4:
			write_slot(&f, &in);
			break;
		case 5:
			write_lane(&f, &in);
			break;
		case 6:
			write_statement(&f, &in);
			break;
		case 7:
		case 8:
			write_order(&f, &in);
			break;
		case 9:
			write_orders(&f, &in);
			break;
		case 10:
			restart(&f, &in);
			break;
		case 11:
			f.points = take8(&in);
			restart(&f, &in);
			break;
		case 12:
		case 13:
			f.points = take8(&in);
			work(&f, &in);
			break;
		default:
			work(&f, &in);
			break;
		}
		f.points = 0;
		rig_check(f.r);
	}
	at_work = NULL;
	rig_free(f.r);
	return 0;
}
