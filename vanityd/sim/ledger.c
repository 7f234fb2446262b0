/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.c: the witness. It knows who has which frame by the calls the programs make, not by
 * anything the library says, and accuses the library when the two disagree.
 *
 * The linker puts the functions below around the library's (--wrap): a program's call comes here
 * first, and its sources are the same as everywhere.
 *
 *      FREE --frame_take--> HELD --put--> SLOT (channel, position) --rx_take--> HELD
 *        ^                   |  |                                                |
 *        +----- drop --------+  +<----------------- give_back -------------------+
 *
 * Where a channel copies, the item changes its frame as it is taken: the original is FREE, a frame
 * of the taker's pool HELD.
 *
 * What it accuses:
 *   - a frame handed out by its owner while a living shard holds it, or while it stands in a slot
 *     of a channel both of whose ends have lived on since it was put there
 *   - an item taken that nobody put there, put twice, out of order, or with other contents
 *   - at rest: a frame that stands in a channel or in a hand and never came home
 *
 * At a death it looks once at the cursors in memory (they decide what the living will see) and
 * counts what is lost with the dead.
 */
#include "core/bits.h"
#include "core/channel.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum frame_state { FRAME_FREE = 0, FRAME_HELD = 1, FRAME_SLOT = 2 };

struct frame {
	uint32_t state; /* enum frame_state */
	uint32_t item; /* 1: it carries an item of a program */
	uint32_t shard; /* holder, or who gave it back */
	uint32_t channel; /* where it stands, or was given back into */
	uint32_t producer, consumer; /* their generations when it was put */
	uint64_t edge; /* the channel's, likewise */
	uint32_t giver; /* generation that gave it back; 0: the news is out */
	uint64_t at; /* position in the channel; of a frame given back: the lane's tail */
};

struct entry { /* what was put at a position */
	uint64_t at, signature;
	uint32_t frame;
	uint32_t used;
};

struct channel {
	struct entry *log;
	uint32_t mask;
	uint32_t producer; /* generation that puts */
	uint64_t edge; /* generation of the channel it puts under */
	uint64_t put_at; /* position of the next put */
};

static struct channel channel[VANITY_CHANNELS_MAX];
static struct frame *frame;
static uint32_t frame_count;
struct ledger_items ledger_items;

/* For whoever reads a schedule: what the programs did, between the touches it took. */
static void say(const char *what, uint32_t number, uint32_t in, uint64_t at)
{
	if (world.options->touches)
		printf("%10" PRIu64 " %12" PRIu64 " %-8s + %s frame %u channel %s item %" PRIu64
		       "\n",
		       sim.step, sim.now, party_name(sim.current), what, number,
		       world.plan->channel[in].name, at);
}

/* --- the books ----------------------------------------------------------------------------- */

int ledger_prepare(void)
{
	const struct plan *p = world.plan;

	for (uint32_t i = 0; i < p->pool_count; i++)
		if (p->pool[i].first_frame + p->pool[i].frame_count > frame_count)
			frame_count = p->pool[i].first_frame + p->pool[i].frame_count;
	frame = calloc(frame_count + 1, sizeof(*frame));
	if (frame == NULL)
		return -1;
	for (uint32_t i = 0; i < p->channel_count; i++) {
		/* Twice the slots: what was put and not published is in here too. */
		channel[i].mask = 2 * p->channel[i].slot_count - 1;
		channel[i].log = calloc(channel[i].mask + 1, sizeof(*channel[i].log));
		if (channel[i].log == NULL)
			return -1;
	}
	return 0;
}

void ledger_begin(void)
{
	memset(frame, 0, frame_count * sizeof(*frame));
	memset(&ledger_items, 0, sizeof(ledger_items));
	for (uint32_t i = 0; i < world.plan->channel_count; i++) {
		memset(channel[i].log, 0, (channel[i].mask + 1) * sizeof(*channel[i].log));
		channel[i].producer = 0;
	}
}

void ledger_started(uint32_t shard)
{
	(void)shard;
}

static struct frame *frame_get(uint32_t number)
{
	if (number < frame_count)
		return &frame[number];
	world_fail("%s names frame %u, which is nowhere", party_name(sim.current), number);
	return &frame[frame_count];
}

static void frame_lost(struct frame *f)
{
	f->state = FRAME_FREE;
	f->giver = 0;
	ledger_items.lost += f->item;
	f->item = 0;
}

