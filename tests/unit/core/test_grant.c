/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as core hands them out: by name, with the plan's memory; links; frames claimed back. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

/* Shard 0 owns 70 frames and an xdp device, and lends to 1. */
static const struct rig_spec spec = {
	.shard_count = 3,
	.pool = { { .owner = 0, .frames = 70, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 64, .pools = RIG_POOL0, .lend = 40 },
		     { 1, 2, .slots = 64, .pools = RIG_POOL0, .lend = 40 } },
	.device = { { VANITY_GRANT_LOOP, 0, .keeps_fd = 0 },
		    { VANITY_GRANT_XDP, 0, .keeps_fd = 1 },
		    { VANITY_GRANT_TAP, 1, .keeps_fd = 1 } },
};

static void a_device_is_found_by_its_name_with_the_memory_of_the_plan(void **state)
{
	struct rig *r = rig_new(&spec);
	const struct vanity_grant *g;

	(void)state;
	rig_start(r);
	g = vanity_grant(r->shard[0].self, "d1");
	assert_ptr_equal(g, vanity_grant_at(r->shard[0].self, 1));
	assert_string_equal(g->name, "d1");
	assert_ptr_equal(g->keep, r->region[r->plan->device[1].region]);
	assert_int_equal(g->keep_bytes, r->plan->region[r->plan->device[1].region].bytes);
	assert_ptr_equal(g->pool, vanity_pool(r->shard[0].self, "p0"));
	assert_ptr_equal(g->pool_base, r->region[r->plan->pool[0].region]);
	assert_int_equal(g->pool_first, r->plan->pool[0].first_frame);
	assert_int_equal(g->pool_frames, 70);
	g = vanity_grant(r->shard[0].self, "d0");
	assert_null(g->keep);
	assert_null(g->pool);
	assert_null(vanity_grant_at(r->shard[0].self, 2));
	assert_string_equal(vanity_grant_at(r->shard[1].self, 0)->name, "d2");
	assert_null(vanity_grant_at(r->shard[2].self, 0));
	rig_free(r);
}

static void a_device_of_another_shard_is_not_to_be_had(void **state)
{
	struct rig *r = rig_new(&spec);
	jmp_buf fault;

	(void)state;
	rig_start(r);
	r->fault = &fault;
	if (setjmp(fault) == 0) {
		(void)vanity_grant(r->shard[0].self, "d2");
		fail_msg("it was granted");
	}
	assert_string_equal(r->words, "this shard is granted no device d2");
	rig_free(r);
}

static void a_link_is_what_the_daemon_says_and_at_first_what_was_found(void **state)
{
	struct rig *r = rig_new(&spec);
	struct vanity_shard *self;
	const struct vanity_grant *g;
	wire_u64 *word;
	uint32_t mtu;

	(void)state;
	rig_start(r);
	r->facts.mtu = 1500;
	self = r->shard[0].self;
	g = vanity_grant(self, "d1");
	word = &r->shard[0].orders->link[1];
	assert_int_equal(vanity_grant_link(self, g, &mtu), VANITY_LINK_UP);
	assert_int_equal(mtu, 1500);
	wire_store(word, ORDERS_LINK(VANITY_LINK_DOWN, 9000));
	assert_int_equal(vanity_grant_link(self, g, &mtu), VANITY_LINK_DOWN);
	assert_int_equal(mtu, 9000);
	wire_store(word, ORDERS_LINK(VANITY_LINK_GONE, 0));
	assert_int_equal(vanity_grant_link(self, g, &mtu), VANITY_LINK_GONE);
	assert_int_equal(mtu, 1500);
	/* A word without meaning says nothing. */
	wire_store(word, ORDERS_LINK(VANITY_LINK_GONE + 1, 600));
	assert_int_equal(vanity_grant_link(self, g, &mtu), VANITY_LINK_UP);
	/* One device's word is not another's. */
	wire_store(word, ORDERS_LINK(VANITY_LINK_DOWN, 600));
	assert_int_equal(vanity_grant_link(self, vanity_grant(self, "d0"), &mtu), VANITY_LINK_UP);
	assert_int_equal(mtu, 1500);
	rig_free(r);
}

static void bit_set(uint64_t *bits, uint32_t n)
{
	bits[n / 64] |= 1ull << (n % 64);
}

static bool bit_is(const uint64_t *bits, uint32_t n)
{
	return bits[n / 64] >> (n % 64) & 1;
}

/* Shard 0 is killed with 3 frames lent; its successor has entered and is not ready. */
static struct rig *successor(uint32_t *ret_lent)
{
	struct rig *r = rig_new(&spec);
	struct vanity_ref ref[3];

	rig_start(r);
	assert_int_equal(rig_send(r, 0, 3, 0), 3);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 3), 3);
	for (uint32_t i = 0; i < 3; i++)
		ret_lent[i] = ref[i].frame - r->plan->pool[0].first_frame;
	rig_kill(r, 0);
	rig_order(r, 0, LIFE_CONSUMER, ORDER_DETACH, 2);
	rig_turns(r);
	rig_raise(r, 0);
	rig_order(r, 0, LIFE_PRODUCER, ORDER_RESUME, 2);
	rig_go(r, 0);
	return r;
}

