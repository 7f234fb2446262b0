/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "topology/parts.h"

static const struct vanity_carry_info no_carry = { 0, 1, 0, 0 };

uint32_t rig_random(struct rig *r, uint32_t below)
{
	/* xorshift64* (Vigna 2014) */
	r->random ^= r->random >> 12;
	r->random ^= r->random << 25;
	r->random ^= r->random >> 27;
	return (uint32_t)((r->random * 0x2545f4914f6cdd1dull >> 32) % below);
}

/* --- a plan by hand ------------------------------------------------------------------------ */

static void plan_end(struct plan *p, uint32_t channel, uint32_t shard, uint32_t output)
{
	struct plan_shard *s = &p->shard[shard];
	uint32_t same = 0;

	for (uint32_t i = 0; i < s->port_count; i++)
		same += s->port[i].output == output;
	snprintf(s->port[s->port_count].name, PLAN_NAME_BYTES, "%s%u", output ? "out" : "in", same);
	s->port[s->port_count].channel = channel;
	s->port[s->port_count].output = output;
	*(output ? &p->channel[channel].producer_port : &p->channel[channel].consumer_port) =
		s->port_count++;
}

static void plan_access(struct plan *p, uint32_t pool, uint32_t shard)
{
	for (uint32_t i = 0; i < p->access_count; i++)
		if (p->access[i].pool == pool && p->access[i].shard == shard)
			return;
	p->access[p->access_count++] = (struct plan_pool_access){ pool, shard, PLAN_RW };
}

/* Room in a lane: all the consumer can have of frames that the channel may carry, and what a
 * successor between several lenders gives back to each of them. */
static uint32_t lane_slots(const struct rig_spec *spec, uint32_t channel, uint32_t frame_bits)
{
	uint32_t sum = 0, slots = 1;

	for (uint32_t i = 0; i < RIG_CHANNELS && spec->channel[i].slots; i++)
		if (spec->channel[i].to == spec->channel[channel].to &&
		    spec->channel[i].pools & spec->channel[channel].pools)
			sum += spec->channel[i].lend;
	while (slots < sum || slots < frame_bits)
		slots *= 2;
	return slots;
}

static void plan_device(struct plan *p, uint32_t device, uint32_t kind, uint32_t shard,
			uint32_t keeps_fd)
{
	struct plan_device *d = &p->device[p->device_count++];
	struct plan_shard *s = &p->shard[shard];

	snprintf(d->name, sizeof(d->name), "d%u", device);
	d->kind = kind;
	d->shard = shard;
	d->keeps_fd = keeps_fd;
	d->pool = PLAN_NONE;
	s->grant[s->grant_count++] = device;
	for (uint32_t i = 0; kind == VANITY_GRANT_XDP && i < p->pool_count; i++)
		if (p->pool[i].owner == shard && d->pool == PLAN_NONE)
			d->pool = i;
}

