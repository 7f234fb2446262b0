/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custody: the rules between a pool's owner and everybody its frames come to (DESIGN 4.6, 4.7,
 * 4.10, and the reserve of every lender).
 *
 *   custody   who sends a frame owns its pool or receives it
 *   access    who receives a frame may read it; who may read it receives it
 *   circle    without its owner, the channels of one pool lead nowhere twice; a copy ends a way
 *   trust     a channel between two labels says how it is judged
 *   lend      a source is a pool of one's own, or an input. For every source of a lender and
 *             every output that can carry its frames: what all the other such outputs may hold
 *             leaves at least one frame of the source. So whatever of them stalls, one goes on.
 */
#include "topology/parts.h"

static bool carries(const struct plan_channel *c, uint32_t pool)
{
	for (uint32_t i = 0; i < c->pool_count; i++) {
		if (c->pool[i] == pool)
			return true;
	}
	return false;
}

/* Does it receive frames of this pool: to read them (a copy is read too), or to have them? */
static bool receives(const struct plan *plan, uint32_t shard, uint32_t pool, bool has)
{
	const struct plan_shard *row = &plan->shard[shard];

	for (uint32_t i = 0; i < row->port_count; i++) {
		const struct plan_channel *c = &plan->channel[row->port[i].channel];

		if (row->port[i].output == 0 && carries(c, pool) &&
		    !(has && c->copy_pool != PLAN_NONE))
			return true;
	}
	return false;
}

/* The pool that a shard copies frames of this one into; PLAN_NONE where it copies none. */
static uint32_t copied_into(const struct plan *plan, uint32_t shard, uint32_t pool)
{
	const struct plan_shard *row = &plan->shard[shard];

	for (uint32_t i = 0; i < row->port_count; i++) {
		const struct plan_channel *c = &plan->channel[row->port[i].channel];

		if (row->port[i].output == 0 && carries(c, pool) && c->copy_pool != PLAN_NONE)
			return c->copy_pool;
	}
	return PLAN_NONE;
}

/* Where a pool stands in a channel's list, for the caret; its defaults' list if it has none. */
static const struct topology_value *pool_value(const struct topology *t, uint32_t channel,
					       uint32_t i)
{
	return &t->value[item_of(t, &t->block[t->channel_block[channel]], KEY_CHANNEL_POOLS)
				 ->first +
			 i];
}

/* --- custody and access --- */

static void check_channel_pool(struct topology *t, struct plan *plan, uint32_t channel, uint32_t i)
{
	const struct topology_block *b = &t->block[t->channel_block[channel]];
	const struct plan_channel *row = &plan->channel[channel];
	const struct plan_pool *pool = &plan->pool[row->pool[i]];
	const struct topology_value *v = pool_value(t, channel, i);

	if (pool->owner != row->producer && !receives(plan, row->producer, row->pool[i], true)) {
		/* The list may be that of the defaults: blame the end, which is the channel's. */
		bool own = b->item[KEY_CHANNEL_POOLS] != TOPOLOGY_NONE;
		uint32_t at = own ? v->at : b->from.shard_at;
		uint32_t bytes = own ? v->bytes : b->from.shard_bytes;
		uint32_t copy = copied_into(plan, row->producer, row->pool[i]);

		if (copy == PLAN_NONE)
			REPORT(t, MESSAGE_NOT_IN_CUSTODY, at, bytes,
			       A_TEXT(plan->shard[row->producer].name), A_TEXT(pool->name));
		else
			REPORT(t, MESSAGE_COPIED_AWAY, at, bytes,
			       A_TEXT(plan->shard[row->producer].name), A_TEXT(pool->name),
			       A_TEXT(plan->pool[copy].name));
	}
	if (plan_access_find(plan, row->pool[i], row->consumer) == PLAN_NONE)
		REPORT(t, MESSAGE_ACCESS_MISSING, b->to.shard_at, b->to.shard_bytes,
		       A_TEXT(plan->shard[row->consumer].name), A_TEXT(pool->name),
		       A_PLACE(t->block[t->pool_block[row->pool[i]]].name_at));
}

