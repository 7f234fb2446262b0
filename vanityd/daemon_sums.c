/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conservation, asked of all shards at once (DESIGN section 4, rule 11).
 *
 *      freeze -> ask n -> all answered n -> compare --exact--> unfreeze, answer
 *                  ^                           |
 *                  +---- ask n + 1, later -----+ not yet exact, or not all answered; time left
 *
 * With pool owners frozen the frames run home; once nothing moves both ends of every channel
 * say the same. A stalled sink keeps its frames for ever: its channel is not empty, and what its
 * lender lent must then be what it holds and what lies in the channel together.
 *
 * The figures are claims of the shards. They decide nothing here; they are printed.
 */
#include "daemon.h"

#include <stdio.h>

#define SUMS_ROUND_NS 300000ull /* between two questions */
#define SUMS_UNANSWERED_NS 20000000ull
#define SUMS_TIMEOUT_NS 2000000000ull
#define SUMS_TIMEOUT_WATCHDOGS 1u

static void orders_all(struct daemon *d, uint64_t freeze, uint64_t verify)
{
	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		struct orders *orders = d->shard[i].orders;

		orders_write(d, i, &orders->freeze, freeze);
		orders_write(d, i, &orders->verify, verify);
	}
	orders_announce(d);
}

void sums_start(struct daemon *d, uint32_t stop)
{
	uint64_t watchdog = 0;

	if (stop)
		d->sums.stop = 1;
	if (d->sums.state != SUMS_IDLE)
		return;
	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		uint64_t asked = wire_load(&d->shard[i].orders->verify);

		if (d->plan->shard[i].watchdog_ns > watchdog)
			watchdog = d->plan->shard[i].watchdog_ns;
		/* Numbers go on where an earlier daemon stood: an old answer never counts. */
		if (asked > d->sums.number)
			d->sums.number = asked;
	}
	json_decref(d->sums.result);
	d->sums.result = NULL;
	d->sums.number++;
	d->sums.rounds = 1;
	d->sums.asked_ns = daemon_now_ns();
	/* A sleeping shard looks at its orders when its bell rings, or within half its watchdog. */
	d->sums.deadline_ns =
		d->sums.asked_ns + SUMS_TIMEOUT_NS + SUMS_TIMEOUT_WATCHDOGS * watchdog;
	d->sums.state = SUMS_ASKED;
	orders_all(d, 1, d->sums.number);
}

