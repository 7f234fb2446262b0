/* SPDX-License-Identifier: Apache-2.0 */
/* chan_system.c: two shards and two channels without a daemon; see chan_system.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "topology/parts.h"
#include "waits.h"

#include "chan_system.h"

#define SHARDS 2u
#define WATCHDOG_NS 20000000u
#define FAULT_EXIT 70
#define FRAME_BYTES 256u

/* A sanitizer's run-time makes calls of its own, which the steady filter answers with death. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
	__has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct system {
	struct plan plan;
	int memory[CHAN_REGIONS]; /* of the run, by region of the plan */
	int event[SHARDS]; /* what each of them sleeps on */
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
	if (s->plan.region_count > CHAN_REGIONS)
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

int chan_system_slots(struct chan_run *run)
{
	return system_lay_out(run, false);
}

int chan_system_frames(struct chan_run *run)
{
	return system_lay_out(run, true);
}

int chan_system_events(struct chan_run *run)
{
	struct system *s;

	if (system_lay_out(run, false) != 0)
		return -1;
	s = run->plan;
	for (uint32_t i = 0; i < SHARDS; i++) {
		/* Closed with the memory of the run. */
		s->event[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (s->event[i] < 0 || run->memory_count == CHAN_MEMORIES_MAX)
			return chan_fail(run, "no eventfd");
		run->memory[run->memory_count++] = (struct chan_memory){ .fd = s->event[i] };
	}
	return 0;
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
	struct chan_end *e = context;
	char words[CELL_WORDS_BYTES + 1] = "";

	for (uint32_t i = 0; i < CELL_WORDS_BYTES / 8; i++) {
		uint64_t word = wire_load(&e->cell->words.words[i]);

		memcpy(words + i * 8, &word, 8);
	}
	chan_fail(e->run, "%s", words);
	_exit(FAULT_EXIT);
}

/* Linux' own, each call counted before it is made. */
static void linux_wait(void *context, const wire_u64 *bell, uint64_t old, uint64_t deadline)
{
	struct chan_end *e = context;

	e->run->shared->sleeps[e->side]++;
	e->start.platform.wait(&e->start, bell, old, deadline);
}

static void linux_wake(void *context, uint32_t neighbour)
{
	struct chan_end *e = context;

	e->run->shared->wakes[e->side]++;
	e->start.platform.wake(&e->start, neighbour);
}

static void linux_ready(void *context)
{
	struct chan_end *e = context;

	if (!SANITIZED)
		e->start.platform.ready(&e->start);
}

/* The descriptors of a starting shard (core/bind.h) that it keeps: its eventfd, its neighbour's. */
static int linux_descriptors(struct chan_run *run, enum chan_side side)
{
	const struct system *s = run->plan;
	int own = fcntl(s->event[side], F_DUPFD, 64), other = fcntl(s->event[!side], F_DUPFD, 64);

	/* A filter may be added by who can gain nothing by exec. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return chan_fail(run, "no_new_privs refused");
	if (own < 0 || other < 0 || dup2(own, BIND_FD_EVENT) < 0 ||
	    dup2(other, BIND_FD_NEIGHBOURS) < 0)
		return chan_fail(run, "no descriptors for eventfds");
	return 0;
}

/* Maps what the bind block names. */
static struct bind *bind_map(struct chan_run *run, struct chan_end *e)
{
	struct system *s = run->plan;
	uint32_t bytes = plan_bind_bytes(&s->plan, e->side);
	struct bind *block = calloc(1, bytes);
	struct bind_machine machine = { .hz = (uint64_t)(run->cycles_per_ns * 1e9) };
	struct waits waits;

	waits_look(&waits);
	machine.features = waits.features;
	machine.wake_ns = waits.wake_ns;
	machine.wait = waits.best;
	if (!block || plan_bind(&s->plan, e->side, &machine, block, bytes) != bytes) {
		chan_fail(run, "no bind block");
		return NULL;
	}
	for (uint32_t i = 0; i < block->region_count; i++) {
		const struct bind_region *r = &bind_regions(block)[i];

		e->base[i] = chan_memory_map(run, s->memory[r->region], r->right == PLAN_RW);
		if (!e->base[i])
			return NULL;
	}
	return block;
}

static int shard_join(struct chan_run *run, enum chan_side side, bool sleeps)
{
	static const struct vanity_carry_info no_carry = { 0, 1, 0, 0 };
	static struct chan_end e;
	struct bind *block;
	uint64_t footprint;
	void *memory;

	e.run = run;
	e.side = side;
	block = bind_map(run, &e);
	if (!block || (sleeps && linux_descriptors(run, side) != 0))
		return -1;
	footprint = shard_footprint(block, &no_carry);
	memory = aligned_alloc(WIRE_LINE, footprint);
	if (!memory)
		return chan_fail(run, "no memory for a shard");
	memset(memory, 0, footprint);
	e.cell = e.base[BIND_CELL];
	e.start.bind = block;
	platform_make(&e.start);
	e.platform = (struct shard_platform){ .context = &e,
					      .wait = sleeps ? linux_wait : platform_wait,
					      .wake = sleeps ? linux_wake : platform_wake,
					      .ready = sleeps ? linux_ready : platform_ready,
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

int chan_system_join(struct chan_run *run, enum chan_side side)
{
	return shard_join(run, side, false);
}

int chan_system_join_linux(struct chan_run *run, enum chan_side side)
{
	return shard_join(run, side, true);
}