static struct plan *plan_new(const struct rig_spec *spec)
{
	struct plan *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->magic = PLAN_MAGIC;
	p->bytes = sizeof(*p);
	p->host.page_bytes = WIRE_LINE; /* so that the first byte beyond is the sanitizer's */
	p->shard_count = spec->shard_count;
	for (uint32_t i = 0; i < spec->shard_count; i++) {
		struct plan_shard *s = &p->shard[i];

		snprintf(s->name, sizeof(s->name), "s%u", i);
		s->shared = 1;
		s->watchdog_ns = 20000000;
		s->restart_max = spec->restart_max ? spec->restart_max : 1000;
		s->restart_then = spec->restart_then;
		s->restart_within_ns = 10000000000ull;
	}
	for (uint32_t i = 0, first = 0; i < RIG_POOLS && spec->pool[i].frames; i++) {
		struct plan_pool *q = &p->pool[p->pool_count++];

		snprintf(q->name, sizeof(q->name), "p%u", i);
		q->owner = spec->pool[i].owner;
		q->frame_count = spec->pool[i].frames;
		q->frame_bytes = spec->pool[i].bytes;
		/* No pool begins at 0: an untouched slot names no frame. */
		q->first_frame = first + 3;
		first = q->first_frame + q->frame_count;
		plan_access(p, i, q->owner);
	}
	for (uint32_t i = 0; i < RIG_CHANNELS && spec->channel[i].slots; i++) {
		struct plan_channel *c = &p->channel[p->channel_count++];

		snprintf(c->name, sizeof(c->name), "c%u", i);
		c->producer = spec->channel[i].from;
		c->consumer = spec->channel[i].to;
		c->slot_count = spec->channel[i].slots;
		c->slot_bytes = spec->channel[i].slot_bytes ? spec->channel[i].slot_bytes : 16;
		c->full = spec->channel[i].full;
		c->copy_pool = spec->channel[i].copy ? spec->channel[i].copy - 1 : PLAN_NONE;
		for (uint32_t k = 0; k < p->pool_count; k++) {
			if (!(spec->channel[i].pools >> k & 1))
				continue;
			c->pool[c->pool_count++] = k;
			c->frame_bits += p->pool[k].frame_count;
			plan_access(p, k, c->producer);
			plan_access(p, k, c->consumer);
		}
		if (c->pool_count > 0) {
			c->lend = spec->channel[i].lend;
			c->lane_slots = lane_slots(spec, i, c->frame_bits);
		}
		plan_end(p, i, c->producer, 1);
		plan_end(p, i, c->consumer, 0);
	}
	for (uint32_t i = 0; i < VANITY_GRANTS_MAX && spec->device[i].kind; i++)
		plan_device(p, i, spec->device[i].kind, spec->device[i].owner,
			    spec->device[i].keeps_fd);
	plan_layout(p);
	return p;
}

/* --- the platform -------------------------------------------------------------------------- */

static void platform_wait(void *context, const wire_u64 *bell, uint64_t old, uint64_t deadline)
{
	struct rig_shard *s = context;

	(void)bell;
	(void)old;
	s->deadline = deadline;
	s->waits++;
	if (s->rig->on_wait)
		s->rig->on_wait(s->rig, s->number);
	else if (s->state == RIG_PARKED)
		fail_msg("shard %u waits for a go that nobody gives", s->number);
}

static void platform_wake(void *context, uint32_t neighbour)
{
	struct rig_shard *s = context;

	(void)neighbour;
	s->wakes++;
}

static void platform_ready(void *context)
{
	struct rig_shard *s = context;

	s->readies++;
}

static void platform_fault(void *context)
{
	struct rig_shard *s = context;
	struct rig *r = s->rig;

	for (uint32_t i = 0; i < CELL_WORDS_BYTES / 8; i++) {
		uint64_t word = wire_load(&s->cell->words.words[i]);

		memcpy(r->words + i * 8, &word, 8);
	}
	r->faulted = s->number;
	if (!r->fault)
		fail_msg("shard %u: %s", s->number, r->words);
	longjmp(*r->fault, 1);
}

/* --- regions and processes ----------------------------------------------------------------- */

static void *memory_new(uint64_t bytes)
{
	void *memory = aligned_alloc(WIRE_LINE, (bytes + WIRE_LINE - 1) / WIRE_LINE * WIRE_LINE);

	assert_non_null(memory);
	memset(memory, 0, bytes);
	return memory;
}