/* Was the giver's lane entry published before it died? The tail stood at f->at when the call
 * began, and a publication covers all entries pushed so far. */
static bool back_is_out(const struct frame *f)
{
	return sim_peek(&rx_words(f->channel)->lane_tail) != f->at;
}

/* Where the slots end that the consumer can see: those that are stored, whatever the tail says. */
static uint64_t slots_end(uint32_t number)
{
	const struct plan_channel *c = &world.plan->channel[number];
	const struct channel_slots s = { .shift = bits_highest(c->slot_count),
					 .mask = c->slot_count - 1,
					 .words = c->slot_bytes / 8 };
	const wire_u64 *slot = (const wire_u64 *)(tx_words(number) + 1);
	uint64_t tail = sim_peek(&tx_words(number)->tail), at = tail;

	while (at - tail <= s.mask &&
	       (sim_peek(&slot[slot_word(&s, at)]) & WIRE_SLOT_LAP) == slot_lap(&s, at))
		at++;
	return at;
}

static void frame_bereaved(struct frame *f, uint32_t shard)
{
	const struct plan_channel *c = &world.plan->channel[f->channel];
	uint64_t tail, taken;

	if (f->state == FRAME_HELD && f->shard == shard) {
		frame_lost(f);
		return;
	}
	if (f->state == FRAME_FREE && f->giver != 0 && f->shard == shard) {
		if (!back_is_out(f))
			ledger_items.unsaid++;
		f->giver = 0;
		return;
	}
	if (f->state != FRAME_SLOT || (c->producer != shard && c->consumer != shard))
		return;
	tail = slots_end(f->channel);
	taken = sim_peek(&rx_words(f->channel)->taken);
	/* Not stored, or taken and not yet in a hand. With both ends dead nobody will read it.
	 */
	if ((c->producer == shard && (int64_t)(f->at - tail) >= 0) ||
	    (c->consumer == shard && (int64_t)(f->at - taken) < 0) ||
	    world.shard[c->producer == shard ? c->consumer : c->producer].alive == 0)
		frame_lost(f);
}

void ledger_died(uint32_t shard)
{
	for (uint32_t i = 0; i < frame_count; i++)
		frame_bereaved(&frame[i], shard);
}

void ledger_pool(uint32_t pool, uint64_t *ret_free, uint64_t *ret_held, uint64_t *ret_lent)
{
	const struct plan_pool *p = &world.plan->pool[pool];

	*ret_free = *ret_held = *ret_lent = 0;
	for (uint32_t i = p->first_frame; i < p->first_frame + p->frame_count; i++) {
		if (frame[i].state == FRAME_FREE)
			++*ret_free;
		else if (frame[i].state == FRAME_HELD && frame[i].shard == p->owner)
			++*ret_held;
		else
			++*ret_lent;
	}
}

void ledger_rest(bool final)
{
	for (uint32_t i = 0; i < frame_count; i++) {
		struct frame *f = &frame[i];
		const struct plan_channel *c = &world.plan->channel[f->channel];
		uint64_t tail, taken;

		/* Between two packets a driver may keep a frame of its pool for the next. */
		if (f->state == FRAME_HELD && final && (f->item || !devices_hold(f->shard))) {
			world_fail("at rest %s still holds frame %u", party_name(f->shard), i);
			return;
		}
		if (f->state != FRAME_SLOT)
			continue;
		tail = sim_peek(&tx_words(f->channel)->tail);
		taken = sim_peek(&rx_words(f->channel)->taken);
		if (f->at - taken < tail - taken) {
			if (!final)
				continue;
			world_fail("at rest frame %u stands in channel %s, untaken", i, c->name);
			return;
		}
		/* Behind the cut of a consumer whose producer died, and never put again. */
		frame_lost(f);
	}
}

/* --- ports of the running shard ------------------------------------------------------------ */

static uint32_t port_channel(const void *key, const char *name, uint32_t output)
{
	struct world_shard *s = &world.shard[sim.current];
	const struct plan_shard *p = &world.plan->shard[sim.current];

	for (uint32_t i = 0; i < s->port_keys; i++)
		if (s->port_key[i] == key)
			return s->port_channel[i];
	for (uint32_t i = 0; i < p->port_count; i++) {
		if (p->port[i].output != output || strcmp(p->port[i].name, name) != 0)
			continue;
		s->port_key[s->port_keys] = key;
		s->port_channel[s->port_keys++] = p->port[i].channel;
		return p->port[i].channel;
	}
	world_fail("%s has no port %s", party_name(sim.current), name);
	return 0;
}

