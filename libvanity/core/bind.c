/* SPDX-License-Identifier: Apache-2.0 */
/* bind.c: one shard's part of the plan; see bind.h. */
#include <stdbool.h>
#include <stddef.h>

#include "core/bind.h"
#include "core/wait.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int value, size_t n);

/* The right with which a shard maps a region; false where it has none. */
static bool bind_right(const struct plan *plan, uint32_t region, uint32_t shard,
		       uint32_t *ret_right)
{
	const struct plan_region *r = &plan->region[region];

	switch (r->kind) {
	case PLAN_REGION_WIRE:
		*ret_right = r->a == shard ? PLAN_RW : PLAN_RO;
		return r->a == shard || r->b == shard;
	case PLAN_REGION_POOL:
		for (uint32_t i = 0; i < plan->access_count; i++) {
			if (plan->access[i].shard != shard || plan->access[i].pool != r->b)
				continue;
			*ret_right = plan->access[i].right;
			return true;
		}
		return false;
	case PLAN_REGION_CELL:
		*ret_right = PLAN_RW;
		return r->a == shard;
	case PLAN_REGION_ORDERS:
		*ret_right = PLAN_RO;
		return r->b == shard;
	case PLAN_REGION_BELL:
		*ret_right = PLAN_RW;
		if (r->b == shard)
			return true;
		for (uint32_t i = 0; i < plan->wire_count; i++)
			if (plan->wire[i].from == shard && plan->wire[i].to == r->b)
				return true;
		return false;
	case PLAN_REGION_DEVICE:
		*ret_right = PLAN_RW;
		return r->a == shard;
	default:
		return false;
	}
}

/* Regions in the order of bind.h: cell, orders, own bell, then as they stand in the plan. */
static uint32_t bind_fill_regions(const struct plan *plan, uint32_t shard, struct bind_region *to)
{
	const struct plan_shard *s = &plan->shard[shard];
	const uint32_t first[3] = { s->cell_region, s->orders_region, s->bell_region };
	uint32_t n = 0, right = 0;

	for (uint32_t i = 0; i < plan->region_count + 3; i++) {
		uint32_t region = i < 3 ? first[i] : i - 3;

		if (i >= 3 && (region == first[0] || region == first[1] || region == first[2]))
			continue;
		if (!bind_right(plan, region, shard, &right))
			continue;
		if (to)
			to[n] = (struct bind_region){ .region = region,
						      .right = right,
						      .bytes = plan->region[region].bytes,
						      .page_bytes = plan->region[region].page_bytes };
		n++;
	}
	return n;
}

static uint32_t bind_find_region(const struct bind_region *region, uint32_t count, uint32_t wanted)
{
	for (uint32_t i = 0; i < count; i++)
		if (region[i].region == wanted)
			return i;
	return PLAN_NONE;
}

static uint32_t bind_fill_neighbours(const struct plan *plan, uint32_t shard,
				     const struct bind_region *region, uint32_t region_count,
				     struct bind_neighbour *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan->wire_count; i++) {
		uint32_t other = plan->wire[i].to, wire_in = PLAN_NONE;

		if (plan->wire[i].from != shard)
			continue;
		for (uint32_t k = 0; k < plan->wire_count; k++)
			if (plan->wire[k].from == other && plan->wire[k].to == shard)
				wire_in = plan->wire[k].region;
		if (to)
			to[n] = (struct bind_neighbour){
				.shard = other,
				.wire_out = bind_find_region(region, region_count,
							     plan->wire[i].region),
				.wire_in = bind_find_region(region, region_count, wire_in),
				.bell = bind_find_region(region, region_count,
							 plan->shard[other].bell_region),
			};
		n++;
	}
	return n;
}

static uint32_t bind_fill_pools(const struct plan *plan, uint32_t shard,
				const struct bind_region *region, uint32_t region_count,
				struct bind_pool *to, uint32_t *ret_index)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan->pool_count; i++) {
		const struct plan_pool *p = &plan->pool[i];
		uint32_t right;

		ret_index[i] = PLAN_NONE;
		if (!bind_right(plan, p->region, shard, &right))
			continue;
		ret_index[i] = n;
		if (to) {
			to[n] = (struct bind_pool){
				.region = bind_find_region(region, region_count, p->region),
				.right = right,
				.owned = p->owner == shard,
				.first_frame = p->first_frame,
				.frame_count = p->frame_count,
				.frame_bytes = p->frame_bytes,
			};
			memcpy(to[n].name, p->name, sizeof(p->name));
		}
		n++;
	}
	return n;
}