/* Never given back: the processes that have it end soon. */
static void *memory_shared(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

struct rig *rig_new(const struct rig_spec *spec)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->plan = plan_new(spec);
	r->processes = spec->processes;
	r->random = 88172645463325252ull;
	r->now_ns = 1000000000;
	for (uint32_t i = 0; i < r->plan->region_count; i++)
		r->region[i] = spec->processes ? memory_shared(r->plan->region[i].bytes) :
						 memory_new(r->plan->region[i].bytes);
	for (uint32_t i = 0; i < r->plan->shard_count; i++) {
		struct rig_shard *s = &r->shard[i];
		uint32_t bytes = plan_bind_bytes(r->plan, i);
		const struct bind_machine machine = { .hz = 1000000000, .wake_ns = 50000 };

		s->rig = r;
		s->number = i;
		s->block = memory_new(bytes);
		assert_int_equal(plan_bind(r->plan, i, &machine, s->block, bytes), bytes);
		assert_true(s->block->region_count <= 64);
		for (uint32_t k = 0; k < s->block->region_count; k++)
			s->base[k] = r->region[bind_regions(s->block)[k].region];
		s->cell = s->base[BIND_CELL];
		s->orders = s->base[BIND_ORDERS];
		s->platform = (struct shard_platform){ .context = s,
						       .wait = platform_wait,
						       .wake = platform_wake,
						       .ready = platform_ready,
						       .fault = platform_fault };
	}
	return r;
}

void rig_free(struct rig *r)
{
	for (uint32_t i = 0; i < r->plan->shard_count; i++) {
		free(r->shard[i].memory);
		free(r->shard[i].block);
	}
	for (uint32_t i = 0; i < r->plan->region_count; i++)
		if (!r->processes)
			free(r->region[i]);
	free(r->life);
	free(r->seen);
	free(r->action);
	free(r->plan);
	free(r);
}

void rig_raise(struct rig *r, uint32_t shard)
{
	struct rig_shard *s = &r->shard[shard];

	assert_int_equal(s->state, RIG_NONE);
	s->generation++;
	wire_store(&s->orders->go, 0);
	s->memory = memory_new(shard_footprint(s->block, &no_carry));
	s->self = shard_format(s->memory, s->block, s->base, &no_carry, NULL, 0, &s->platform);
	for (uint32_t i = 0; i < VANITY_GRANTS_MAX; i++)
		s->grant[i] = (struct vanity_grant){ .facts = &r->facts };
	if (s->block->grant_count > 0)
		shard_grants(s->self, s->grant);
	s->state = RIG_PARKED;
	s->hand_count = 0;
}

void rig_enter(struct rig *r, uint32_t shard)
{
	struct rig_shard *s = &r->shard[shard];

	assert_int_equal(s->state, RIG_PARKED);
	shard_park(s->self);
	shard_adopt(s->self);
	s->state = RIG_ENTERED;
}

void rig_go(struct rig *r, uint32_t shard)
{
	wire_store_release(&r->shard[shard].orders->go, r->shard[shard].generation);
	rig_enter(r, shard);
}

void rig_ready(struct rig *r, uint32_t shard)
{
	assert_int_equal(r->shard[shard].state, RIG_ENTERED);
	vanity_ready(r->shard[shard].self);
	r->shard[shard].state = RIG_LIVE;
}

void rig_kill(struct rig *r, uint32_t shard)
{
	struct rig_shard *s = &r->shard[shard];

	assert_int_not_equal(s->state, RIG_NONE);
	/* What it knew privately is gone, and nobody may depend on it. */
	memset(s->memory, 0xdd, shard_footprint(s->block, &no_carry));
	free(s->memory);
	s->memory = NULL;
	s->self = NULL;
	s->state = RIG_NONE;
	s->hand_count = 0;
	s->ended = s->generation;
	s->signal = 9;
}

static void orders_announce(struct rig *r, uint32_t shard)
{
	struct orders *o = r->shard[shard].orders;

	wire_store_release(&o->seq, wire_load(&o->seq) + 1);
}

void rig_order(struct rig *r, uint32_t channel, uint32_t end, uint32_t verb, uint64_t generation)
{
	const struct plan_channel *c = &r->plan->channel[channel];
	uint32_t shard = end == LIFE_PRODUCER ? c->producer : c->consumer;
	uint32_t port = end == LIFE_PRODUCER ? c->producer_port : c->consumer_port;

	wire_store_release(&r->shard[shard].orders->port[port], ORDER_WORD(generation, verb));
	orders_announce(r, shard);
}