/* --- putting ------------------------------------------------------------------------------- */

/* The producer's first put under a generation, its own or the channel's: where it goes on. Frames
 * that were put there or beyond under another one were never seen by the consumer: they are lost.
 */
static struct channel *channel_putting(uint32_t number)
{
	struct channel *c = &channel[number];
	uint32_t generation = world.shard[sim.current].alive;
	uint64_t edge = sim_peek(&tx_words(number)->joined);

	if (c->producer == generation && c->edge == edge)
		return c;
	c->producer = generation;
	c->edge = edge;
	c->put_at = sim_peek(&tx_words(number)->tail);
	for (uint32_t i = 0; i < frame_count; i++)
		if (frame[i].state == FRAME_SLOT && frame[i].channel == number &&
		    (frame[i].producer != generation || frame[i].edge != edge) &&
		    (int64_t)(frame[i].at - c->put_at) >= 0)
			frame_lost(&frame[i]);
	return c;
}

static uint64_t dropped_of(uint32_t number)
{
	const struct plan_channel *c = &world.plan->channel[number];

	return sim_peek(&cell_of(c->producer)->port[c->producer_port].dropped);
}

static uint64_t ref_signature(const struct vanity_ref *ref)
{
	return cell_mix(cell_mix((uint64_t)ref->frame << 32 | (uint64_t)ref->offset << 16 |
				 (ref->flags & 0x7fffu)) ^
			((uint64_t)ref->length << 32 | ref->tag));
}

void __real_vanity_tx_put(struct vanity_tx *tx, const struct vanity_ref *ref);
void __wrap_vanity_tx_put(struct vanity_tx *tx, const struct vanity_ref *ref);

void __wrap_vanity_tx_put(struct vanity_tx *tx, const struct vanity_ref *ref)
{
	uint32_t number = port_channel(tx, vanity_tx_name(tx), 1);
	const struct plan_channel *p = &world.plan->channel[number];
	struct channel *c = channel_putting(number);
	struct frame *f = frame_get(ref->frame);
	uint64_t dropped = dropped_of(number), at = c->put_at;

	if (f->state != FRAME_HELD || f->shard != sim.current)
		world_fail("%s puts frame %u, which it does not hold", party_name(sim.current),
			   ref->frame);
	if (!f->item) {
		f->item = 1;
		ledger_items.begun++;
		world.shard[sim.current].frames_taken++;
	}
	oracle_put(sim.current);
	c->log[at & c->mask] = (struct entry){ at, ref_signature(ref), ref->frame, 1 };
	f->state = FRAME_SLOT;
	f->channel = number;
	f->at = at;
	f->edge = c->edge;
	f->producer = world.shard[p->producer].alive;
	f->consumer = world.shard[p->consumer].alive;
	say("put", ref->frame, number, at);
	__real_vanity_tx_put(tx, ref);
	if (dropped_of(number) != dropped) {
		f->state = FRAME_FREE;
		f->item = 0;
		ledger_items.dropped++;
		return;
	}
	c->put_at = at + 1;
}

static uint64_t slot_signature(const uint8_t *slot, uint32_t bytes)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < bytes; i += 8) {
		uint64_t word;

		memcpy(&word, slot + i, 8);
		hash = cell_mix(hash ^ (i == 0 ? word & ~WIRE_SLOT_LAP : word));
	}
	return hash;
}

uint32_t __real_vanity_slot_put(struct vanity_tx *tx, const void *slots, uint32_t n);
uint32_t __wrap_vanity_slot_put(struct vanity_tx *tx, const void *slots, uint32_t n);

uint32_t __wrap_vanity_slot_put(struct vanity_tx *tx, const void *slots, uint32_t n)
{
	uint32_t number = port_channel(tx, vanity_tx_name(tx), 1);
	uint32_t bytes = vanity_tx_slot_bytes(tx);
	struct channel *c = channel_putting(number);
	uint64_t dropped = dropped_of(number);
	uint32_t done;

	oracle_put(sim.current);
	/* A slot is seen as soon as it is stored: the entries before, also of those that find no room. */
	for (uint32_t i = 0; i < n && i <= c->mask / 2; i++) {
		uint64_t at = c->put_at + i;

		c->log[at & c->mask] = (struct entry){
			at, slot_signature((const uint8_t *)slots + (size_t)i * bytes, bytes), 0, 1
		};
	}
	done = __real_vanity_slot_put(tx, slots, n);
	dropped = dropped_of(number) - dropped;
	c->put_at += done - dropped;
	ledger_items.begun += done;
	ledger_items.dropped += dropped;
	return done;
}

