/* SPDX-License-Identifier: Apache-2.0 */
/*
 * director.c: the operator of a simulated run.
 *
 *      RUN ----------> SETTLE ------> FREEZE ------> VERIFY ---- exact, not final --> RUN
 *      flow rests, or    recoveries     nothing        | death          |
 *      a step is due     have ended     moves          v                v final
 *                           ^------------------------ back            STOP --> OVER
 *
 * "Nothing moves" means: no cursor of any channel changed for longer than every watchdog, so
 * that each shard slept to its deadline and looked again at least once. Time being virtual,
 * that costs a few touches. A run that never gets there is a livelock or a recovery that
 * never ends, and fails by the limit of its phase.
 */
#include "world.h"

#include <inttypes.h>

#define PHASE_LIMIT_NS 60000000000ull
#define RUN_STEPS_DEFAULT 2000000ull /* of a flow that never rests */

static uint64_t motion_hash(void)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < world.plan->channel_count; i++) {
		const struct wire_tx *tx = tx_words(i);
		const struct wire_rx *rx = rx_words(i);

		hash = cell_mix(hash ^ sim_peek(&tx->tail));
		hash = cell_mix(hash ^ sim_peek(&tx->lane_head));
		hash = cell_mix(hash ^ sim_peek(&tx->joined));
		hash = cell_mix(hash ^ sim_peek(&rx->head));
		hash = cell_mix(hash ^ sim_peek(&rx->taken));
		hash = cell_mix(hash ^ sim_peek(&rx->lane_tail));
		hash = cell_mix(hash ^ sim_peek(&rx->joined));
	}
	return hash;
}

static void motion_look(void)
{
	uint64_t hash = motion_hash();

	if (hash == world.motion)
		return;
	world.motion = hash;
	world.motion_since = sim.now;
	world.motion_step = sim.step;
	for (uint32_t i = 0; i < sim.party_count; i++)
		world.motion_touches[i] = sim.party[i].touches;
}

static bool at_rest(void)
{
	return sim.now - world.motion_since > world.quiet_ns;
}

/* Every shard runs and every channel is open, or the policy says why not. */
static bool all_well(void)
{
	if (life_busy(&world.life))
		return false;
	for (uint32_t i = 0; i < world.plan->shard_count; i++) {
		uint32_t phase = world.life.shard[i].phase;

		if (world.shard[i].late_count > 0 || sim.party[i].hung ||
		    sim.party[i].stalled_until > sim.now)
			return false;
		if (phase != LIFE_RUNNING && phase != LIFE_WAITING && phase != LIFE_HELD &&
		    phase != LIFE_STOPPED)
			return false;
	}
	for (uint32_t i = 0; i < world.plan->channel_count; i++) {
		const struct plan_channel *c = &world.plan->channel[i];
		uint32_t a = world.life.shard[c->producer].phase;
		uint32_t b = world.life.shard[c->consumer].phase;

		if (a == LIFE_HELD || a == LIFE_STOPPED || b == LIFE_HELD || b == LIFE_STOPPED ||
		    world.life.channel[i].closed)
			continue;
		if (!life_open(&world.life, &world.seen, i))
			return false;
	}
	return true;
}

static void phase_enter(enum director_phase phase)
{
	world.phase = phase;
	world.phase_since = sim.now;
	sim_note("phase", phase, world.final);
	if (phase == DIRECT_RUN)
		world.freeze = 0;
	if (phase == DIRECT_FREEZE) {
		world.freeze = 1;
		world.deaths_at_freeze = world.deaths;
	}
	if (phase == DIRECT_VERIFY)
		world.verify++;
	if (phase == DIRECT_STOP) {
		world.stopping = 1;
		life_stop(&world.life);
	}
	/* Rest is counted from here: orders are obeyed first. */
	world.motion_since = sim.now;
}