void rig_start(struct rig *r)
{
	for (uint32_t i = 0; i < r->plan->channel_count; i++)
		for (uint32_t e = 0; e < 2; e++)
			rig_order(r, i, e, ORDER_FRESH, 1);
	for (uint32_t i = 0; i < r->plan->shard_count; i++)
		rig_raise(r, i);
	for (uint32_t i = 0; i < r->plan->shard_count; i++)
		rig_go(r, i);
	for (uint32_t i = 0; i < r->plan->shard_count; i++)
		rig_ready(r, i);
	rig_turns(r);
}

int rig_turn(struct rig *r, uint32_t shard)
{
	assert_int_equal(r->shard[shard].state, RIG_LIVE);
	return vanity_running(r->shard[shard].self);
}

void rig_turns(struct rig *r)
{
	for (uint32_t k = 0; k < 2 * r->plan->shard_count; k++)
		for (uint32_t i = 0; i < r->plan->shard_count; i++)
			if (r->shard[i].state == RIG_LIVE)
				(void)rig_turn(r, i);
}

/* --- ends ---------------------------------------------------------------------------------- */

static uint32_t end_number(const struct plan_shard *s, uint32_t port)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < port; i++)
		n += s->port[i].output == s->port[port].output;
	return n;
}

struct vanity_rx *rig_rx(struct rig *r, uint32_t channel)
{
	const struct plan_channel *c = &r->plan->channel[channel];

	return &r->shard[c->consumer]
			.self->rx[end_number(&r->plan->shard[c->consumer], c->consumer_port)];
}

struct vanity_tx *rig_tx(struct rig *r, uint32_t channel)
{
	const struct plan_channel *c = &r->plan->channel[channel];

	return &r->shard[c->producer]
			.self->tx[end_number(&r->plan->shard[c->producer], c->producer_port)];
}

static uint8_t *wire_at(struct rig *r, uint32_t wire, uint64_t at)
{
	return (uint8_t *)r->region[r->plan->wire[wire].region] + at;
}

struct wire_tx *rig_wire_tx(struct rig *r, uint32_t channel)
{
	const struct plan_channel *c = &r->plan->channel[channel];

	return (void *)wire_at(r, c->tx_wire, c->tx_at);
}

struct wire_rx *rig_wire_rx(struct rig *r, uint32_t channel)
{
	const struct plan_channel *c = &r->plan->channel[channel];

	return (void *)wire_at(r, c->rx_wire, c->rx_at);
}

wire_u64 *rig_slots(struct rig *r, uint32_t channel)
{
	return (void *)(rig_wire_tx(r, channel) + 1);
}

wire_u64 *rig_held(struct rig *r, uint32_t channel)
{
	return (void *)(rig_wire_rx(r, channel) + 1);
}

wire_u32 *rig_lane(struct rig *r, uint32_t channel)
{
	return (void *)((uint8_t *)rig_held(r, channel) +
			2 * wire_bitmap_bytes(r->plan->channel[channel].frame_bits));
}

struct cell_port *rig_cell(struct rig *r, uint32_t channel, uint32_t end)
{
	const struct plan_channel *c = &r->plan->channel[channel];

	return end == LIFE_PRODUCER ? &r->shard[c->producer].cell->port[c->producer_port]
				    : &r->shard[c->consumer].cell->port[c->consumer_port];
}

struct vanity_pool *rig_pool(struct rig *r, uint32_t shard)
{
	return vanity_pool_at(r->shard[shard].self, 0);
}

