/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: regions and wires, and where in a wire each channel's block lies.
 *
 *   regions:  cell, orders, bell of shard 0; of shard 1; ...  then wires, then pools, then devices
 *   a wire:   | wire_head | block | block | ...   one block a channel, in the plan's order
 */
#include <vanity/grant.h>

#include "core/cell.h"
#include "core/wire.h"
#include "topology/parts.h"

_Static_assert(FRAME_SLOT_BYTES == WIRE_FRAME_SLOT_BYTES, "one frame slot");

#define BELL_BYTES WIRE_LINE

static uint32_t region_add(struct plan *plan, uint32_t kind, uint32_t a, uint32_t b)
{
	plan->region[plan->region_count] = (struct plan_region){ .kind = kind, .a = a, .b = b };
	return plan->region_count++;
}

/* Rounds to pages: huge ones only for what fills at least half of one. */
static void region_size(struct plan *plan, uint32_t region, uint64_t bytes, bool may_be_huge)
{
	struct plan_region *row = &plan->region[region];
	uint32_t huge = plan->host.huge_page_bytes;

	row->page_bytes = plan->host.page_bytes;
	if (may_be_huge && huge != 0 && bytes >= huge / 2)
		row->page_bytes = huge;
	row->bytes = (bytes + row->page_bytes - 1) / row->page_bytes * row->page_bytes;
	plan->memory_bytes += row->bytes;
}

static uint32_t wire_get(struct plan *plan, uint32_t from, uint32_t to)
{
	struct plan_wire *row;

	for (uint32_t i = 0; i < plan->wire_count; i++) {
		if (plan->wire[i].from == from && plan->wire[i].to == to)
			return i;
	}
	row = &plan->wire[plan->wire_count];
	row->from = from;
	row->to = to;
	row->region = region_add(plan, PLAN_REGION_WIRE, from, to);
	plan->region[row->region].bytes = sizeof(struct wire_head);
	return plan->wire_count++;
}

/* Takes the next bytes of a wire; its region counts them until it is rounded to pages. */
static uint64_t wire_take(struct plan *plan, uint32_t wire, uint64_t bytes)
{
	uint64_t at = plan->region[plan->wire[wire].region].bytes;

	plan->region[plan->wire[wire].region].bytes += wire_align(bytes);
	return at;
}

static void layout_channel(struct plan *plan, struct plan_channel *c)
{
	c->tx_wire = wire_get(plan, c->producer, c->consumer);
	c->rx_wire = wire_get(plan, c->consumer, c->producer);
	c->tx_at = wire_take(plan, c->tx_wire, wire_tx_bytes(c->slot_count, c->slot_bytes));
	c->rx_at = wire_take(plan, c->rx_wire, wire_rx_bytes(c->frame_bits, c->lane_slots));
}

/* What outlives a generation of an xdp device's driver: two line pairs of words, and two bitmaps of
 * its pool, one a direction. */
static void layout_device(struct plan *plan, uint32_t device)
{
	struct plan_device *d = &plan->device[device];

	d->region = PLAN_NONE;
	if (d->kind != VANITY_GRANT_XDP || d->shard == PLAN_NONE)
		return;
	d->region = region_add(plan, PLAN_REGION_DEVICE, d->shard, device);
	region_size(plan, d->region,
		    2 * WIRE_LINE + 2 * wire_bitmap_bytes(plan->pool[d->pool].frame_count), false);
}

void plan_layout(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		struct plan_shard *s = &plan->shard[i];

		s->cell_region = region_add(plan, PLAN_REGION_CELL, i, PLAN_NONE);
		region_size(plan, s->cell_region, cell_bytes(s->port_count), false);
		s->orders_region = region_add(plan, PLAN_REGION_ORDERS, PLAN_NONE, i);
		region_size(plan, s->orders_region, orders_bytes(s->port_count), false);
		s->bell_region = region_add(plan, PLAN_REGION_BELL, PLAN_NONE, i);
		region_size(plan, s->bell_region, BELL_BYTES, false);
	}
	for (uint32_t i = 0; i < plan->channel_count; i++)
		layout_channel(plan, &plan->channel[i]);
	for (uint32_t i = 0; i < plan->wire_count; i++) {
		uint32_t region = plan->wire[i].region;

		region_size(plan, region, plan->region[region].bytes, true);
	}
	for (uint32_t i = 0; i < plan->pool_count; i++) {
		struct plan_pool *p = &plan->pool[i];

		p->region = region_add(plan, PLAN_REGION_POOL, p->owner, i);
		region_size(plan, p->region, (uint64_t)p->frame_count * p->frame_bytes, true);
	}
	for (uint32_t i = 0; i < plan->device_count; i++)
		layout_device(plan, i);
}