static uint32_t shard_answered(const struct daemon *d, uint32_t shard)
{
	const struct daemon_shard *s = &d->shard[shard];

	return s->alive != 0 && wire_load_acquire(&s->cell->magic) == CELL_MAGIC &&
	       wire_load_acquire(&s->cell->verified) == d->sums.number;
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static void differs(json_t *list, const char *kind, const char *name, const char *what)
{
	json_array_append_new(list, json_sprintf("%s %s: %s", kind, name, what));
}

static json_t *channel_sums(const struct daemon *d, uint32_t channel, json_t *ret_differs,
			    uint64_t *ret_in_channel)
{
	const struct plan_channel *c = &d->plan->channel[channel];
	const struct cell_port *tx = &d->shard[c->producer].cell->port[c->producer_port];
	const struct cell_port *rx = &d->shard[c->consumer].cell->port[c->consumer_port];
	uint64_t published = wire_load(&tx->cursor), handled = wire_load(&rx->cursor);
	uint64_t taken = wire_load(&rx->taken);
	uint64_t lent = wire_load(&tx->frames), held = wire_load(&rx->frames);
	uint64_t lent_hash = wire_load(&tx->frames_hash), held_hash = wire_load(&rx->frames_hash);
	uint64_t in_channel = published - handled;
	json_t *sums = json_object();

	if (in_channel > c->slot_count)
		differs(ret_differs, "channel", c->name,
			"cursors are further apart than its slots");
	if (taken != handled)
		differs(ret_differs, "channel", c->name, "a burst is not finished");
	if (c->pool_count > 0 && in_channel == 0 && lent == held && lent_hash != held_hash)
		differs(ret_differs, "channel", c->name, "lent and held name other frames");
	if (c->pool_count > 0 && lent - held != in_channel)
		differs(ret_differs, "channel", c->name, "lent is not held and in the channel");
	json_object_set_new(sums, "name", json_string(c->name));
	json_object_set_new(sums, "published", number(published));
	json_object_set_new(sums, "handled", number(handled));
	json_object_set_new(sums, "in_channel", number(in_channel));
	json_object_set_new(sums, "lent", number(lent));
	json_object_set_new(sums, "held", number(held));
	json_object_set_new(sums, "lent_hash",
			    json_sprintf("%016llx", (unsigned long long)lent_hash));
	json_object_set_new(sums, "held_hash",
			    json_sprintf("%016llx", (unsigned long long)held_hash));
	*ret_in_channel += in_channel;
	return sums;
}

static json_t *pool_sums(const struct daemon *d, uint32_t pool, uint32_t nth, json_t *ret_differs)
{
	const struct plan_pool *p = &d->plan->pool[pool];
	const struct cell_pool *cell = &d->shard[p->owner].cell->pool[nth];
	uint64_t free_count = wire_load(&cell->free), held = wire_load(&cell->held);
	uint64_t lent = wire_load(&cell->lent), total = wire_load(&cell->total);
	json_t *sums = json_object();

	if (total != p->frame_count)
		differs(ret_differs, "pool", p->name,
			"its owner counts other frames than the plan");
	if (free_count + held + lent != total)
		differs(ret_differs, "pool", p->name, "free, held and lent are not its total");
	json_object_set_new(sums, "name", json_string(p->name));
	json_object_set_new(sums, "free", number(free_count));
	json_object_set_new(sums, "held", number(held));
	json_object_set_new(sums, "lent", number(lent));
	json_object_set_new(sums, "total", number(p->frame_count));
	return sums;
}

/* All figures, and what does not agree among them. */
static json_t *compare(const struct daemon *d, uint32_t *ret_exact, uint32_t *ret_quiet)
{
	json_t *list = json_array(), *channels = json_array(), *pools = json_array();
	json_t *result = json_object();
	uint32_t owned[VANITY_SHARDS_MAX] = { 0 };
	uint64_t in_channel = 0;

	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		if (!shard_answered(d, i))
			differs(list, "shard", d->plan->shard[i].name, "did not answer");
	for (uint32_t i = 0; i < d->plan->channel_count; i++)
		json_array_append_new(channels, channel_sums(d, i, list, &in_channel));
	for (uint32_t i = 0; i < d->plan->pool_count; i++) {
		/* An owner reports its pools in the plan's order. */
		uint32_t nth = owned[d->plan->pool[i].owner]++;

		if (nth < CELL_POOLS_MAX)
			json_array_append_new(pools, pool_sums(d, i, nth, list));
		else
			differs(list, "pool", d->plan->pool[i].name, "is beyond the cell's table");
	}
	*ret_exact = json_array_size(list) == 0;
	*ret_quiet = *ret_exact && in_channel == 0;
	json_object_set_new(result, "schema", json_string("vanity.sums/1"));
	json_object_set_new(result, "exact", json_boolean(*ret_exact));
	json_object_set_new(result, "quiet", json_boolean(*ret_quiet));
	json_object_set_new(result, "in_channels", number(in_channel));
	json_object_set_new(result, "rounds", number(d->sums.rounds));
	json_object_set_new(result, "channels", channels);
	json_object_set_new(result, "pools", pools);
	json_object_set_new(result, "differs", list);
	return result;
}

static void sums_known(struct daemon *d, uint32_t exact)
{
	daemon_log(d, "sums: %s after %u rounds", exact ? "exact" : "not exact", d->sums.rounds);
	if (d->sums.stop) {
		/* Frozen to the end: nobody hands out frames while the shards drain. */
		d->sums.state = SUMS_STOPPING;
		life_stop(&d->life);
		return;
	}
	orders_all(d, 0, d->sums.number);
	d->sums.state = SUMS_IDLE;
}

static void stopping_step(struct daemon *d)
{
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		if (d->shard[i].alive != 0 || d->life.shard[i].phase == LIFE_STARTING)
			return;
	d->sums.state = SUMS_STOPPED;
	d->ending = 1;
	d->ending_ns = daemon_now_ns();
	daemon_log(d, "stopped");
}

void sums_step(struct daemon *d)
{
	uint32_t exact, quiet, answered = 1;
	uint64_t now = daemon_now_ns();
	json_t *result;

	if (d->sums.state == SUMS_STOPPING)
		stopping_step(d);
	if (d->sums.state != SUMS_ASKED)
		return;
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		answered &= shard_answered(d, i);
	/* A shard that restarted in between never heard the question: it is put again, and a slow
	 * one gets longer each time. */
	if (now < d->sums.deadline_ns &&
	    now - d->sums.asked_ns <
		    (answered ? SUMS_ROUND_NS : SUMS_UNANSWERED_NS * d->sums.rounds))
		return;
	result = compare(d, &exact, &quiet);
	/* A recovery under way moves frames still; and a full channel may yet run empty. */
	if ((!quiet || life_busy(&d->life)) && now < d->sums.deadline_ns) {
		json_decref(result);
		d->sums.number++;
		d->sums.rounds++;
		d->sums.asked_ns = now;
		orders_all(d, 1, d->sums.number);
		return;
	}
	json_decref(d->sums.result);
	d->sums.result = result;
	sums_known(d, exact);
}