static void a_successor_claims_what_the_device_still_has(void **state)
{
	uint32_t lent[3];
	struct rig *r = successor(lent);
	struct vanity_pool *pool = vanity_pool(r->shard[0].self, "p0");
	uint64_t bits[2] = { 0 }, asked = 0;
	struct vanity_ref ref[70];

	(void)state;
	assert_int_equal(rig_free_frames(r, 0), 67);
	for (uint32_t n = 60; n < 70; n++) {
		if (n == lent[0] || n == lent[1] || n == lent[2])
			continue;
		bit_set(bits, n);
		asked++;
	}
	assert_int_equal(vanity_pool_claim(pool, bits), asked);
	assert_int_equal(rig_free_frames(r, 0), 67 - asked);
	rig_check(r);
	rig_ready(r, 0);
	/* Nobody else gets them, and they come home like any other frame. */
	assert_int_equal(vanity_frame_take(pool, ref, 70), 67 - asked);
	for (uint32_t i = 0; i < 67 - asked; i++) {
		assert_false(bit_is(bits, ref[i].frame - r->plan->pool[0].first_frame));
		vanity_frame_drop(pool, &ref[i], 0);
	}
	for (uint32_t n = 60; n < 70; n++) {
		if (!bit_is(bits, n))
			continue;
		ref[0] = (struct vanity_ref){ .frame = r->plan->pool[0].first_frame + n };
		vanity_frame_drop(pool, &ref[0], 0);
	}
	assert_int_equal(rig_free_frames(r, 0), 67);
	rig_check(r);
	rig_free(r);
}

static void what_a_borrower_has_or_no_pool_has_is_not_claimed(void **state)
{
	uint32_t lent[3];
	struct rig *r = successor(lent);
	struct vanity_pool *pool = vanity_pool(r->shard[0].self, "p0");
	uint64_t bits[2] = { ~0ull, ~0ull };

	(void)state;
	assert_int_equal(vanity_pool_claim(pool, bits), 67);
	for (uint32_t n = 0; n < 128; n++)
		assert_int_equal(bit_is(bits, n),
				 n < 70 && n != lent[0] && n != lent[1] && n != lent[2]);
	assert_int_equal(rig_free_frames(r, 0), 0);
	rig_check(r);
	rig_free(r);
}

static void a_frame_is_claimed_once(void **state)
{
	uint32_t lent[3];
	struct rig *r = successor(lent);
	struct vanity_pool *pool = vanity_pool(r->shard[0].self, "p0");
	uint64_t bits[2] = { 0 }, again[2] = { 0 };
	uint32_t mine = 0, other = 1;

	(void)state;
	while (mine == lent[0] || mine == lent[1] || mine == lent[2])
		mine++;
	other = mine + 1;
	while (other == lent[0] || other == lent[1] || other == lent[2])
		other++;
	bit_set(bits, mine);
	assert_int_equal(vanity_pool_claim(pool, bits), 1);
	/* The other posting names it too, and one more. */
	bit_set(again, mine);
	bit_set(again, other);
	assert_int_equal(vanity_pool_claim(pool, again), 1);
	assert_false(bit_is(again, mine));
	assert_true(bit_is(again, other));
	assert_int_equal(rig_free_frames(r, 0), 65);
	rig_free(r);
}

static void claimed_frames_count_as_held(void **state)
{
	uint32_t lent[3];
	struct rig *r = successor(lent);
	struct vanity_pool *pool = vanity_pool(r->shard[0].self, "p0");
	const struct cell_pool *sums = &r->shard[0].cell->pool[0];
	uint64_t bits[2] = { ~0ull, 0 };
	uint32_t claimed = vanity_pool_claim(pool, bits);

	(void)state;
	rig_ready(r, 0);
	rig_order(r, 0, LIFE_CONSUMER, ORDER_JOIN, 2);
	rig_turns(r);
	wire_store(&r->shard[0].orders->verify, 1);
	wire_store_release(&r->shard[0].orders->seq, wire_load(&r->shard[0].orders->seq) + 1);
	(void)rig_turn(r, 0);
	assert_int_equal(wire_load(&r->shard[0].cell->verified), 1);
	assert_int_equal(wire_load(&sums->total), 70);
	assert_int_equal(wire_load(&sums->lent), 3);
	assert_int_equal(wire_load(&sums->held), claimed);
	assert_int_equal(wire_load(&sums->free), 67 - claimed);
	rig_free(r);
}

static void frozen_is_who_is_verified_or_drained(void **state)
{
	struct rig *r = rig_new(&spec);
	struct orders *o;

	(void)state;
	rig_start(r);
	o = r->shard[0].orders;
	assert_false(vanity_frozen(r->shard[0].self));
	wire_store(&o->freeze, 1);
	wire_store_release(&o->seq, wire_load(&o->seq) + 1);
	assert_false(vanity_frozen(r->shard[0].self)); /* at its next turn */
	assert_true(rig_turn(r, 0));
	assert_true(vanity_frozen(r->shard[0].self));
	wire_store(&o->freeze, 0);
	wire_store_release(&o->seq, wire_load(&o->seq) + 1);
	assert_true(rig_turn(r, 0));
	assert_false(vanity_frozen(r->shard[0].self));
	wire_store(&o->stop, 1);
	wire_store_release(&o->seq, wire_load(&o->seq) + 1);
	(void)rig_turn(r, 0);
	assert_true(vanity_frozen(r->shard[0].self));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_found_by_its_name_with_the_memory_of_the_plan),
		cmocka_unit_test(a_device_of_another_shard_is_not_to_be_had),
		cmocka_unit_test(a_link_is_what_the_daemon_says_and_at_first_what_was_found),
		cmocka_unit_test(a_successor_claims_what_the_device_still_has),
		cmocka_unit_test(what_a_borrower_has_or_no_pool_has_is_not_claimed),
		cmocka_unit_test(a_frame_is_claimed_once),
		cmocka_unit_test(claimed_frames_count_as_held),
		cmocka_unit_test(frozen_is_who_is_verified_or_drained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
