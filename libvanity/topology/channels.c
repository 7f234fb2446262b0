/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: their ends, slots and pools. Whose frames they carry is custody.c's. */
#include "topology/parts.h"

/* Binds a port; returns the shard or PLAN_NONE after a report. */
static uint32_t bind_end(struct topology *t, struct plan *plan, const struct topology_end *end,
			 uint32_t channel, uint32_t output, uint32_t *ret_port)
{
	struct near near;
	uint32_t shard = shard_lookup(plan, t->text + end->shard_at, end->shard_bytes, &near);
	struct plan_shard *row;
	struct plan_port *port;

	if (shard == PLAN_NONE) {
		REPORT(t, MESSAGE_UNKNOWN_NAME, end->shard_at, end->shard_bytes, A_TEXT("shard"),
		       A_SPAN(t, end->shard_at, end->shard_bytes), A_NEAR(&near));
		return PLAN_NONE;
	}
	row = &plan->shard[shard];
	for (uint32_t i = 0; i < row->port_count; i++) {
		const struct plan_port *other = &row->port[i];

		if (!same(t->text + end->port_at, end->port_bytes, other->name))
			continue;
		REPORT(t, MESSAGE_PORT_TWICE, end->port_at, end->port_bytes, A_TEXT(other->name),
		       A_TEXT(row->name), A_TEXT(plan->channel[other->channel].name),
		       A_PLACE(t->block[t->channel_block[other->channel]].name_at));
		return PLAN_NONE;
	}
	if (row->port_count == VANITY_PORTS_MAX) {
		REPORT(t, MESSAGE_TOO_MANY_PORTS, end->shard_at,
		       end->shard_bytes + 1 + end->port_bytes, A_TEXT(row->name),
		       A_COUNT(VANITY_PORTS_MAX));
		return PLAN_NONE;
	}
	*ret_port = row->port_count;
	port = &row->port[row->port_count++];
	name_copy(port->name, sizeof(port->name), t->text + end->port_at, end->port_bytes);
	port->channel = channel;
	port->output = output;
	return shard;
}

static void check_ends(struct topology *t, struct plan *plan, uint32_t channel)
{
	const struct topology_block *b = &t->block[t->channel_block[channel]];
	struct plan_channel *row = &plan->channel[channel];

	row->producer = PLAN_NONE;
	row->consumer = PLAN_NONE;
	if (b->has_ends != 1) {
		REPORT(t, MESSAGE_ENDS_MISSING, b->name_at, b->name_bytes, A_NAME(t, b));
		return;
	}
	row->producer = bind_end(t, plan, &b->from, channel, 1, &row->producer_port);
	row->consumer = bind_end(t, plan, &b->to, channel, 0, &row->consumer_port);
	if (row->producer != PLAN_NONE && row->producer == row->consumer)
		REPORT(t, MESSAGE_CHANNEL_TO_SELF, b->to.shard_at, b->to.shard_bytes, A_NAME(t, b),
		       A_SPAN(t, b->to.shard_at, b->to.shard_bytes));
}

static void check_pools(struct topology *t, struct plan *plan, uint32_t channel)
{
	const struct topology_block *b = &t->block[t->channel_block[channel]];
	const struct topology_item *item = item_of(t, b, KEY_CHANNEL_POOLS);
	struct plan_channel *row = &plan->channel[channel];

	if (item == NULL)
		return;
	if (item->count > PLAN_CHANNEL_POOLS_MAX) {
		REPORT(t, MESSAGE_LIST_TOO_LONG, item->at, item->bytes, A_TEXT("pools"),
		       A_COUNT(item->count), A_COUNT(PLAN_CHANNEL_POOLS_MAX));
		return;
	}
	for (uint32_t i = 0; i < item->count; i++) {
		const struct topology_value *v = &t->value[item->first + i];
		struct near near;
		uint32_t pool = pool_lookup(plan, t->text + v->at, v->bytes, &near);

		if (pool == PLAN_NONE) {
			REPORT(t, MESSAGE_UNKNOWN_NAME, v->at, v->bytes, A_TEXT("pool"),
			       A_SPAN(t, v->at, v->bytes), A_NEAR(&near));
			continue;
		}
		row->pool[row->pool_count++] = pool;
		row->frame_bits += plan->pool[pool].frame_count;
	}
}