static void check_access_used(struct topology *t, struct plan *plan, uint32_t pool)
{
	const struct topology_item *item =
		item_of(t, &t->block[t->pool_block[pool]], KEY_POOL_ACCESS);

	for (uint32_t i = 0; item != NULL && i < item->count; i++) {
		const struct topology_value *v = &t->value[item->first + i];
		struct near near;
		uint32_t shard = shard_lookup(plan, t->text + v->at, v->bytes, &near);

		if (!receives(plan, shard, pool, false))
			REPORT(t, MESSAGE_ACCESS_UNUSED, v->at, v->whole_bytes,
			       A_SPAN(t, v->at, v->bytes), A_TEXT(plan->pool[pool].name));
	}
}

/* --- circles --- */

/*
 * Takes away, again and again, every channel of the pool whose producer nobody sends the pool
 * to. What is left over lies on a circle or behind one.
 */
static void check_circle(struct topology *t, struct plan *plan, uint32_t pool)
{
	uint32_t owner = plan->pool[pool].owner;
	uint32_t *inputs = t->next; /* of each shard: channels of the pool not yet taken away */
	bool again = true;

	fill_bytes(inputs, 0, VANITY_SHARDS_MAX * sizeof(inputs[0]));
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		t->mark[i] = carries(c, pool) && c->copy_pool == PLAN_NONE &&
			     c->producer != owner && c->consumer != owner;
		if (t->mark[i] != 0)
			inputs[c->consumer]++;
	}
	while (again) {
		again = false;
		for (uint32_t i = 0; i < plan->channel_count; i++) {
			const struct plan_channel *c = &plan->channel[i];

			if (t->mark[i] != 0 && inputs[c->producer] == 0) {
				t->mark[i] = 0;
				inputs[c->consumer]--;
				again = true;
			}
		}
	}
	/* And the same from the other side, so that only the circle itself is blamed. */
	fill_bytes(inputs, 0, VANITY_SHARDS_MAX * sizeof(inputs[0]));
	for (uint32_t i = 0; i < plan->channel_count; i++)
		inputs[plan->channel[i].producer] += t->mark[i];
	for (again = true; again;) {
		again = false;
		for (uint32_t i = 0; i < plan->channel_count; i++) {
			const struct plan_channel *c = &plan->channel[i];

			if (t->mark[i] != 0 && inputs[c->consumer] == 0) {
				t->mark[i] = 0;
				inputs[c->producer]--;
				again = true;
			}
		}
	}
	/* The last of them in the file is what most likely closed it. */
	for (uint32_t i = plan->channel_count; i-- > 0;) {
		const struct topology_block *b = &t->block[t->channel_block[i]];
		const struct plan_channel *c = &plan->channel[i];

		if (t->mark[i] == 0)
			continue;
		REPORT(t, MESSAGE_LENDING_CIRCLE, b->to.shard_at, b->to.shard_bytes,
		       A_TEXT(plan->pool[pool].name), A_TEXT(plan->shard[c->consumer].name),
		       A_TEXT(plan->shard[c->producer].name));
		break;
	}
}

/* --- trust --- */

static void check_trust(struct topology *t, struct plan *plan, uint32_t channel)
{
	const struct topology_block *b = &t->block[t->channel_block[channel]];
	const struct plan_channel *c = &plan->channel[channel];
	const char *from = plan->shard[c->producer].trust, *to = plan->shard[c->consumer].trust;

	if (c->pool_count == 0 || same(from, length(from), to) || c->borrow_trusted != 0 ||
	    c->copy_pool != PLAN_NONE)
		return;
	REPORT(t, MESSAGE_TRUST_CROSSED, b->name_at, b->name_bytes, A_NAME(t, b), A_TEXT(from),
	       A_TEXT(to));
}

/* --- lend --- */

/*
 * A source of a lender: a pool it owns (input NULL), or an input, of which the pools that are
 * its own do not count: an owner never borrows its own frames, they are free when they are back.
 */
struct source {
	const struct plan_channel *input;
	uint32_t pool;
	uint32_t size; /* frames of it that the lender can have at once */
};