/* --- taking -------------------------------------------------------------------------------- */

/* Is what came out of position @at what went in there, for the first time? */
static void check_entry(uint32_t number, uint64_t at, uint64_t signature)
{
	struct channel *c = &channel[number];
	struct entry *e = &c->log[at & c->mask];

	/* What it marks as written is an item: of nobody's worth but its own. */
	if (world.plan->channel[number].producer == world.hostile)
		return;
	if (!e->used || e->at != at)
		world_fail("%s takes item %" PRIu64 " of channel %s, which nobody put there",
			   party_name(sim.current), at, world.plan->channel[number].name);
	else if (e->signature != signature)
		world_fail("%s takes item %" PRIu64 " of channel %s, and it is another one than "
			   "was put there",
			   party_name(sim.current), at, world.plan->channel[number].name);
	e->used = 0;
}

static void took_frame(uint32_t number, uint64_t at, const struct vanity_ref *ref)
{
	static const char *const words[] = { "free", "held", "in a slot" };
	struct frame *f = frame_get(ref->frame);

	if (f->state != FRAME_SLOT || f->channel != number || f->at != at)
		world_fail("%s takes frame %u from item %" PRIu64
			   " of channel %s, but it is %s (%s, %s, %" PRIu64 ")",
			   party_name(sim.current), ref->frame, at,
			   world.plan->channel[number].name, words[f->state], party_name(f->shard),
			   world.plan->channel[f->channel].name, f->at);
	f->state = FRAME_HELD;
	f->shard = sim.current;
	say("take", ref->frame, number, at);
}

static void handed_out(uint32_t number);

/*
 * The item goes on in a frame of the taker's own, as it was put; the original is free to come home.
 * Return: what was put there, for check_entry(): only the frame may differ.
 */
static struct vanity_ref took_copy(uint32_t number, uint64_t at, const struct vanity_ref *ref)
{
	const struct entry *e = &channel[number].log[at & channel[number].mask];
	const struct plan_pool *to = &world.plan->pool[world.plan->channel[number].copy_pool];
	struct vanity_ref put = *ref;
	struct frame *original;

	put.frame = e->frame;
	original = frame_get(put.frame);
	if (ref->frame - to->first_frame >= to->frame_count)
		world_fail("%s takes item %" PRIu64 " of channel %s as frame %u, which is no copy",
			   party_name(sim.current), at, world.plan->channel[number].name,
			   ref->frame);
	took_frame(number, at, &put);
	handed_out(ref->frame);
	frame_get(ref->frame)->item = original->item;
	original->item = 0;
	original->state = FRAME_FREE;
	original->giver = 0;
	return put;
}

uint32_t __real_vanity_rx_take(struct vanity_rx *rx, struct vanity_ref *ref, uint32_t max);
uint32_t __wrap_vanity_rx_take(struct vanity_rx *rx, struct vanity_ref *ref, uint32_t max);

uint32_t __wrap_vanity_rx_take(struct vanity_rx *rx, struct vanity_ref *ref, uint32_t max)
{
	uint32_t number = port_channel(rx, vanity_rx_name(rx), 0);
	uint32_t n = __real_vanity_rx_take(rx, ref, max);
	uint64_t at = sim_peek(&rx_words(number)->taken) - n;

	for (uint32_t i = 0; i < n && !world.failed; i++) {
		if (world.plan->channel[number].copy_pool != PLAN_NONE) {
			struct vanity_ref put = took_copy(number, at + i, &ref[i]);

			check_entry(number, at + i, ref_signature(&put));
			continue;
		}
		check_entry(number, at + i, ref_signature(&ref[i]));
		took_frame(number, at + i, &ref[i]);
	}
	if (n > 0)
		oracle_took(sim.current, number, at);
	return n;
}

uint32_t __real_vanity_slot_take(struct vanity_rx *rx, void *slots, uint32_t max);
uint32_t __wrap_vanity_slot_take(struct vanity_rx *rx, void *slots, uint32_t max);