void director_begin(void)
{
	uint64_t watchdog = 0;

	for (uint32_t i = 0; i < world.plan->shard_count; i++)
		if (world.plan->shard[i].watchdog_ns > watchdog)
			watchdog = world.plan->shard[i].watchdog_ns;
	world.quiet_ns = watchdog + watchdog / 4;
	world.phase = DIRECT_RUN;
	world.phase_since = 0;
	world.final = 0;
	world.freeze = world.verify = 0;
	world.motion = world.motion_since = world.motion_step = 0;
	world.quiesces = 0;
	world.stopping = 0;
	world.middle_step = SIM_NEVER;
	if (sim_random_below(&world.random, 2) == 0)
		world.middle_step = sim_random_log(&world.random, 2000, 200000);
}

static bool run_is_over(void)
{
	uint64_t steps = world.options->steps;

	if (steps != 0 ? sim.step >= steps : sim.step >= RUN_STEPS_DEFAULT)
		return true;
	return at_rest() && all_well();
}

static const char *phase_words(void)
{
	switch (world.phase) {
	case DIRECT_RUN:
	case DIRECT_SETTLE:
		return "a recovery does not end";
	case DIRECT_FREEZE:
		return "the frozen system does not come to rest";
	case DIRECT_VERIFY:
		return "verify is not answered";
	default:
		return "the system does not stop";
	}
}

static void phase_overdue(void)
{
	uint32_t stuck = 0;

	if (world.phase == DIRECT_RUN && !at_rest())
		return;
	if (sim.now - world.phase_since < PHASE_LIMIT_NS ||
	    sim.now - world.motion_since < PHASE_LIMIT_NS)
		return;
	for (uint32_t i = 0; i < world.plan->shard_count; i++)
		if (world.life.shard[i].phase != LIFE_RUNNING &&
		    world.life.shard[i].phase != LIFE_WAITING)
			stuck = i;
	world_fail("%s: %s is %s, generation %u of %u gone", phase_words(), party_name(stuck),
		   life_phase_name(world.life.shard[stuck].phase), world.shard[stuck].alive,
		   world.life.shard[stuck].go);
}

static bool all_answered(void)
{
	for (uint32_t i = 0; i < world.plan->shard_count; i++) {
		if (world.shard[i].alive == 0)
			continue;
		if (sim_peek(&cell_of(i)->verified) != world.verify)
			return false;
	}
	return true;
}

static bool all_stopped(void)
{
	for (uint32_t i = 0; i < world.plan->shard_count; i++)
		if (world.shard[i].alive != 0)
			return false;
	return true;
}

static void verified(void)
{
	world.quiesces++;
	ledger_rest(world.final);
	if (!world.failed)
		oracle_sums(world.final);
	if (world.failed)
		return;
	phase_enter(world.final ? DIRECT_STOP : DIRECT_RUN);
}

void director_step(void)
{
	motion_look();
	phase_overdue();
	switch (world.phase) {
	case DIRECT_RUN:
		if (run_is_over()) {
			world.final = 1;
			world.middle_step = SIM_NEVER;
			phase_enter(DIRECT_SETTLE);
		} else if (sim.step >= world.middle_step) {
			world.middle_step = SIM_NEVER;
			phase_enter(DIRECT_SETTLE);
		}
		break;
	case DIRECT_SETTLE:
		if (all_well())
			phase_enter(DIRECT_FREEZE);
		break;
	case DIRECT_FREEZE:
		if (!all_well())
			phase_enter(DIRECT_SETTLE);
		else if (at_rest())
			phase_enter(DIRECT_VERIFY);
		break;
	case DIRECT_VERIFY:
		if (world.deaths != world.deaths_at_freeze || !all_well())
			phase_enter(DIRECT_SETTLE);
		else if (all_answered())
			verified();
		break;
	case DIRECT_STOP:
		if (all_stopped()) {
			world.phase = DIRECT_OVER;
			sim_note("over", sim.step, 0);
			sim_stop();
		}
		break;
	case DIRECT_OVER:
		break;
	}
}