/* The @n-th source of a shard; false past the last. */
static bool source_get(const struct plan *plan, uint32_t shard, uint32_t n, struct source *ret)
{
	const struct plan_shard *row = &plan->shard[shard];

	for (uint32_t i = 0; i < plan->pool_count; i++) {
		if (plan->pool[i].owner == shard && n-- == 0) {
			*ret = (struct source){ NULL, i, plan->pool[i].frame_count };
			return true;
		}
	}
	for (uint32_t i = 0; i < row->port_count; i++) {
		const struct plan_channel *c = &plan->channel[row->port[i].channel];

		/* What is copied goes on as a frame of a pool of ours. */
		if (row->port[i].output == 0 && c->pool_count != 0 && c->copy_pool == PLAN_NONE &&
		    n-- == 0) {
			*ret = (struct source){ c, PLAN_NONE, c->lend };
			return true;
		}
	}
	return false;
}

/* Can frames of the source leave by this output? */
static bool source_feeds(const struct plan *plan, uint32_t shard, const struct source *source,
			 const struct plan_channel *output)
{
	if (source->input == NULL)
		return carries(output, source->pool);
	for (uint32_t i = 0; i < source->input->pool_count; i++) {
		if (plan->pool[source->input->pool[i]].owner != shard &&
		    carries(output, source->input->pool[i]))
			return true;
	}
	return false;
}

/* How many outputs the source feeds, and what those besides @channel may hold together. */
static uint32_t source_outputs(const struct plan *plan, uint32_t shard, const struct source *source,
			       const struct plan_channel *channel, uint64_t *ret_others)
{
	const struct plan_shard *row = &plan->shard[shard];
	uint32_t count = 0;

	*ret_others = 0;
	for (uint32_t i = 0; i < row->port_count; i++) {
		const struct plan_channel *c = &plan->channel[row->port[i].channel];

		if (row->port[i].output == 0 || !source_feeds(plan, shard, source, c))
			continue;
		count++;
		*ret_others += c == channel ? 0 : c->lend;
	}
	return count;
}

/* All a lender can have for one output; false while an input it depends on is not known yet. */
static bool lend_available(const struct plan *plan, const struct plan_channel *c,
			   uint64_t *ret_available)
{
	struct source source;

	*ret_available = 0;
	for (uint32_t i = 0; source_get(plan, c->producer, i, &source); i++) {
		if (!source_feeds(plan, c->producer, &source, c))
			continue;
		if (source.size == 0)
			return false;
		*ret_available += source.size;
	}
	return true;
}

/* Everything where an output is alone, an equal share of each source where it is not. */
static uint32_t lend_default(struct topology *t, const struct plan *plan, uint32_t channel,
			     uint64_t available)
{
	const struct topology_block *b = &t->block[t->channel_block[channel]];
	const struct plan_channel *c = &plan->channel[channel];
	uint64_t share = available;
	struct source source;

	for (uint32_t i = 0; source_get(plan, c->producer, i, &source); i++) {
		uint64_t others;
		uint32_t outputs;

		if (!source_feeds(plan, c->producer, &source, c))
			continue;
		outputs = source_outputs(plan, c->producer, &source, c, &others);
		if (outputs == 1)
			continue;
		if (source.size / outputs < share)
			share = source.size / outputs;
		if (share == 0) {
			REPORT(t, MESSAGE_LEND_TOO_FEW, b->from.shard_at, b->from.shard_bytes,
			       A_TEXT(plan->shard[c->producer].name), A_COUNT(source.size),
			       A_COUNT(outputs));
			return 0;
		}
	}
	return (uint32_t)(share < VANITY_FRAMES_MAX ? share : VANITY_FRAMES_MAX);
}