uint32_t rig_send(struct rig *r, uint32_t channel, uint32_t n, uint32_t tag)
{
	struct vanity_tx *tx = rig_tx(r, channel);
	struct vanity_pool *pool = rig_pool(r, r->plan->channel[channel].producer);
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t sent = 0;

	while (sent < n) {
		uint32_t burst = n - sent < VANITY_BURST_MAX ? n - sent : VANITY_BURST_MAX;

		burst = vanity_tx_room(tx, burst);
		burst = vanity_frame_take(pool, ref, burst);
		if (burst == 0)
			break;
		for (uint32_t i = 0; i < burst; i++) {
			ref[i].tag = tag + sent + i;
			ref[i].length = 64;
			vanity_tx_put(tx, &ref[i]);
		}
		vanity_tx_publish(tx);
		sent += burst;
	}
	return sent;
}

uint32_t rig_drain(struct rig *r, uint32_t channel, uint32_t n)
{
	struct vanity_rx *rx = rig_rx(r, channel);
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t done = 0;

	while (done < n) {
		uint32_t burst = n - done < VANITY_BURST_MAX ? n - done : VANITY_BURST_MAX;

		burst = vanity_rx_take(rx, ref, burst);
		if (burst == 0)
			break;
		for (uint32_t i = 0; i < burst; i++)
			vanity_rx_give_back(rx, &ref[i], VANITY_DONE);
		done += burst;
	}
	(void)vanity_rx_take(rx, ref, 0); /* the last burst is finished, too */
	return done;
}

/* --- oracles ------------------------------------------------------------------------------- */

static void check_rx(struct vanity_shard *self, struct vanity_rx *rx)
{
	uint32_t hand = 0, adopted = 0;

	for (uint32_t f = 0; f < self->frames; f++) {
		if (self->from[f] != (uint8_t)(rx - self->rx) &&
		    self->guest[f] != (uint8_t)(rx - self->rx))
			continue;
		hand++;
		adopted += shard_adopted(self, f);
	}
	assert_int_equal(rx->hand_count, hand);
	assert_int_equal(rx->adopted_count, adopted);
	assert_true(rx->tail - rx->taken <= (uint64_t)rx->ch.slots.mask + 1);
	assert_true(rx->taken - rx->head <= VANITY_BURST_MAX);
	if (rx->ch.pool_count > 0)
		assert_true(rx->hand_count - rx->adopted_count <= rx->ch.bind->lend);
}

static void check_tx(struct vanity_shard *self, struct vanity_tx *tx)
{
	const struct channel *ch = &tx->ch;
	uint32_t lent = 0;

	for (uint32_t i = 0; i < ch->pool_count; i++) {
		for (uint32_t n = 0; n < ch->pool[i].count; n++) {
			uint32_t to = self->to[ch->pool[i].local + n], bit = ch->pool[i].bit + n;
			bool claimed = tx->claim[bit / 64] >> (bit % 64) & 1;

			assert_false(claimed && to != TO_MANY);
			lent += to == (uint32_t)(tx - self->tx) || claimed;
		}
	}
	assert_int_equal(tx->lent_count, lent);
	assert_true(tx->tail - tx->room <= (uint64_t)ch->slots.mask + 1);
	assert_true(tx->published - tx->room <= tx->tail - tx->room);
}

static void check_pool(struct vanity_shard *self, struct vanity_pool *pool)
{
	uint32_t held = 0, lent = 0;

	if (!pool->owned)
		return;
	for (uint32_t n = 0; n < pool->count; n++) {
		if (self->to[pool->local + n] != TO_NOBODY)
			lent++;
		else if (self->from[pool->local + n] != FROM_NOTHING)
			held++;
	}
	assert_int_equal(pool->free_count + held + lent, pool->count);
	for (uint32_t i = 0; i < pool->free_count; i++) {
		uint32_t n = pool->free[i] - pool->first;

		assert_true(n < pool->count);
		assert_int_equal(self->from[pool->local + n], FROM_NOTHING);
		assert_int_equal(self->to[pool->local + n], TO_NOBODY);
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(pool->free[k], pool->free[i]);
	}
}