/* The pool of `copy`: the reader's own, nobody's way back, no device's, and of frames as large. */
static void check_copy(struct topology *t, const struct plan *plan, const struct plan_channel *row,
		       const struct topology_value *v)
{
	const struct plan_pool *copy = &plan->pool[row->copy_pool];

	if (copy->owner == PLAN_NONE)
		return;
	if (copy->owner != row->consumer) {
		REPORT(t, MESSAGE_COPY_NOT_OWNED, v->at, v->bytes, A_TEXT(copy->name),
		       A_TEXT(plan->shard[copy->owner].name),
		       A_TEXT(plan->shard[row->consumer].name));
		return;
	}
	for (uint32_t i = 0; i < row->pool_count; i++) {
		const struct plan_pool *pool = &plan->pool[row->pool[i]];

		if (pool == copy)
			REPORT(t, MESSAGE_COPY_OF_ITSELF, v->at, v->bytes, A_TEXT(copy->name),
			       A_TEXT(row->name));
		else if (pool->frame_bytes > copy->frame_bytes)
			REPORT(t, MESSAGE_COPY_TOO_SMALL, v->at, v->bytes, A_TEXT(copy->name),
			       A_BYTES(copy->frame_bytes), A_TEXT(pool->name),
			       A_BYTES(pool->frame_bytes));
	}
	for (uint32_t i = 0; i < plan->device_count; i++) {
		if (plan->device[i].pool == row->copy_pool)
			REPORT(t, MESSAGE_COPY_INTO_DEVICE, v->at, v->bytes, A_TEXT(copy->name),
			       A_TEXT(plan->device[i].name));
	}
}

/* Keys that speak of frames; on a plain channel only the channel's own are wrong. */
static void check_frame_keys(struct topology *t, struct plan *plan, uint32_t channel)
{
	static const uint32_t keys[] = { KEY_CHANNEL_LEND, KEY_CHANNEL_COPY, KEY_CHANNEL_BORROW };
	const struct topology_block *b = &t->block[t->channel_block[channel]];
	struct plan_channel *row = &plan->channel[channel];
	const struct topology_value *copy = value_of(t, b, KEY_CHANNEL_COPY);
	const struct topology_value *borrow = value_of(t, b, KEY_CHANNEL_BORROW);
	const struct topology_value *lend = value_of(t, b, KEY_CHANNEL_LEND);
	struct near near;

	row->copy_pool = PLAN_NONE;
	for (uint32_t i = 0; row->pool_count == 0 && i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct topology_item *item;

		if (b->item[keys[i]] == TOPOLOGY_NONE)
			continue;
		item = &t->item[b->item[keys[i]]];
		REPORT(t, MESSAGE_NEEDS_POOLS, item->at, item->bytes,
		       A_SPAN(t, item->at, item->bytes));
	}
	if (row->pool_count == 0)
		return;
	row->lend = lend == NULL ? 0 : (uint32_t)lend->number;
	row->borrow_trusted = borrow != NULL;
	if (copy == NULL)
		return;
	row->copy_pool = pool_lookup(plan, t->text + copy->at, copy->bytes, &near);
	if (borrow != NULL)
		REPORT(t, MESSAGE_COPY_AND_BORROW, copy->at, copy->bytes, A_NAME(t, b));
	if (row->copy_pool == PLAN_NONE)
		REPORT(t, MESSAGE_UNKNOWN_NAME, copy->at, copy->bytes, A_TEXT("pool"),
		       A_SPAN(t, copy->at, copy->bytes), A_NEAR(&near));
	else if (row->consumer != PLAN_NONE)
		check_copy(t, plan, row, copy);
}

static void check_channel(struct topology *t, struct plan *plan, uint32_t channel)
{
	const struct topology_block *b = &t->block[t->channel_block[channel]];
	struct plan_channel *row = &plan->channel[channel];
	const struct topology_value *slots = value_of(t, b, KEY_CHANNEL_SLOTS);
	const struct topology_value *slot = value_of(t, b, KEY_CHANNEL_SLOT);
	const struct topology_value *full = value_of(t, b, KEY_CHANNEL_FULL);

	name_copy(row->name, sizeof(row->name), t->text + b->name_at, b->name_bytes);
	row->line = line_of(t, b->at);
	row->slot_count = slots == NULL ? 1024 : (uint32_t)slots->number;
	row->slot_bytes = slot == NULL ? FRAME_SLOT_BYTES : (uint32_t)slot->number;
	row->full = value_is(t, full, "drop") ? PLAN_FULL_DROP : PLAN_FULL_WAIT;
	check_ends(t, plan, channel);
	check_pools(t, plan, channel);
	if (row->pool_count != 0 && row->slot_bytes != FRAME_SLOT_BYTES)
		REPORT(t, MESSAGE_SLOT_NOT_FRAME, slot->at, slot->bytes, A_NAME(t, b),
		       A_BYTES(row->slot_bytes), A_BYTES(FRAME_SLOT_BYTES));
	check_frame_keys(t, plan, channel);
}

void check_channels(struct topology *t, struct plan *plan)
{
	for (uint32_t i = 0; i < plan->channel_count; i++)
		check_channel(t, plan, i);
}