static bool channels_share(const struct plan_channel *a, const struct plan_channel *b)
{
	for (uint32_t i = 0; i < a->pool_count; i++)
		for (uint32_t k = 0; k < b->pool_count; k++)
			if (a->pool[i] == b->pool[k])
				return true;
	return false;
}

/* Frames that a shard can have from all inputs that share a pool with a channel, and how many
 * such inputs there are. */
static uint64_t bind_inputs(const struct plan *plan, uint32_t shard, const struct plan_channel *c,
			    uint32_t *ret_count)
{
	uint64_t sum = 0;

	*ret_count = 0;
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		if (plan->channel[i].consumer != shard || !channels_share(&plan->channel[i], c))
			continue;
		sum += plan->channel[i].lend;
		*ret_count += 1;
	}
	return sum;
}

/*
 * How many frames an honest consumer of a channel may state. A successor with several lenders of
 * one pool states to each what it has from any of them, and a successor above it takes that for
 * its own ledger: where two ways of a pool meet further down, any number can be honest.
 */
static uint32_t bind_state_max(const struct plan *plan, const struct plan_channel *c)
{
	bool reached[VANITY_SHARDS_MAX] = { false };
	bool again = true;
	uint32_t inputs;
	uint64_t sum = bind_inputs(plan, c->consumer, c, &inputs);

	reached[c->consumer] = true;
	while (again) {
		again = false;
		for (uint32_t i = 0; i < plan->channel_count; i++) {
			const struct plan_channel *down = &plan->channel[i];

			if (!reached[down->producer] || reached[down->consumer] ||
			    !channels_share(down, c))
				continue;
			(void)bind_inputs(plan, down->consumer, c, &inputs);
			if (inputs > 1)
				return c->frame_bits;
			reached[down->consumer] = true;
			again = true;
		}
	}
	return sum < c->frame_bits ? (uint32_t)sum : c->frame_bits;
}

static void bind_fill_port(const struct plan *plan, uint32_t shard, uint32_t port,
			   const struct bind_neighbour *neighbour, uint32_t neighbour_count,
			   const uint32_t *pool_index, struct bind_port *to)
{
	const struct plan_port *pp = &plan->shard[shard].port[port];
	const struct plan_channel *c = &plan->channel[pp->channel];
	uint32_t other = pp->output ? c->consumer : c->producer;

	memset(to, 0, sizeof(*to));
	memcpy(to->name, pp->name, sizeof(to->name));
	to->output = pp->output;
	to->slot_count = c->slot_count;
	to->slot_bytes = c->slot_bytes;
	to->full = c->full;
	to->lend = c->lend;
	to->lane_slots = c->lane_slots;
	to->state_max = bind_state_max(plan, c);
	to->frame_bits = c->frame_bits;
	to->pool_count = c->pool_count;
	for (uint32_t i = 0; i < c->pool_count; i++)
		to->pool[i] = pool_index[c->pool[i]];
	to->copy = pp->output || c->copy_pool == PLAN_NONE ? PLAN_NONE : pool_index[c->copy_pool];
	to->mine_at = pp->output ? c->tx_at : c->rx_at;
	to->peer_at = pp->output ? c->rx_at : c->tx_at;
	for (uint32_t i = 0; i < neighbour_count; i++)
		if (neighbour[i].shard == other)
			to->neighbour = i;
}

/* Devices in the order of `grant`; their descriptors follow the neighbours' eventfds. */
static void bind_fill_grants(const struct plan *plan, uint32_t shard, struct bind *b,
			     const struct bind_region *region, const uint32_t *pool_index,
			     struct bind_grant *to)
{
	for (uint32_t i = 0; i < b->grant_count; i++) {
		uint32_t device = plan->shard[shard].grant[i];
		const struct plan_device *d = &plan->device[device];

		to[i] = (struct bind_grant){
			.kind = d->kind,
			.device = device,
			.pool = d->pool == PLAN_NONE ? PLAN_NONE : pool_index[d->pool],
			.region = d->region == PLAN_NONE
					  ? PLAN_NONE
					  : bind_find_region(region, b->region_count, d->region),
			.keeps_fd = d->keeps_fd,
			.fd = PLAN_NONE,
		};
		memcpy(to[i].name, d->name, sizeof(d->name));
		if (d->keeps_fd)
			to[i].fd = bind_fd_grants(b) + b->grant_fd_count++;
	}
}