/* Fills in what is not given, from the owners down. Returns false when an error was reported. */
static bool lend_fill(struct topology *t, struct plan *plan)
{
	uint32_t errors = t->error_count, open = PLAN_NONE;
	bool again = true;

	while (again && t->error_count == errors) {
		again = false;
		open = PLAN_NONE;
		for (uint32_t i = 0; i < plan->channel_count; i++) {
			struct plan_channel *c = &plan->channel[i];
			uint64_t available;

			if (c->pool_count == 0 || c->lend != 0)
				continue;
			if (!lend_available(plan, c, &available)) {
				open = i;
				continue;
			}
			c->lend = lend_default(t, plan, i, available);
			again = c->lend != 0;
			if (c->lend == 0)
				break;
		}
	}
	if (t->error_count == errors && open != PLAN_NONE) {
		const struct topology_block *b = &t->block[t->channel_block[open]];

		REPORT(t, MESSAGE_LEND_CIRCLE, b->name_at, b->name_bytes, A_NAME(t, b));
	}
	return t->error_count == errors;
}

/* Blames the key if it is there, else the channel's name. */
static void lend_blame(const struct topology *t, uint32_t channel, uint32_t *ret_at,
		       uint32_t *ret_bytes)
{
	const struct topology_block *b = &t->block[t->channel_block[channel]];
	const struct topology_value *v = value_of(t, b, KEY_CHANNEL_LEND);

	*ret_at = v != NULL ? v->at : b->name_at;
	*ret_bytes = v != NULL ? v->bytes : b->name_bytes;
}

static void check_lend(struct topology *t, struct plan *plan, uint32_t channel)
{
	const struct plan_channel *c = &plan->channel[channel];
	const char *name = plan->shard[c->producer].name;
	struct source source;
	uint64_t available, others;
	uint32_t at, bytes;

	lend_blame(t, channel, &at, &bytes);
	lend_available(plan, c, &available);
	if (c->lend > available) {
		REPORT(t, MESSAGE_LEND_TOO_MUCH, at, bytes, A_TEXT(name), A_COUNT(c->lend),
		       A_COUNT(available));
		return;
	}
	for (uint32_t i = 0; source_get(plan, c->producer, i, &source); i++) {
		if (!source_feeds(plan, c->producer, &source, c) ||
		    source_outputs(plan, c->producer, &source, c, &others) == 1 ||
		    others < source.size)
			continue;
		REPORT(t, MESSAGE_LEND_NO_RESERVE, t->block[t->channel_block[channel]].name_at,
		       t->block[t->channel_block[channel]].name_bytes, A_TEXT(name),
		       A_COUNT(source.size), A_COUNT(source.size - 1), A_COUNT(others));
		return;
	}
}

/*
 * Room in a consumer's lane: all it can have of frames that this channel may carry, and beside
 * them each frame once more where borrowers below it can claim frames it never had: a successor
 * adopts what they state, and gives it back to every possible lender.
 */
static void lane_fill(struct plan *plan, struct plan_channel *c)
{
	const struct plan_shard *row = &plan->shard[c->consumer];
	uint64_t sum = 0;
	bool lends_on = false;

	for (uint32_t i = 0; i < row->port_count; i++) {
		const struct plan_channel *other = &plan->channel[row->port[i].channel];
		bool shares = false;

		for (uint32_t p = 0; p < c->pool_count; p++)
			shares = shares || carries(other, c->pool[p]);
		if (shares && row->port[i].output == 0)
			sum += other->lend;
		lends_on = lends_on || (shares && row->port[i].output != 0);
	}
	if (lends_on)
		sum += c->frame_bits;
	for (c->lane_slots = 1; c->lane_slots < sum;)
		c->lane_slots *= 2;
}

void check_custody(struct topology *t, struct plan *plan)
{
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		for (uint32_t p = 0; p < plan->channel[i].pool_count; p++)
			check_channel_pool(t, plan, i, p);
		check_trust(t, plan, i);
	}
	for (uint32_t i = 0; i < plan->pool_count; i++) {
		check_access_used(t, plan, i);
		check_circle(t, plan, i);
	}
	if (t->error_count != 0 || !lend_fill(t, plan))
		return;
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		if (plan->channel[i].pool_count != 0)
			check_lend(t, plan, i);
	}
	for (uint32_t i = 0; i < plan->channel_count && t->error_count == 0; i++) {
		if (plan->channel[i].pool_count != 0)
			lane_fill(plan, &plan->channel[i]);
	}
}
