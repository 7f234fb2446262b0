/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle.c: what must be true of a system at rest, and of a sleeper at any time.
 *
 * Sums (DESIGN section 4, rule 11), after a freeze and a verify: for every channel both ends say
 * the same cursor, the same number of frames and the same set of them; for every pool
 * free + held + lent = total, and each of them is what the ledger says.
 *
 * Lost wake-ups: who slept to its deadline while all its neighbours slept too, and then at once
 * finds work that was there before, was not rung for. The deadline hides such a bug in a
 * running system (it costs half a watchdog); here it is a failure.
 */
#include "world.h"

#include <inttypes.h>
#include <string.h>

/* --- sums ---------------------------------------------------------------------------------- */

static const struct cell_port *end_of(uint32_t channel, bool consumer)
{
	const struct plan_channel *c = &world.plan->channel[channel];

	return consumer ? &cell_of(c->consumer)->port[c->consumer_port]
			: &cell_of(c->producer)->port[c->producer_port];
}

/*
 * Who died between several lenders of one pool has a successor that cannot know by which of them an
 * adopted frame came. It gives it back to each, and those who never lent it count one refusal: that
 * is the rule (docs/channel.md, 6), not a fault.
 */
static bool gives_back_by_hearsay(uint32_t number)
{
	const struct plan_channel *c = &world.plan->channel[number];

	if (world.shard[c->consumer].started < 2)
		return false;
	for (uint32_t i = 0; i < world.plan->channel_count; i++) {
		const struct plan_channel *other = &world.plan->channel[i];

		if (i == number || other->consumer != c->consumer)
			continue;
		for (uint32_t a = 0; a < c->pool_count; a++)
			for (uint32_t b = 0; b < other->pool_count; b++)
				if (c->pool[a] == other->pool[b])
					return true;
	}
	return false;
}

static void sums_channel(uint32_t number, bool final)
{
	const struct plan_channel *c = &world.plan->channel[number];
	const struct cell_port *p = end_of(number, false), *q = end_of(number, true);
	uint64_t published = sim_peek(&p->cursor), head = sim_peek(&q->cursor);

	if (world.shard[c->producer].alive == 0 || world.shard[c->consumer].alive == 0 ||
	    world.life.channel[number].closed)
		return;
	if (published != head)
		world_fail("channel %s: %" PRIu64 " published, %" PRIu64 " taken", c->name,
			   published, head);
	else if (sim_peek(&p->frames) != sim_peek(&q->frames) ||
		 sim_peek(&p->frames_hash) != sim_peek(&q->frames_hash))
		world_fail("channel %s: %s has lent %" PRIu64 " frames, %s has %" PRIu64, c->name,
			   party_name(c->producer), sim_peek(&p->frames), party_name(c->consumer),
			   sim_peek(&q->frames));
	else if (final && sim_peek(&p->frames) != 0)
		world_fail("channel %s: %" PRIu64 " frames are still out at the end", c->name,
			   sim_peek(&p->frames));
	else if (sim_peek(&p->refused) != 0 && !gives_back_by_hearsay(number))
		world_fail("channel %s: %" PRIu64 " give-backs that are not on the ledger of %s",
			   c->name, sim_peek(&p->refused), party_name(c->producer));
	else if (c->producer != world.hostile && c->consumer != world.hostile &&
		 (sim_peek(&p->faults) != 0 || sim_peek(&q->faults) != 0))
		world_fail("channel %s broke", c->name);
}

static void sums_pool(uint32_t number, bool final)
{
	const struct plan_pool *p = &world.plan->pool[number];
	const struct cell_pool *said;
	uint64_t free, held, lent, said_free, said_held, said_lent;
	uint32_t index = 0;

	if (world.shard[p->owner].alive == 0)
		return;
	for (uint32_t i = 0; i < number; i++)
		index += world.plan->pool[i].owner == p->owner;
	if (index >= CELL_POOLS_MAX)
		return;
	said = &cell_of(p->owner)->pool[index];
	said_free = sim_peek(&said->free);
	said_held = sim_peek(&said->held);
	said_lent = sim_peek(&said->lent);
	ledger_pool(number, &free, &held, &lent);
	if (sim_peek(&said->total) != p->frame_count ||
	    said_free + said_held + said_lent != p->frame_count)
		world_fail("pool %s: %" PRIu64 " free + %" PRIu64 " held + %" PRIu64
			   " lent is not %u",
			   p->name, said_free, said_held, said_lent, p->frame_count);
	else if (said_free > free || said_held != held)
		world_fail("pool %s: %" PRIu64 " free, %" PRIu64 " held; in truth %" PRIu64
			   ", %" PRIu64,
			   p->name, said_free, said_held, free, held);
	else if (final && said_lent + (devices_hold(p->owner) ? 0 : said_held) != 0)
		world_fail("pool %s: %" PRIu64 " of %u frames never came home", p->name,
			   p->frame_count - said_free, p->frame_count);
}

