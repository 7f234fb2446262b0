/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_vanity.c: the shipped library between two processes, with all its checks.
 *
 * Regions, bind blocks and rights are those of a plan with two shards, a channel each way and (for
 * frames) a pool each; only the daemon is played: it said FRESH and go before anybody looked. Each
 * process maps what its bind block names, with the right it names, so that a neighbour's words are
 * read-only here as in any system. Wires lie in huge pages.
 *
 *      vanity         plain slots: vanity_slot_put, vanity_tx_publish | vanity_slot_take
 *      vanity-frames  16-byte frame slots of the sender's pool: take, put, publish | take, give
 * back vanity-loop    `vanity` in the loop that vanity.h draws: vanity_running() every call, and
 *                     vanity_wait(VANITY_POLL) when there was nothing
 *
 * The first two say vanity_running() every CHAN_TURN items or looks, as a program does that takes
 * in bursts and publishes each item on its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/shard.h"
#include "topology/parts.h"
#include "waits.h"

#include "chan.h"
#include "chan_loop.h"

#define SHARDS 2u
#define REGIONS 16u
#define WATCHDOG_NS 20000000u
#define FAULT_EXIT 70
#define FRAME_BYTES 256u

struct system {
	struct plan plan;
	int memory[REGIONS]; /* of the run, by region of the plan */
};

/* One process' end; a shard's private memory follows it. */
struct end {
	struct vanity_shard *self;
	struct vanity_tx *tx;
	struct vanity_rx *rx;
	struct vanity_pool *pool;
	struct chan_run *run;
	struct cell *cell;
	struct shard_platform platform;
	void *base[REGIONS];
};

/* --- the system ---------------------------------------------------------------------------- */

static void plan_end(struct plan *p, uint32_t channel, uint32_t shard, uint32_t output)
{
	struct plan_shard *s = &p->shard[shard];
	struct plan_port *port = &s->port[s->port_count];

	snprintf(port->name, sizeof(port->name), "%s", output ? "out" : "in");
	port->channel = channel;
	port->output = output;
	*(output ? &p->channel[channel].producer_port : &p->channel[channel].consumer_port) =
		s->port_count++;
}

/* A pool of each sender's: as many frames as can be in the slots and on their way home. */
static void plan_pool_of(struct plan *p, uint32_t channel)
{
	struct plan_channel *c = &p->channel[channel];
	struct plan_pool *pool = &p->pool[channel];

	snprintf(pool->name, sizeof(pool->name), "p%u", channel);
	pool->owner = c->producer;
	pool->frame_bytes = FRAME_BYTES;
	pool->frame_count = 2 * c->slot_count;
	pool->first_frame = channel * pool->frame_count;
	for (uint32_t i = 0; i < SHARDS; i++)
		p->access[p->access_count++] = (struct plan_pool_access){ channel, i, PLAN_RW };
	p->pool_count++;
	c->pool[c->pool_count++] = channel;
	c->frame_bits = pool->frame_count;
	c->lend = pool->frame_count;
	c->lane_slots = pool->frame_count;
}

static void plan_make_pair(struct plan *p, const struct chan_case *c, bool frames)
{
	p->magic = PLAN_MAGIC;
	p->bytes = sizeof(*p);
	p->host.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	p->shard_count = SHARDS;
	for (uint32_t i = 0; i < SHARDS; i++) {
		snprintf(p->shard[i].name, sizeof(p->shard[i].name), "s%u", i);
		p->shard[i].watchdog_ns = WATCHDOG_NS;
		p->shard[i].core = i;
	}
	for (uint32_t i = 0; i < SHARDS; i++) {
		struct plan_channel *ch = &p->channel[p->channel_count++];

		snprintf(ch->name, sizeof(ch->name), "c%u", i);
		ch->producer = i;
		ch->consumer = !i;
		ch->slot_count = c->slot_count;
		ch->slot_bytes = c->slot_bytes;
		ch->full = PLAN_FULL_WAIT;
		ch->copy_pool = PLAN_NONE;
		if (frames)
			plan_pool_of(p, i);
		plan_end(p, i, ch->producer, 1);
		plan_end(p, i, ch->consumer, 0);
	}
	plan_layout(p);
}

/* What the daemon says before it starts anybody: all is new, go. */
static int orders_write(struct chan_run *run, struct system *s, uint32_t shard)
{
	int memory = s->memory[s->plan.shard[shard].orders_region];
	struct orders *orders = chan_memory_map(run, memory, true);

	if (!orders)
		return -1;
	for (uint32_t i = 0; i < s->plan.shard[shard].port_count; i++)
		wire_store(&orders->port[i], ORDER_WORD(1, ORDER_FRESH));
	wire_store(&orders->seq, 1);
	wire_store_release(&orders->go, 1);
	munmap(orders, run->memory[memory].bytes);
	return 0;
}