void rig_check(struct rig *r)
{
	for (uint32_t s = 0; s < r->plan->shard_count; s++) {
		struct vanity_shard *self = r->shard[s].self;
		uint32_t many = 0;

		if (r->shard[s].state < RIG_ENTERED)
			continue;
		for (uint32_t f = 0; f < self->frames; f++)
			many += self->from[f] == FROM_MANY;
		assert_int_equal(self->many_count, many);
		for (uint32_t i = 0; i < self->rx_count; i++)
			check_rx(self, &self->rx[i]);
		for (uint32_t i = 0; i < self->tx_count; i++)
			check_tx(self, &self->tx[i]);
		for (uint32_t i = 0; i < self->pool_count; i++)
			check_pool(self, &self->pool[i]);
	}
}

static bool frame_is_free(struct rig *r, uint32_t frame)
{
	for (uint32_t s = 0; s < r->plan->shard_count; s++) {
		struct vanity_shard *self = r->shard[s].self;

		if (r->shard[s].state < RIG_ENTERED)
			continue;
		for (uint32_t i = 0; i < self->pool_count; i++) {
			const struct vanity_pool *pool = &self->pool[i];

			if (pool->owned && frame - pool->first < pool->count)
				return self->from[pool->local + (frame - pool->first)] ==
				       FROM_NOTHING;
		}
	}
	return false;
}

/*
 * With honest shards: what a program has in its hand, and what a living consumer will take from
 * slots, is never free at its owner, and no two programs have one frame.
 */
void rig_sound(struct rig *r)
{
	uint8_t hands[RIG_FRAMES] = { 0 };

	for (uint32_t s = 0; s < r->plan->shard_count; s++) {
		struct vanity_shard *self = r->shard[s].self;

		if (r->shard[s].state < RIG_ENTERED)
			continue;
		for (uint32_t i = 0; i < self->pool_count; i++) {
			const struct vanity_pool *pool = &self->pool[i];

			for (uint32_t n = 0; n < pool->count; n++) {
				uint32_t local = pool->local + n;

				if (self->from[local] == FROM_NOTHING ||
				    self->to[local] != TO_NOBODY)
					continue;
				if (hands[pool->first + n]++)
					fail_msg("frame %u is in two hands", pool->first + n);
				if (frame_is_free(r, pool->first + n))
					fail_msg("frame %u is free and in the hand of shard %u",
						 pool->first + n, s);
			}
		}
		for (uint32_t i = 0; i < self->rx_count; i++) {
			struct vanity_rx *rx = &self->rx[i];
			uint64_t end = rx->tail;

			if (rx->ch.pool_count == 0 || rx->ch.fault != CHANNEL_OK)
				continue;
			while (rx->ch.open && end - rx->taken <= rx->ch.slots.mask &&
			       slot_ready(&rx->ch.slots, rx->slot, end))
				end++;
			for (uint64_t at = rx->taken; at != end; at++) {
				uint32_t frame =
					(uint32_t)wire_load(&rx->slot[(at & rx->ch.slots.mask) * 2]);

				if (frame_is_free(r, frame))
					fail_msg("frame %u is free and in a slot for shard %u",
						 frame, s);
				if (hands[frame]++)
					fail_msg("frame %u is in two hands or slots", frame);
			}
		}
	}
}

uint64_t rig_free_frames(struct rig *r, uint32_t shard)
{
	return rig_pool(r, shard)->free_count;
}

