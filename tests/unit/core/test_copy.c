/* SPDX-License-Identifier: Apache-2.0 */
/* `copy = POOL`: what a shard takes is its own, whoever writes the lender's pool. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

static const struct rig_spec wall = {
	.shard_count = 3,
	.pool = { { .owner = 0, .frames = 40, .bytes = 256 },
		  { .owner = 1, .frames = 6, .bytes = 512 } },
	.channel = { { 0, 1, .slots = 16, .pools = RIG_POOL0, .lend = 16, .copy = 2 },
		     { 1, 2, .slots = 8, .pools = RIG_POOL1, .lend = 6 } },
};

/* The second way leads back: the owner copies its own frames. */
static const struct rig_spec round_trip = {
	.shard_count = 2,
	.pool = { { .owner = 0, .frames = 16, .bytes = 256 },
		  { .owner = 0, .frames = 4, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 16 },
		     { 1, 0, .slots = 8, .pools = RIG_POOL0, .lend = 16, .copy = 2 } },
};

static struct rig *system_new(const struct rig_spec *spec)
{
	struct rig *r = rig_new(spec);

	rig_start(r);
	return r;
}

static uint8_t *send_one(struct rig *r, uint32_t offset, uint32_t length, int fill)
{
	struct vanity_ref ref;
	uint8_t *bytes;

	assert_int_equal(vanity_frame_take(rig_pool(r, 0), &ref, 1), 1);
	ref.offset = (uint16_t)offset;
	ref.length = length;
	ref.flags = 0x1234;
	ref.tag = 0x89abcdef;
	bytes = vanity_ref_write(r->shard[0].self, &ref);
	memset(bytes, fill, length);
	vanity_tx_put(rig_tx(r, 0), &ref);
	vanity_tx_publish(rig_tx(r, 0));
	return bytes;
}

static void finish(struct rig *r)
{
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), NULL, 0), 0);
	rig_turns(r);
	rig_check(r);
	rig_sound(r);
}

static void what_is_taken_cannot_be_changed_by_who_sent_it(void **state)
{
	struct rig *r = system_new(&wall);
	const struct plan_pool *own = &r->plan->pool[1];
	uint8_t *theirs = send_one(r, 13, 100, 0x5a);
	const uint8_t *ours;
	struct vanity_ref ref;

	(void)state;
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), &ref, 1), 1);
	assert_in_range(ref.frame, own->first_frame, own->first_frame + own->frame_count - 1);
	assert_int_equal(ref.offset, 13);
	assert_int_equal(ref.length, 100);
	assert_int_equal(ref.flags, 0x1234);
	assert_int_equal(ref.tag, 0x89abcdef);
	assert_int_equal(vanity_ref_frame_bytes(r->shard[1].self, &ref), 512);
	ours = vanity_ref_read(rig_rx(r, 0), &ref);
	memset(theirs, 0xff, 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(ours[i], 0x5a);
	/* It may be written, being ours, and goes on as ours. */
	assert_ptr_equal(vanity_ref_write(r->shard[1].self, &ref), ours);
	vanity_tx_put(rig_tx(r, 1), &ref);
	vanity_tx_publish(rig_tx(r, 1));
	finish(r);
	assert_int_equal(rig_drain(r, 1, 8), 1);
	rig_turns(r);
	rig_exact(r);
	assert_int_equal(wire_load(&rig_cell(r, 0, LIFE_CONSUMER)->copied), 1);
	rig_free(r);
}

static void the_original_goes_home_with_the_end_of_its_burst_and_not_before(void **state)
{
	struct rig *r = system_new(&wall);
	struct vanity_ref ref[4];

	(void)state;
	assert_int_equal(rig_send(r, 0, 4, 0), 4);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 4), 4);
	/* What is asked of the output in between publishes lanes, and not these. */
	(void)vanity_tx_room(rig_tx(r, 1), 64);
	rig_turns(r);
	assert_int_equal(rig_tx(r, 0)->lent_count, 4);
	for (uint32_t i = 0; i < 4; i++)
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	rig_check(r);
	finish(r);
	assert_int_equal(rig_tx(r, 0)->lent_count, 0);
	assert_int_equal(rig_free_frames(r, 0), 40);
	assert_int_equal(rig_free_frames(r, 1), 6);
	rig_exact(r);
	rig_free(r);
}

static void without_a_frame_to_copy_into_all_waits_and_nothing_is_lost(void **state)
{
	struct rig *r = system_new(&wall);
	struct vanity_ref ref[16];
	uint32_t seen = 0;

	(void)state;
	assert_int_equal(rig_send(r, 0, 10, 0), 10);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 16), 6);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref + 6, 10), 0);
	assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_OK);
	for (uint32_t i = 0; i < 6; i++, seen++) {
		assert_int_equal(ref[i].tag, seen);
		vanity_tx_put(rig_tx(r, 1), &ref[i]);
	}
	vanity_tx_publish(rig_tx(r, 1));
	finish(r);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 16), 0);
	/* Room wakes it: its output's lane. */
	assert_int_equal(rig_drain(r, 1, 2), 2);
	(void)rig_turn(r, 2);
	assert_int_equal(vanity_rx_take(rig_rx(r, 1), NULL, 0), 0);
	(void)rig_turn(r, 1);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 16), 2);
	for (uint32_t i = 0; i < 2; i++, seen++) {
		assert_int_equal(ref[i].tag, seen);
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	}
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 16), 2);
	for (uint32_t i = 0; i < 2; i++, seen++) {
		assert_int_equal(ref[i].tag, seen);
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	}
	(void)rig_drain(r, 1, 8);
	finish(r);
	rig_exact(r);
	rig_free(r);
}