static int system_lay_out(struct chan_run *run, bool frames)
{
	struct system *s = calloc(1, sizeof(*s));

	if (!s)
		return chan_fail(run, "no memory for a plan");
	run->plan = s;
	plan_make_pair(&s->plan, &run->c, frames);
	if (s->plan.region_count > REGIONS)
		return chan_fail(run, "%u regions", s->plan.region_count);
	for (uint32_t i = 0; i < s->plan.region_count; i++) {
		const struct plan_region *r = &s->plan.region[i];

		s->memory[i] = chan_memory_new(run, r->bytes, r->kind == PLAN_REGION_WIRE);
		if (s->memory[i] < 0)
			return -1;
	}
	for (uint32_t i = 0; i < SHARDS; i++)
		if (orders_write(run, s, i) != 0)
			return -1;
	return 0;
}

static int slots_lay_out(struct chan_run *run)
{
	return system_lay_out(run, false);
}

static int frames_lay_out(struct chan_run *run)
{
	return system_lay_out(run, true);
}

/* --- one shard ----------------------------------------------------------------------------- */

/* Two shards that poll never sleep, and nobody has to be woken. */
static void platform_wait(void *context, const wire_u64 *bell, uint64_t old, uint64_t deadline)
{
	(void)context;
	(void)bell;
	(void)old;
	(void)deadline;
}

static void platform_wake(void *context, uint32_t neighbour)
{
	(void)context;
	(void)neighbour;
}

static void platform_ready(void *context)
{
	(void)context;
}

static void platform_fault(void *context)
{
	struct end *e = context;
	char words[CELL_WORDS_BYTES + 1] = "";

	for (uint32_t i = 0; i < CELL_WORDS_BYTES / 8; i++) {
		uint64_t word = wire_load(&e->cell->words.words[i]);

		memcpy(words + i * 8, &word, 8);
	}
	chan_fail(e->run, "%s", words);
	_exit(FAULT_EXIT);
}

static int shard_join(struct chan_run *run, enum chan_side side)
{
	static const struct vanity_carry_info no_carry = { 0, 1, 0, 0 };
	static struct end e;
	struct system *s = run->plan;
	uint32_t bytes = plan_bind_bytes(&s->plan, side);
	struct bind_machine machine = { .hz = (uint64_t)(run->cycles_per_ns * 1e9) };
	struct bind *block = calloc(1, bytes);
	struct waits waits;
	uint64_t footprint;
	void *memory;

	waits_look(&waits);
	machine.features = waits.features;
	machine.wake_ns = waits.wake_ns;
	machine.wait = waits.best;
	if (!block || plan_bind(&s->plan, side, &machine, block, bytes) != bytes)
		return chan_fail(run, "no bind block");
	for (uint32_t i = 0; i < block->region_count; i++) {
		const struct bind_region *r = &bind_regions(block)[i];

		e.base[i] = chan_memory_map(run, s->memory[r->region], r->right == PLAN_RW);
		if (!e.base[i])
			return -1;
	}
	footprint = shard_footprint(block, &no_carry);
	memory = aligned_alloc(WIRE_LINE, footprint);
	if (!memory)
		return chan_fail(run, "no memory for a shard");
	memset(memory, 0, footprint);
	e.run = run;
	e.cell = e.base[BIND_CELL];
	e.platform = (struct shard_platform){ .context = &e,
					      .wait = platform_wait,
					      .wake = platform_wake,
					      .ready = platform_ready,
					      .fault = platform_fault };
	e.self = shard_format(memory, block, e.base, &no_carry, NULL, 0, &e.platform);
	shard_park(e.self);
	shard_adopt(e.self);
	e.tx = vanity_tx(e.self, "out");
	e.rx = vanity_rx(e.self, "in");
	e.pool = vanity_pool_at(e.self, 0);
	vanity_ready(e.self);
	run->end = &e;
	return 0;
}

/* --- moving items -------------------------------------------------------------------------- */

CHAN_INLINE uint32_t slots_put(void *end, const uint64_t *item, uint32_t words, uint32_t n)
{
	struct end *e = end;

	(void)words;
	n = vanity_slot_put(e->tx, item, n);
	vanity_tx_publish(e->tx);
	return n;
}

CHAN_INLINE uint32_t slots_take(void *end, uint64_t *ret_item, uint32_t words, uint32_t n)
{
	struct end *e = end;

	(void)words;
	return vanity_slot_take(e->rx, ret_item, n);
}

CHAN_INLINE void shard_turn(void *end)
{
	struct end *e = end;

	(void)vanity_running(e->self);
}

CHAN_INLINE void shard_wait(void *end)
{
	struct end *e = end;

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
	struct end *e = end;
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
	struct end *e = end;
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
	.lay_out = slots_lay_out,
	.join = shard_join,
	CHAN_ROLE_TABLE(slots),
};

const struct chan_design chan_vanity_loop = {
	.name = "vanity-loop",
	.lay_out = slots_lay_out,
	.join = shard_join,
	CHAN_ROLE_TABLE(loop),
};

/* Frame slots have one size. */
#undef CHAN_SIZES
#define CHAN_SIZES(loop, run, ways) CHAN_BATCHES(loop, run, ways, 2)
CHAN_ROLES(frames, FRAME_WAYS)

const struct chan_design chan_vanity_frames = {
	.name = "vanity-frames",
	.lay_out = frames_lay_out,
	.join = shard_join,
	CHAN_ROLE_TABLE(frames),
};