void oracle_totals(struct port_sums *ret_sums)
{
	memset(ret_sums, 0, sizeof(*ret_sums));
	for (uint32_t i = 0; i < world.plan->shard_count; i++) {
		for (uint32_t k = 0; k < world.plan->shard[i].port_count; k++) {
			const struct port_sums *d = &world.shard[i].dead[k];
			const struct cell_port *p = &cell_of(i)->port[k];
			bool lives = world.shard[i].alive != 0;

			ret_sums->lost_in_hand +=
				d->lost_in_hand + (lives ? sim_peek(&p->lost_in_hand) : 0);
			ret_sums->in_doubt += d->in_doubt + (lives ? sim_peek(&p->in_doubt) : 0);
			ret_sums->handled_late +=
				d->handled_late + (lives ? sim_peek(&p->handled_late) : 0);
			ret_sums->skipped += d->skipped + (lives ? sim_peek(&p->skipped) : 0);
			ret_sums->dropped += d->dropped + (lives ? sim_peek(&p->dropped) : 0);
			ret_sums->refused += d->refused + (lives ? sim_peek(&p->refused) : 0);
			ret_sums->faults += d->faults + (lives ? sim_peek(&p->faults) : 0);
		}
	}
}

/*
 * What is missing end to end is what the library says is missing. Known exactly only when each
 * recovery ended before the next death began (counts of a lender that dies while it settles die
 * with it), and when no owner died (nobody is left to count what it had lent).
 */
static bool is_copied_into(uint32_t pool)
{
	for (uint32_t i = 0; i < world.plan->channel_count; i++)
		if (world.plan->channel[i].copy_pool == pool)
			return true;
	return false;
}

/*
 * ... Who copies owns what it has in hand, but its lender knows what of it is in doubt: a program
 * that keeps nothing over a turn loses no more than that, and not all of that is lost.
 */
static void sums_items(void)
{
	struct port_sums said;
	uint64_t lost = ledger_items.lost + ledger_items.unsaid;
	bool exact = true;

	for (uint32_t i = 0; i < world.plan->channel_count; i++)
		if (world.plan->channel[i].pool_count == 0)
			return;
	for (uint32_t i = 0; i < world.plan->pool_count; i++) {
		if (world.shard[world.plan->pool[i].owner].deaths == 0)
			continue;
		if (!is_copied_into(i))
			return;
		exact = false;
	}
	if (world.deaths_in_recovery > 0)
		return;
	oracle_totals(&said);
	if (exact ? said.in_doubt + said.lost_in_hand != lost :
		    said.in_doubt + said.lost_in_hand < lost)
		world_fail("%" PRIu64 " items are missing (%" PRIu64 " begun, %" PRIu64
			   " done, %" PRIu64 " dropped, news of %" PRIu64 " died), but %" PRIu64
			   " in doubt + %" PRIu64 " lost in hand are reported",
			   lost, ledger_items.begun, ledger_items.done, ledger_items.dropped,
			   ledger_items.unsaid, said.in_doubt, said.lost_in_hand);
}

/* The programs' own counters, where no generation of them was lost. */
static void sums_programs(void)
{
	for (uint32_t i = 0; i < world.plan->shard_count; i++) {
		const struct world_shard *s = &world.shard[i];
		const struct vanity_counter_name *name = s->program->counters;
		uint64_t truth;

		if (s->deaths > 0 || s->alive == 0 || name == NULL)
			continue;
		for (; name->counter != 0; name++) {
			uint64_t said = sim_peek(&cell_of(i)->counter[name->counter]);

			if (strcmp(s->program->name, "sink") == 0 &&
			    strcmp(name->name, "received") == 0)
				truth = s->given_back_done;
			else if (strcmp(s->program->name, "pktgen") == 0 &&
				 strcmp(name->name, "packets") == 0)
				truth = s->frames_taken;
			else
				continue;
			if (said != truth)
				world_fail("%s counts %" PRIu64 " %s, but it was %" PRIu64,
					   party_name(i), said, name->name, truth);
		}
	}
}

void oracle_sums(bool final)
{
	for (uint32_t i = 0; i < world.plan->channel_count && !world.failed; i++)
		sums_channel(i, final);
	for (uint32_t i = 0; i < world.plan->pool_count && !world.failed; i++)
		sums_pool(i, final);
	if (!world.failed)
		sums_programs();
	if (!world.failed && final)
		sums_items();
}