void rig_exact(struct rig *r)
{
	r->verify++;
	for (uint32_t s = 0; s < r->plan->shard_count; s++) {
		assert_int_equal(r->shard[s].state, RIG_LIVE);
		wire_store(&r->shard[s].orders->verify, r->verify);
		orders_announce(r, s);
	}
	rig_turns(r);
	for (uint32_t i = 0; i < r->plan->channel_count; i++) {
		const struct cell_port *tx = rig_cell(r, i, LIFE_PRODUCER);
		const struct cell_port *rx = rig_cell(r, i, LIFE_CONSUMER);

		assert_int_equal(wire_load(&tx->cursor), wire_load(&rx->cursor));
		assert_int_equal(wire_load(&rx->taken), wire_load(&rx->cursor));
		assert_int_equal(wire_load(&tx->frames), wire_load(&rx->frames));
		assert_int_equal(wire_load(&tx->frames_hash), wire_load(&rx->frames_hash));
	}
	for (uint32_t p = 0, nth[RIG_SHARDS] = { 0 }; p < r->plan->pool_count; p++) {
		uint32_t owner = r->plan->pool[p].owner;
		const struct cell_pool *sums = &r->shard[owner].cell->pool[nth[owner]++];

		assert_int_equal(wire_load(&sums->total), r->plan->pool[p].frame_count);
		assert_int_equal(wire_load(&sums->free) + wire_load(&sums->held) +
					 wire_load(&sums->lent),
				 wire_load(&sums->total));
	}
	for (uint32_t s = 0; s < r->plan->shard_count; s++)
		assert_int_equal(wire_load(&r->shard[s].cell->verified), r->verify);
	rig_check(r);
}

/* --- the policy as the daemon -------------------------------------------------------------- */

void rig_daemon_start(struct rig *r)
{
	r->life = calloc(1, sizeof(*r->life));
	r->seen = calloc(1, sizeof(*r->seen));
	r->action = calloc(LIFE_ACTIONS_MAX, sizeof(*r->action));
	assert_true(r->life && r->seen && r->action);
	life_init(r->life, r->plan);
}

void rig_look(struct rig *r, struct life_seen *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->now_ns = r->now_ns;
	for (uint32_t i = 0; i < r->plan->shard_count; i++) {
		const struct rig_shard *s = &r->shard[i];

		ret->shard[i] = (struct life_seen_shard){
			.alive = s->state == RIG_NONE ? 0 : s->generation,
			.ended = s->ended,
			.signal = s->signal,
			.device_quiet = 1,
			.cell_state = (uint32_t)wire_load(&s->cell->state),
			.cell_generation = wire_load(&s->cell->generation),
			.cell_ready = wire_load(&s->cell->ready),
			.heartbeat = wire_load(&s->cell->heartbeat),
		};
	}
	for (uint32_t i = 0; i < r->plan->channel_count; i++) {
		for (uint32_t e = 0; e < 2; e++) {
			const struct cell_port *p = rig_cell(r, i, e);

			ret->end[i][e] = (struct life_seen_end){
				.detached = wire_load(&p->detached),
				.joined = wire_load(&p->joined),
				.left = wire_load(&p->left),
				.broken = wire_load(&p->broken),
			};
		}
	}
}

static void rig_obey(struct rig *r, const struct life_action *a)
{
	struct rig_shard *s = &r->shard[a->shard];

	switch (a->what) {
	case LIFE_DO_START:
		assert_int_equal(a->value, s->generation + 1);
		rig_raise(r, a->shard);
		break;
	case LIFE_DO_KILL:
		if (s->state != RIG_NONE && s->generation == a->value)
			rig_kill(r, a->shard);
		break;
	case LIFE_DO_GO:
		wire_store_release(&s->orders->go, a->value);
		break;
	case LIFE_DO_ORDER:
		wire_store_release(&s->orders->port[a->port], a->value);
		orders_announce(r, a->shard);
		break;
	case LIFE_DO_STOP_ORDER:
		wire_store(&s->orders->stop, a->value);
		orders_announce(r, a->shard);
		break;
	default:
		break;
	}
}

void rig_daemon(struct rig *r)
{
	uint32_t n;

	r->now_ns += 50000;
	rig_look(r, r->seen);
	n = life_step(r->life, r->seen, r->action);
	assert_true(n <= LIFE_ACTIONS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		if (r->on_action)
			r->on_action(r, &r->action[i]);
		rig_obey(r, &r->action[i]);
	}
}