uint32_t __wrap_vanity_slot_take(struct vanity_rx *rx, void *slots, uint32_t max)
{
	uint32_t number = port_channel(rx, vanity_rx_name(rx), 0);
	uint32_t n = __real_vanity_slot_take(rx, slots, max);
	uint32_t bytes = vanity_rx_slot_bytes(rx);
	uint64_t at = sim_peek(&rx_words(number)->taken) - n;

	for (uint32_t i = 0; i < n && !world.failed; i++)
		check_entry(number, at + i,
			    slot_signature((const uint8_t *)slots + (size_t)i * bytes, bytes));
	if (n > 0)
		oracle_took(sim.current, number, at);
	ledger_items.done += n;
	return n;
}

/* --- the end of an item -------------------------------------------------------------------- */

static void item_over(struct frame *f, uint32_t number, uint32_t reason)
{
	if (f->state != FRAME_HELD || f->shard != sim.current)
		world_fail("%s gives back frame %u, which it does not hold",
			   party_name(sim.current), number);
	f->state = FRAME_FREE;
	if (f->item && reason == VANITY_DONE) {
		ledger_items.done++;
		world.shard[sim.current].given_back_done++;
	} else if (f->item) {
		ledger_items.dropped++;
	}
	f->item = 0;
}

void __real_vanity_rx_give_back(struct vanity_rx *rx, const struct vanity_ref *ref,
				uint32_t reason);
void __wrap_vanity_rx_give_back(struct vanity_rx *rx, const struct vanity_ref *ref,
				uint32_t reason);

void __wrap_vanity_rx_give_back(struct vanity_rx *rx, const struct vanity_ref *ref, uint32_t reason)
{
	uint32_t number = port_channel(rx, vanity_rx_name(rx), 0);
	struct frame *f = frame_get(ref->frame);

	/* Before the call: once the lane is published the lender may hand it out again. */
	item_over(f, ref->frame, reason);
	if (world.plan->channel[number].copy_pool != PLAN_NONE) {
		/* A frame of its own: no news of it has to go anywhere. */
		__real_vanity_rx_give_back(rx, ref, reason);
		return;
	}
	f->channel = number;
	f->shard = sim.current;
	f->giver = world.shard[sim.current].alive;
	f->at = sim_peek(&rx_words(number)->lane_tail);
	say("give_back", ref->frame, number, f->at);
	__real_vanity_rx_give_back(rx, ref, reason);
}

void __real_vanity_frame_drop(struct vanity_pool *pool, const struct vanity_ref *ref,
			      uint32_t reason);
void __wrap_vanity_frame_drop(struct vanity_pool *pool, const struct vanity_ref *ref,
			      uint32_t reason);

void __wrap_vanity_frame_drop(struct vanity_pool *pool, const struct vanity_ref *ref,
			      uint32_t reason)
{
	item_over(frame_get(ref->frame), ref->frame, reason);
	__real_vanity_frame_drop(pool, ref, reason);
}

/* --- the owner ----------------------------------------------------------------------------- */

static void handed_out(uint32_t number)
{
	struct frame *f = frame_get(number);
	const struct plan_channel *c = &world.plan->channel[f->channel];

	say("hand_out", number, f->channel, f->at);
	if (f->state == FRAME_HELD)
		world_fail("%s hands out frame %u while %s holds it", party_name(sim.current),
			   number, party_name(f->shard));
	if (f->state == FRAME_SLOT && f->producer == world.shard[c->producer].alive &&
	    f->consumer == world.shard[c->consumer].alive &&
	    f->edge == sim_peek(&tx_words(f->channel)->joined))
		world_fail("%s hands out frame %u while it stands in channel %s",
			   party_name(sim.current), number, c->name);
	if (f->state == FRAME_SLOT)
		frame_lost(f); /* if somebody takes that slot after all, took_frame() knows */
	f->state = FRAME_HELD;
	f->item = 0;
	f->giver = 0;
	f->shard = sim.current;
}

uint32_t __real_vanity_frame_take(struct vanity_pool *pool, struct vanity_ref *ref, uint32_t n);
uint32_t __wrap_vanity_frame_take(struct vanity_pool *pool, struct vanity_ref *ref, uint32_t n);

uint32_t __wrap_vanity_frame_take(struct vanity_pool *pool, struct vanity_ref *ref, uint32_t n)
{
	uint32_t got = __real_vanity_frame_take(pool, ref, n);

	for (uint32_t i = 0; i < got && !world.failed; i++)
		handed_out(ref[i].frame);
	return got;
}