/* --- lost wake-ups ------------------------------------------------------------------------- */

/* Both ends have joined the same generation and neither refuses it. */
bool channel_stands_open(uint32_t number)
{
	return sim_peek(&tx_words(number)->joined) == sim_peek(&rx_words(number)->joined) &&
	       sim_peek(&end_of(number, false)->broken) == 0 &&
	       sim_peek(&end_of(number, true)->broken) == 0;
}

static bool sleeps_now(uint32_t party)
{
	const struct sim_party *p = &sim.party[party];

	return p->state == SIM_WAITING && !p->event && !p->hung && p->stalled_until <= sim.now;
}

/* Nobody is in the middle of anything that could still become a ring for @shard. */
static bool all_quiet_around(uint32_t shard)
{
	const struct plan_shard *p = &world.plan->shard[shard];

	if (!sleeps_now(world.daemon_party) || life_busy(&world.life))
		return false;
	for (uint32_t i = 0; i < world.plan->shard_count; i++)
		if (world.shard[i].late_count > 0)
			return false;
	for (uint32_t i = 0; i < p->port_count; i++) {
		const struct plan_channel *c = &world.plan->channel[p->port[i].channel];
		uint32_t peer = c->producer == shard ? c->consumer : c->producer;

		if (world.shard[peer].alive == 0 || !sleeps_now(peer) ||
		    !channel_stands_open(p->port[i].channel))
			return false;
	}
	return true;
}

static void watch_outputs(uint32_t shard, uint64_t *ret_head, uint64_t *ret_lane)
{
	const struct plan_shard *p = &world.plan->shard[shard];

	for (uint32_t i = 0; i < p->port_count; i++) {
		if (!p->port[i].output)
			continue;
		ret_head[i] = sim_peek(&rx_words(p->port[i].channel)->room);
		ret_lane[i] = sim_peek(&rx_words(p->port[i].channel)->lane_tail);
	}
}

static bool outputs_changed(uint32_t shard, const uint64_t *head, const uint64_t *lane)
{
	const struct plan_shard *p = &world.plan->shard[shard];

	for (uint32_t i = 0; i < p->port_count; i++)
		if (p->port[i].output &&
		    (head[i] != sim_peek(&rx_words(p->port[i].channel)->room) ||
		     lane[i] != sim_peek(&rx_words(p->port[i].channel)->lane_tail)))
			return true;
	return false;
}

void oracle_sleeps(uint32_t shard)
{
	struct watch *w = &world.shard[shard].watch;

	w->armed = false;
	watch_outputs(shard, w->out_head, w->out_lane);
}

void oracle_expired(uint32_t shard)
{
	const struct plan_shard *p = &world.plan->shard[shard];
	struct watch *w = &world.shard[shard].watch;

	w->armed = all_quiet_around(shard);
	if (!w->armed)
		return;
	w->at = sim.now;
	w->changed = outputs_changed(shard, w->out_head, w->out_lane);
	watch_outputs(shard, w->then_head, w->then_lane);
	for (uint32_t i = 0; i < p->port_count; i++)
		if (!p->port[i].output)
			w->in_tail[i] = sim_peek(&tx_words(p->port[i].channel)->tail);
}

void oracle_took(uint32_t shard, uint32_t channel, uint64_t at)
{
	const struct plan_shard *p = &world.plan->shard[shard];
	struct watch *w = &world.shard[shard].watch;

	if (!w->armed)
		return;
	w->armed = false;
	/* Room that came after it got up is no proof. */
	if (outputs_changed(shard, w->then_head, w->then_lane))
		return;
	for (uint32_t i = 0; i < p->port_count; i++)
		if (p->port[i].channel == channel && (int64_t)(at - w->in_tail[i]) < 0)
			world_fail("lost wake-up: %s slept to its deadline at %" PRIu64
				   " ns with item %" PRIu64 " of channel %s before it",
				   party_name(shard), w->at, at, world.plan->channel[channel].name);
}

void oracle_put(uint32_t shard)
{
	const struct plan_shard *p = &world.plan->shard[shard];
	struct watch *w = &world.shard[shard].watch;

	if (!w->armed)
		return;
	for (uint32_t i = 0; i < p->port_count; i++)
		if (!p->port[i].output)
			return; /* its inputs tell */
	w->armed = false;
	if (w->changed)
		world_fail("lost wake-up: %s slept to its deadline at %" PRIu64
			   " ns while its output had moved",
			   party_name(shard), w->at);
}
