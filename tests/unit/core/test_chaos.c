/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Honest shards under the real policy, killed at any touch of shared memory (the pseudo-ISA of the
 * simulator makes each one a point), in a seeded order. After every step: no free frame in a
 * hand or a slot, no frame in two, every book adds up. At the end: all open, and exact.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

static jmp_buf killed;
static uint64_t touches_left; /* 0: nobody is to be killed */
static uint64_t cycles;

void sim_point(const void *word);
uint64_t sim_cycles(void);

void sim_point(const void *word)
{
	(void)word;
	if (touches_left > 0 && --touches_left == 0)
		longjmp(killed, 1);
}

uint64_t sim_cycles(void)
{
	return ++cycles;
}

/* One step of a shard, which may be its last, anywhere in it. */
static void step(struct rig *r, uint32_t shard, uint32_t kill_in)
{
	if (r->shard[shard].state == RIG_NONE)
		return;
	if (setjmp(killed) == 0) {
		touches_left = kill_in;
		rig_work(r, shard);
		touches_left = 0;
		if (kill_in == 0)
			return;
	}
	touches_left = 0;
	rig_kill(r, shard);
}

/* Among honest shards nobody has a reason to accuse anybody, whoever dies when. */
static void no_accusation(struct rig *r, const struct life_action *a)
{
	(void)r;
	if (a->what == LIFE_DO_TELL && a->reason == LIFE_EVENT_BROKEN)
		fail_msg("shard %u breaks port %u with %llu at %llu", a->shard, a->port,
			 (unsigned long long)(a->value >> 56),
			 (unsigned long long)(a->value << 8 >> 8));
	if (a->what == LIFE_DO_KILL)
		fail_msg("shard %u is killed for %s", a->shard, life_fault_name(a->reason));
}

static void chaos(const struct rig_spec *spec, uint64_t seed, uint32_t steps, uint32_t mortality)
{
	struct rig *r = rig_new(spec);

	print_message("seed %llu\n", (unsigned long long)seed);
	r->random ^= seed * 0x9e3779b97f4a7c15ull;
	rig_daemon_start(r);
	r->on_action = no_accusation;
	for (uint32_t i = 0; i < steps; i++) {
		uint32_t who = rig_random(r, spec->shard_count + 1);

		if (who == spec->shard_count)
			rig_daemon(r);
		else if (rig_random(r, mortality) == 0)
			step(r, who, 1 + rig_random(r, 200));
		else if (rig_random(r, 200) == 0)
			r->shard[who].stalled ^= 1;
		else
			step(r, who, 0);
		rig_sound(r);
		rig_check(r);
	}
	for (uint32_t s = 0; s < spec->shard_count; s++)
		r->shard[s].stalled = 0;
	for (uint32_t i = 0; i < 3000 && !rig_settled(r); i++) {
		rig_daemon(r);
		for (uint32_t s = 0; s < spec->shard_count; s++)
			step(r, s, 0);
		rig_sound(r);
	}
	assert_true(rig_settled(r));
	/* Owners make no more; what is under way runs home. */
	for (uint32_t s = 0; s < spec->shard_count; s++)
		wire_store(&r->shard[s].orders->freeze, 1);
	for (uint32_t i = 0; i < 3000; i++)
		for (uint32_t s = 0; s < spec->shard_count; s++) {
			wire_store(&r->shard[s].orders->seq,
				   wire_load(&r->shard[s].orders->seq) + 1);
			step(r, s, 0);
		}
	rig_exact(r);
	for (uint32_t p = 0; p < r->plan->pool_count; p++)
		if (rig_pool(r, r->plan->pool[p].owner)->free_count != r->plan->pool[p].frame_count)
			fail_msg("seed %llu: %u of %u frames are home", (unsigned long long)seed,
				 rig_pool(r, r->plan->pool[p].owner)->free_count,
				 r->plan->pool[p].frame_count);
	rig_free(r);
}

static const struct rig_spec chain = {
	.shard_count = 4,
	.pool = { { .owner = 0, .frames = 24, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 24 },
		     { 1, 2, .slots = 8, .pools = RIG_POOL0, .lend = 24 },
		     { 2, 3, .slots = 8, .pools = RIG_POOL0, .lend = 24 } },
};

static const struct rig_spec fan_out = {
	.shard_count = 4,
	.pool = { { .owner = 0, .frames = 24, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 24 },
		     { 1, 2, .slots = 8, .pools = RIG_POOL0, .lend = 12 },
		     { 1, 3, .slots = 8, .pools = RIG_POOL0, .lend = 12 } },
};

/* Shard 3 has frames of one pool from two lenders, of which one may lend few. */
static const struct rig_spec fan_in = {
	.shard_count = 5,
	.pool = { { .owner = 0, .frames = 32, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 20 },
		     { 0, 2, .slots = 8, .pools = RIG_POOL0, .lend = 4 },
		     { 1, 3, .slots = 8, .pools = RIG_POOL0, .lend = 20 },
		     { 2, 3, .slots = 8, .pools = RIG_POOL0, .lend = 4 },
		     { 3, 4, .slots = 16, .pools = RIG_POOL0, .lend = 24 } },
};

static const struct rig_spec two_pools = {
	.shard_count = 4,
	.pool = { { .owner = 0, .frames = 16, .bytes = 256 },
		  { .owner = 1, .frames = 16, .bytes = 512 } },
	.channel = { { 0, 2, .slots = 8, .pools = RIG_POOL0, .lend = 16 },
		     { 1, 2, .slots = 8, .pools = RIG_POOL1, .lend = 16 },
		     { 2, 3, .slots = 16, .pools = RIG_POOL0 | RIG_POOL1, .lend = 20 } },
};

/* Receiving and sending in one shard: the owner is the last on its frames' way. */
static const struct rig_spec ring = {
	.shard_count = 3,
	.pool = { { .owner = 0, .frames = 24, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 24 },
		     { 1, 2, .slots = 8, .pools = RIG_POOL0, .lend = 24 },
		     { 2, 0, .slots = 8, .pools = RIG_POOL0, .lend = 24 } },
};

static void many(const struct rig_spec *spec, uint32_t mortality)
{
	const char *one = getenv("VANITY_SEED");

	if (one) {
		chaos(spec, strtoull(one, NULL, 10), 4000, mortality);
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		chaos(spec, seed, 4000, mortality);
}

static void a_chain_survives_deaths_at_any_touch(void **state)
{
	(void)state;
	many(&chain, 60);
}

static void a_fan_out_survives_deaths_at_any_touch(void **state)
{
	(void)state;
	many(&fan_out, 60);
}

static void a_fan_in_survives_deaths_at_any_touch(void **state)
{
	(void)state;
	many(&fan_in, 60);
}

static void two_pools_survive_deaths_at_any_touch(void **state)
{
	(void)state;
	many(&two_pools, 60);
}

static void a_ring_through_the_owner_survives_deaths_at_any_touch(void **state)
{
	(void)state;
	many(&ring, 60);
}

static void a_chain_survives_deaths_that_follow_each_other_closely(void **state)
{
	(void)state;
	many(&chain, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_survives_deaths_at_any_touch),
		cmocka_unit_test(a_fan_out_survives_deaths_at_any_touch),
		cmocka_unit_test(a_fan_in_survives_deaths_at_any_touch),
		cmocka_unit_test(two_pools_survive_deaths_at_any_touch),
		cmocka_unit_test(a_ring_through_the_owner_survives_deaths_at_any_touch),
		cmocka_unit_test(a_chain_survives_deaths_that_follow_each_other_closely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