bool rig_settled(struct rig *r)
{
	for (uint32_t i = 0; i < r->plan->shard_count; i++)
		if (r->shard[i].state != RIG_LIVE)
			return false;
	rig_look(r, r->seen);
	for (uint32_t i = 0; i < r->plan->channel_count; i++)
		if (!life_open(r->life, r->seen, i) || !rig_rx(r, i)->ch.open ||
		    !rig_tx(r, i)->ch.open)
			return false;
	return life_busy(r->life) == 0;
}

static void work_owner(struct rig *r, struct rig_shard *s)
{
	for (uint32_t i = 0; i < s->self->tx_count; i++) {
		struct vanity_tx *tx = &s->self->tx[i];
		struct vanity_ref ref[8];
		uint32_t n;

		if (tx->ch.pool_count == 0)
			continue;
		n = vanity_tx_room(tx, 1 + rig_random(r, 8));
		n = vanity_frame_take(vanity_pool_at(s->self, 0), ref, n < 8 ? n : 8);
		for (uint32_t k = 0; k < n; k++) {
			ref[k].tag = (uint32_t)r->made++;
			ref[k].length = 64;
			vanity_tx_put(tx, &ref[k]);
		}
		vanity_tx_publish(tx);
	}
}

static void work_forward(struct rig *r, struct rig_shard *s, struct vanity_rx *rx)
{
	struct vanity_shard *self = s->self;
	struct vanity_tx *tx = &self->tx[rig_random(r, self->tx_count)];
	struct vanity_ref ref[8];
	uint32_t n = vanity_rx_take(rx, ref, vanity_tx_room(tx, 1 + rig_random(r, 8)));

	for (uint32_t k = 0; k < n; k++) {
		if (rig_random(r, 16) == 0)
			vanity_rx_give_back(rx, &ref[k], VANITY_DONE);
		else
			vanity_tx_put(tx, &ref[k]);
	}
	vanity_tx_publish(tx);
}

static void work_leaf(struct rig *r, struct rig_shard *s, struct vanity_rx *rx)
{
	struct vanity_ref ref[8];
	uint32_t n = vanity_rx_take(rx, ref, 1 + rig_random(r, 8));

	for (uint32_t k = 0; k < n; k++) {
		s->hand_from[s->hand_count] = (uint32_t)(rx - s->self->rx);
		s->hand[s->hand_count++] = ref[k];
	}
}

/* A leaf keeps frames for a while, as one with a device does, and gives them back in any order. */
static void work_hand(struct rig *r, struct rig_shard *s)
{
	for (uint32_t n = rig_random(r, 12); n > 0 && s->hand_count > 0; n--) {
		uint32_t k = rig_random(r, s->hand_count);

		vanity_rx_give_back(&s->self->rx[s->hand_from[k]], &s->hand[k], VANITY_DONE);
		r->ended++;
		s->hand_count--;
		s->hand[k] = s->hand[s->hand_count];
		s->hand_from[k] = s->hand_from[s->hand_count];
	}
}

void rig_work(struct rig *r, uint32_t shard)
{
	struct rig_shard *s = &r->shard[shard];

	switch (s->state) {
	case RIG_NONE:
		return;
	case RIG_PARKED:
		if (wire_load(&s->orders->go) == s->generation)
			rig_enter(r, shard);
		return;
	case RIG_ENTERED:
		rig_ready(r, shard);
		return;
	case RIG_LIVE:
		break;
	}
	(void)vanity_running(s->self);
	if (s->stalled)
		return;
	if (vanity_pool_at(s->self, 0))
		work_owner(r, s);
	for (uint32_t i = 0; i < s->self->rx_count; i++) {
		if (s->self->rx[i].ch.pool_count == 0)
			continue;
		/* What comes back to its owner goes no further. */
		if (s->self->tx_count > 0 && !vanity_pool_at(s->self, 0))
			work_forward(r, s, &s->self->rx[i]);
		else
			work_leaf(r, s, &s->self->rx[i]);
	}
	work_hand(r, s);
}