/* Offsets of the parts for this shard; returns the size of the whole block. */
static uint32_t bind_layout(const struct plan *plan, uint32_t shard, struct bind *b)
{
	uint32_t unused[VANITY_POOLS_MAX];
	uint32_t at = (sizeof(struct bind) + 7u) & ~7u;

	b->region_count = bind_fill_regions(plan, shard, NULL);
	b->neighbour_count = bind_fill_neighbours(plan, shard, NULL, 0, NULL);
	b->pool_count = bind_fill_pools(plan, shard, NULL, 0, NULL, unused);
	b->port_count = plan->shard[shard].port_count;
	b->option_count = plan->shard[shard].option_count;
	b->grant_count = plan->shard[shard].grant_count;
	b->region_at = at;
	at += b->region_count * (uint32_t)sizeof(struct bind_region);
	b->neighbour_at = at;
	at += b->neighbour_count * (uint32_t)sizeof(struct bind_neighbour);
	b->pool_at = at;
	at += b->pool_count * (uint32_t)sizeof(struct bind_pool);
	at = (at + 7u) & ~7u;
	b->port_at = at;
	at += b->port_count * (uint32_t)sizeof(struct bind_port);
	b->option_at = at;
	at += b->option_count * (uint32_t)sizeof(struct bind_option);
	b->grant_at = at;
	at += b->grant_count * (uint32_t)sizeof(struct bind_grant);
	return (at + 7u) & ~7u;
}

uint32_t plan_bind_bytes(const struct plan *plan, uint32_t shard)
{
	struct bind b;

	return bind_layout(plan, shard, &b);
}

uint32_t plan_bind(const struct plan *plan, uint32_t shard, const struct bind_machine *machine,
		   void *ret_block, uint32_t room)
{
	const struct plan_shard *s = &plan->shard[shard];
	uint32_t pool_index[VANITY_POOLS_MAX];
	struct bind *b = ret_block;
	char *block = ret_block;
	struct bind_region *region;
	struct bind_neighbour *neighbour;
	uint32_t bytes = plan_bind_bytes(plan, shard);
	const char *wait = plan_wait(plan, shard);

	if (room < bytes)
		return 0;
	memset(b, 0, bytes);
	(void)bind_layout(plan, shard, b);
	b->magic = BIND_MAGIC;
	b->bytes = bytes;
	b->shard = shard;
	memcpy(b->name, s->name, sizeof(b->name));
	memcpy(b->digest, plan->digest, sizeof(b->digest));
	b->watchdog_ns = s->watchdog_ns;
	b->hz = machine->hz;
	b->features = machine->features;
	b->wake_ns = machine->wake_ns;
	b->wait = wait != NULL ? wait_find(wait) : machine->wait;
	if (b->wait == WAIT_KINDS) /* no wait has that name; starting the system refused it */
		b->wait = machine->wait;
	b->memory_bytes = s->memory_bytes;
	b->shared = s->shared;
	region = (void *)(block + b->region_at);
	neighbour = (void *)(block + b->neighbour_at);
	(void)bind_fill_regions(plan, shard, region);
	(void)bind_fill_neighbours(plan, shard, region, b->region_count, neighbour);
	(void)bind_fill_pools(plan, shard, region, b->region_count,
			      (void *)(block + b->pool_at), pool_index);
	for (uint32_t i = 0; i < b->port_count; i++)
		bind_fill_port(plan, shard, i, neighbour, b->neighbour_count, pool_index,
			       (struct bind_port *)(void *)(block + b->port_at) + i);
	for (uint32_t i = 0; i < b->option_count; i++) {
		const struct plan_option *from = &plan->option[s->option_first + i];
		struct bind_option *to = (struct bind_option *)(void *)(block + b->option_at) + i;

		memcpy(to->name, from->name, sizeof(to->name));
		memcpy(to->text, from->text, sizeof(to->text));
		to->value = from->value;
		to->numeric = from->numeric;
	}
	bind_fill_grants(plan, shard, b, region, pool_index, (void *)(block + b->grant_at));
	return bytes;
}