static void a_claim_that_cannot_be_is_refused_before_a_byte_is_copied(void **state)
{
	static const struct {
		uint32_t frame, offset, length;
	} bad[] = {
		{ 0, 200, 57 }, { 0, 0, 257 }, { 0, 0, 0xffffffff }, { 0, 0xffff, 0 }, { 60, 0, 1 }
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rig *r = system_new(&wall);
		struct vanity_ref ref[2];
		wire_u64 *slot = rig_slots(r, 0);
		uint64_t lap = slot_lap(&rig_rx(r, 0)->ch.slots, 1);
		uint32_t frame = r->plan->pool[0].first_frame + 1 + bad[i].frame;

		send_one(r, 0, 10, 1);
		wire_store(&slot[3], bad[i].length);
		wire_store(&slot[2], lap | (uint64_t)bad[i].offset << 32 | frame);
		wire_store(&rig_wire_tx(r, 0)->tail, 2);
		assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 2), 1);
		assert_int_not_equal(rig_rx(r, 0)->ch.fault, CHANNEL_OK);
		assert_int_equal(rig_free_frames(r, 1), 5);
		vanity_rx_give_back(rig_rx(r, 0), &ref[0], VANITY_DONE);
		assert_int_equal(rig_free_frames(r, 1), 6);
		rig_free(r);
	}
}

static void one_frame_named_over_and_over_costs_its_lender_alone(void **state)
{
	struct rig *r = system_new(&wall);
	struct vanity_ref ref[2];
	wire_u64 *slot = rig_slots(r, 0);

	(void)state;
	send_one(r, 0, 10, 1);
	wire_store(&slot[3], 10);
	wire_store(&slot[2], slot_lap(&rig_rx(r, 0)->ch.slots, 1) | (uint32_t)wire_load(&slot[0]));
	wire_store(&rig_wire_tx(r, 0)->tail, 2);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 2), 1);
	assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_FRAME_TWICE);
	vanity_rx_give_back(rig_rx(r, 0), &ref[0], VANITY_DONE);
	assert_int_equal(rig_free_frames(r, 1), 6);
	rig_free(r);
}

static void an_owner_copies_what_comes_back_to_it(void **state)
{
	struct rig *r = system_new(&round_trip);
	struct vanity_ref ref[4];

	(void)state;
	assert_int_equal(rig_send(r, 0, 3, 0), 3);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 4), 3);
	for (uint32_t i = 0; i < 3; i++)
		vanity_tx_put(rig_tx(r, 1), &ref[i]);
	vanity_tx_publish(rig_tx(r, 1));
	assert_int_equal(vanity_rx_take(rig_rx(r, 1), ref, 4), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_in_range(ref[i].frame, r->plan->pool[1].first_frame,
				r->plan->pool[1].first_frame + 3);
		vanity_rx_give_back(rig_rx(r, 1), &ref[i], VANITY_DONE);
	}
	assert_int_equal(vanity_rx_take(rig_rx(r, 1), ref, 4), 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 4), 0);
	rig_turns(r);
	rig_check(r);
	rig_exact(r);
	assert_int_equal(rig_free_frames(r, 0), 16);
	rig_free(r);
}

static void a_frame_that_is_no_copy_cannot_be_given_back(void **state)
{
	struct rig *r = system_new(&wall);
	struct vanity_ref ref;
	jmp_buf fault;

	(void)state;
	send_one(r, 0, 10, 1);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), &ref, 1), 1);
	ref.frame = r->plan->pool[0].first_frame;
	r->fault = &fault;
	if (setjmp(fault) == 0) {
		vanity_rx_give_back(rig_rx(r, 0), &ref, VANITY_DONE);
		fail_msg("it was taken");
	}
	assert_int_equal(r->faulted, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_cannot_be_changed_by_who_sent_it),
		cmocka_unit_test(the_original_goes_home_with_the_end_of_its_burst_and_not_before),
		cmocka_unit_test(without_a_frame_to_copy_into_all_waits_and_nothing_is_lost),
		cmocka_unit_test(a_claim_that_cannot_be_is_refused_before_a_byte_is_copied),
		cmocka_unit_test(one_frame_named_over_and_over_costs_its_lender_alone),
		cmocka_unit_test(an_owner_copies_what_comes_back_to_it),
		cmocka_unit_test(a_frame_that_is_no_copy_cannot_be_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
