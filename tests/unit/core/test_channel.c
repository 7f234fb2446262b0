/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of an open channel: order and content, back-pressure, custody, wake-ups; and each
 * claim that cannot be true, written straight into the hostile end's words.
 */
#include "rig.h"

#include "core/wait.h"

#include <stdlib.h>
#include <string.h>

static const struct rig_spec pair = {
	.shard_count = 2,
	.pool = { { .owner = 0, .frames = 40, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 16 } },
};

static const struct rig_spec chain = {
	.shard_count = 3,
	.pool = { { .owner = 0, .frames = 40, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 16 },
		     { 1, 2, .slots = 8, .pools = RIG_POOL0, .lend = 16 } },
};

static const struct rig_spec ring = {
	.shard_count = 2,
	.pool = { { .owner = 0, .frames = 16, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 16 },
		     { 1, 0, .slots = 8, .pools = RIG_POOL0, .lend = 16 } },
};

static const struct rig_spec plain = {
	.shard_count = 2,
	.channel = { { 0, 1, .slots = 8, .slot_bytes = 24 } },
};

static struct rig *system_new(const struct rig_spec *spec)
{
	struct rig *r = rig_new(spec);

	rig_start(r);
	for (uint32_t i = 0; i < r->plan->channel_count; i++)
		assert_true(rig_rx(r, i)->ch.open && rig_tx(r, i)->ch.open);
	return r;
}

static void look(struct rig *r, uint32_t channel)
{
	assert_int_equal(vanity_rx_take(rig_rx(r, channel), NULL, 0), 0);
}

/* A slot as a peer of any morals may write it. */
static void slot_store(struct rig *r, uint32_t channel, uint64_t at, uint32_t frame,
		       uint32_t offset, uint32_t length)
{
	uint64_t lap = slot_lap(&rig_rx(r, channel)->ch.slots, at);
	wire_u64 *slot = &rig_slots(r, channel)[(at & rig_rx(r, channel)->ch.slots.mask) * 2];

	wire_store(&slot[1], length);
	wire_store(&slot[0], lap | (uint64_t)offset << 32 | frame);
}

/* --- order and content ----------------------------------------------------------------------- */

static void items_come_in_order_and_whole_at_every_burst(void **state)
{
	static const uint32_t burst[] = { 1, 2, 3, 5, 7, 8 };

	(void)state;
	for (uint32_t b = 0; b < 6; b++) {
		struct rig *r = system_new(&pair);
		uint32_t sent = 0, seen = 0;

		while (seen < 100) {
			struct vanity_ref ref[8];
			uint32_t n = vanity_tx_room(rig_tx(r, 0), burst[b]);

			n = vanity_frame_take(rig_pool(r, 0), ref, n);
			for (uint32_t i = 0; i < n; i++, sent++) {
				uint8_t *bytes;

				ref[i].offset = (uint16_t)(sent % 13);
				ref[i].length = 1 + sent % 100;
				ref[i].flags = (uint16_t)(sent * 321 & 0x7fff);
				ref[i].tag = sent * 0x9e3779b9u;
				bytes = vanity_ref_write(r->shard[0].self, &ref[i]);
				memset(bytes, (int)sent, ref[i].length);
				vanity_tx_put(rig_tx(r, 0), &ref[i]);
			}
			vanity_tx_publish(rig_tx(r, 0));
			n = vanity_rx_take(rig_rx(r, 0), ref, burst[(b + 2) % 6]);
			for (uint32_t i = 0; i < n; i++, seen++) {
				const uint8_t *bytes = vanity_ref_read(rig_rx(r, 0), &ref[i]);

				assert_int_equal(ref[i].offset, seen % 13);
				assert_int_equal(ref[i].length, 1 + seen % 100);
				assert_int_equal(ref[i].flags, seen * 321 & 0x7fff);
				assert_int_equal(ref[i].tag, seen * 0x9e3779b9u);
				for (uint32_t k = 0; k < ref[i].length; k++)
					assert_int_equal(bytes[k], seen & 0xff);
				vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
			}
			(void)rig_turn(r, 0);
			(void)rig_turn(r, 1);
			rig_check(r);
			rig_sound(r);
		}
		(void)rig_drain(r, 0, 40);
		rig_turns(r);
		rig_exact(r);
		rig_free(r);
	}
}

static void plain_slots_lose_their_top_bit_and_nothing_else(void **state)
{
	struct rig *r = system_new(&plain);
	uint64_t put[5][3], got[5][3];

	(void)state;
	assert_int_equal(vanity_rx_slot_bytes(rig_rx(r, 0)), 24);
	assert_int_equal(vanity_tx_slot_bytes(rig_tx(r, 0)), 24);
	for (uint32_t i = 0; i < 20; i++) {
		for (uint32_t k = 0; k < 15; k++)
			put[k / 3][k % 3] =
				k % 2 ? UINT64_MAX : 0xa5a5a5a5a5a5a5a5ull * (i + k + 1);
		assert_int_equal(vanity_slot_put(rig_tx(r, 0), put, 5), 5);
		vanity_tx_publish(rig_tx(r, 0));
		assert_int_equal(vanity_slot_take(rig_rx(r, 0), got, 5), 5);
		for (uint32_t k = 0; k < 15; k++)
			assert_int_equal(got[k / 3][k % 3],
					 k % 3 ? put[k / 3][k % 3] : put[k / 3][k % 3] << 1 >> 1);
		assert_int_equal(vanity_slot_take(rig_rx(r, 0), got, 5), 0);
	}
	rig_free(r);
}

static void plain_slots_fill_up_and_wait_or_drop(void **state)
{
	(void)state;
	for (uint32_t drop = 0; drop < 2; drop++) {
		struct rig_spec spec = plain;
		struct rig *r;
		uint64_t slots[12][3] = { { 0 } };

		spec.channel[0].full = drop ? PLAN_FULL_DROP : PLAN_FULL_WAIT;
		r = system_new(&spec);
		assert_int_equal(vanity_slot_put(rig_tx(r, 0), slots, 12), drop ? 12 : 8);
		assert_int_equal(wire_load(&rig_cell(r, 0, LIFE_PRODUCER)->dropped), drop ? 4 : 0);
		vanity_tx_publish(rig_tx(r, 0));
		assert_int_equal(vanity_slot_take(rig_rx(r, 0), slots, 12), 8);
		rig_free(r);
	}
}

static void a_stale_plain_slot_breaks_the_channel_and_leaves_the_output_alone(void **state)
{
	struct rig *r = system_new(&plain);
	uint64_t put[3][3] = { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } };
	uint64_t got[3][3] = { { 77, 77, 77 }, { 77, 77, 77 }, { 77, 77, 77 } };

	(void)state;
	vanity_slot_put(rig_tx(r, 0), put, 3);
	vanity_tx_publish(rig_tx(r, 0));
	rig_order(r, 0, LIFE_CONSUMER, ORDER_DETACH, 2);
	(void)rig_turn(r, rig_rx(r, 0)->ch.self == r->shard[1].self ? 1 : 0);
	assert_int_equal(wire_load(&rig_wire_rx(r, 0)->cut), 3);
	/* Below its cut it was promised three. */
	wire_store(&rig_slots(r, 0)[3], 4);
	assert_int_equal(vanity_slot_take(rig_rx(r, 0), got, 3), 1);
	assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_SLOT_STALE);
	assert_int_equal(got[0][2], 3);
	assert_int_equal(got[1][0], 77);
	assert_int_equal(got[1][1], 77);
	rig_free(r);
}

/* --- back-pressure --------------------------------------------------------------------------- */

static void a_full_channel_waits_for_slots_and_then_for_frames(void **state)
{
	struct rig *r = system_new(&pair);
	struct vanity_ref ref[16];

	(void)state;
	assert_int_equal(rig_send(r, 0, 20, 0), 8);
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 8), 8);
	/* A burst is finished when the next is asked for: head, not taken, frees slots. */
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
	look(r, 0);
	assert_int_equal(rig_send(r, 0, 20, 0), 8);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref + 8, 8), 8);
	look(r, 0);
	/* Slots are free, and sixteen frames are out: `lend`. */
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
	vanity_rx_give_back(rig_rx(r, 0), &ref[3], VANITY_DONE);
	look(r, 0);
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 1);
	rig_check(r);
	rig_free(r);
}

static void a_full_channel_that_drops_gives_back_and_counts(void **state)
{
	struct rig_spec spec = pair;
	struct rig *r;

	(void)state;
	spec.channel[0].full = PLAN_FULL_DROP;
	r = system_new(&spec);
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 64), 64);
	assert_int_equal(rig_send(r, 0, 20, 0), 20);
	assert_int_equal(wire_load(&rig_cell(r, 0, LIFE_PRODUCER)->dropped), 12);
	assert_int_equal(rig_free_frames(r, 0), 32);
	rig_check(r);
	rig_free(r);
}

static void a_frozen_owner_hands_out_nothing(void **state)
{
	struct rig *r = system_new(&pair);

	(void)state;
	wire_store(&r->shard[0].orders->freeze, 1);
	wire_store(&r->shard[0].orders->seq, wire_load(&r->shard[0].orders->seq) + 1);
	(void)rig_turn(r, 0);
	assert_int_equal(rig_send(r, 0, 1, 0), 0);
	rig_free(r);
}

static void a_stop_waits_until_the_inputs_are_empty(void **state)
{
	struct rig *r = system_new(&pair);

	(void)state;
	rig_send(r, 0, 3, 0);
	wire_store(&r->shard[1].orders->stop, 1);
	wire_store(&r->shard[1].orders->seq, wire_load(&r->shard[1].orders->seq) + 1);
	assert_int_equal(rig_turn(r, 1), 1);
	assert_int_equal(rig_drain(r, 0, 8), 3);
	assert_int_equal(rig_turn(r, 1), 0);
	rig_send(r, 0, 3, 0);
	wire_store(&r->shard[1].orders->stop, 2);
	wire_store(&r->shard[1].orders->seq, wire_load(&r->shard[1].orders->seq) + 1);
	assert_int_equal(rig_turn(r, 1), 0);
	rig_free(r);
}

/* --- a hostile producer ---------------------------------------------------------------------- */

static void refused(struct rig *r, uint32_t fault)
{
	struct vanity_rx *rx = rig_rx(r, 0);
	struct vanity_ref ref[2] = { { .frame = 64, .tag = 65 }, { .frame = 66 } };
	uint64_t taken = rx->taken;
	uint32_t hand = rx->hand_count;

	assert_int_equal(vanity_rx_take(rx, ref, 2), 0);
	assert_int_equal(rx->ch.fault, fault);
	assert_int_equal(wire_load(&rx->ch.cell->broken) >> 56, fault);
	assert_int_equal(wire_load(&rx->ch.cell->faults), 1);
	assert_int_equal(ref[0].frame, 64);
	assert_int_equal(ref[0].tag, 65);
	assert_int_equal(rx->taken, taken);
	assert_int_equal(rx->hand_count, hand);
	assert_int_equal(wire_load(&rig_wire_rx(r, 0)->taken), taken);
	/* Empty from now on, whatever the peer says next. */
	slot_store(r, 0, taken, 1, 0, 64);
	assert_int_equal(vanity_rx_take(rx, ref, 2), 0);
	assert_int_equal(wire_load(&rx->ch.cell->faults), 1);
	rig_check(r);
}

static void rx_take_believes_no_tail(void **state)
{
	static const uint64_t tail[] = { 0, 7, 25, 26, 1ull << 32, 1ull << 63, UINT64_MAX };

	(void)state;
	for (uint32_t i = 0; i < 7; i++) {
		struct rig *r = system_new(&pair);
		struct vanity_ref ref[8];

		for (uint32_t lap = 0; lap < 3; lap++) {
			assert_int_equal(rig_send(r, 0, 8, 0), 8);
			assert_int_equal(rig_drain(r, 0, 8), 8);
			(void)rig_turn(r, 0);
		}
		/* What stands in the slots is from the lap before. */
		wire_store(&rig_wire_tx(r, 0)->tail, tail[i]);
		assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 8), 0);
		assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_OK);
		rig_check(r);
		rig_free(r);
	}
}

static void rx_take_stops_at_the_first_slot_of_another_lap(void **state)
{
	struct rig *r = system_new(&pair);
	struct vanity_ref ref[8];

	(void)state;
	assert_int_equal(rig_send(r, 0, 3, 0), 3);
	/* Beyond one that is not written lies one that looks so: nothing says that it is. */
	slot_store(r, 0, 4, 30, 0, 64);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 8), 3);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref + 3, 5), 0);
	assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_OK);
	rig_free(r);
}

/* What is put is not seen before it is published, or before the stage is full. */
static void frames_are_seen_when_they_are_published(void **state)
{
	struct rig_spec spec = pair;
	struct rig *r;
	struct vanity_ref ref[VANITY_BURST_MAX + 2];
	uint32_t n = VANITY_BURST_MAX + 2;

	(void)state;
	spec.channel[0].slots = 128;
	spec.channel[0].lend = 100;
	spec.pool[0].frames = 128;
	r = system_new(&spec);
	assert_int_equal(vanity_frame_take(rig_pool(r, 0), ref, n), n);
	for (uint32_t i = 0; i < n; i++) {
		vanity_tx_put(rig_tx(r, 0), &ref[i]);
		if (i < VANITY_BURST_MAX - 1)
			assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 0), 0);
		assert_int_equal(slot_ready(&rig_rx(r, 0)->ch.slots, rig_slots(r, 0), 0),
				 i >= VANITY_BURST_MAX - 1);
	}
	assert_false(slot_ready(&rig_rx(r, 0)->ch.slots, rig_slots(r, 0), VANITY_BURST_MAX));
	vanity_tx_publish(rig_tx(r, 0));
	assert_true(slot_ready(&rig_rx(r, 0)->ch.slots, rig_slots(r, 0), VANITY_BURST_MAX + 1));
	assert_int_equal(wire_load(&rig_wire_tx(r, 0)->tail), n);
	rig_check(r);
	rig_free(r);
}

/* Room is news for the other side: told when a part of the slots is free, or nothing is to do. */
static void room_is_told_by_the_eighth_and_when_there_is_nothing_to_do(void **state)
{
	struct rig_spec spec = pair;
	struct rig *r;
	struct vanity_ref ref[VANITY_BURST_MAX];

	(void)state;
	spec.channel[0].slots = 64;
	spec.channel[0].lend = 64;
	spec.pool[0].frames = 64;
	r = system_new(&spec);
	assert_int_equal(rig_send(r, 0, 24, 0), 24);
	for (uint32_t i = 0; i < 24; i++) {
		assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 1), 1);
		vanity_rx_give_back(rig_rx(r, 0), ref, VANITY_DONE);
		assert_int_equal(wire_load(&rig_wire_rx(r, 0)->head), i);
		assert_int_equal(wire_load(&rig_wire_rx(r, 0)->room), i / 8 * 8);
	}
	look(r, 0);
	assert_int_equal(wire_load(&rig_wire_rx(r, 0)->room), 24);
	rig_free(r);
}

static void rx_take_refuses_a_frame_outside_the_channels_pools(void **state)
{
	uint32_t frame[] = { 0, 2, 43, 1u << 24, UINT32_MAX };

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		struct rig *r = system_new(&pair);

		slot_store(r, 0, 0, frame[i], 0, 64);
		wire_store(&rig_wire_tx(r, 0)->tail, 1);
		refused(r, CHANNEL_FRAME_UNKNOWN);
		rig_free(r);
	}
}

static void rx_take_refuses_bytes_beyond_the_frame(void **state)
{
	static const uint32_t row[][2] = {
		{ 0, 257 }, { 1, 256 }, { 256, 1 }, { 65535, UINT32_MAX }, { 0, UINT32_MAX },
	};

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		struct rig *r = system_new(&pair);

		slot_store(r, 0, 0, 3, row[i][0], row[i][1]);
		wire_store(&rig_wire_tx(r, 0)->tail, 1);
		refused(r, CHANNEL_FRAME_BOUNDS);
		rig_free(r);
	}
}

static void rx_take_accepts_the_last_byte_of_a_frame(void **state)
{
	struct rig *r = system_new(&pair);
	struct vanity_ref ref[2];

	(void)state;
	slot_store(r, 0, 0, 3, 0, 256);
	slot_store(r, 0, 1, 42, 256, 0);
	wire_store(&rig_wire_tx(r, 0)->tail, 2);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 2), 2);
	rig_free(r);
}

static void rx_take_refuses_a_frame_it_holds_already(void **state)
{
	struct rig *r = system_new(&pair);
	struct vanity_ref ref[2];

	(void)state;
	rig_send(r, 0, 1, 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 2), 1);
	slot_store(r, 0, 1, ref[0].frame, 0, 64);
	wire_store(&rig_wire_tx(r, 0)->tail, 2);
	refused(r, CHANNEL_FRAME_TWICE);
	rig_free(r);
}

static void rx_take_hands_out_what_came_before_the_false_one(void **state)
{
	struct rig *r = system_new(&pair);
	struct vanity_ref ref[4] = { { .frame = 0 }, { .frame = 0 }, { .frame = 99 } };

	(void)state;
	rig_send(r, 0, 4, 0);
	slot_store(r, 0, 2, UINT32_MAX, 0, 64);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 4), 2);
	assert_int_equal(ref[2].frame, 99);
	assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_FRAME_UNKNOWN);
	assert_int_equal(wire_load(&rig_wire_rx(r, 0)->taken), 2);
	for (uint32_t i = 0; i < 2; i++)
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	rig_check(r);
	rig_free(r);
}

static void rx_take_refuses_more_frames_than_may_be_lent(void **state)
{
	struct rig *r = system_new(&pair);
	struct vanity_ref ref[20];
	uint32_t n = 0;

	(void)state;
	for (uint64_t at = 0; at < 24; at += 8) {
		for (uint32_t i = 0; i < 8; i++)
			slot_store(r, 0, at + i, 3 + (uint32_t)at + i, 0, 64);
		wire_store(&rig_wire_tx(r, 0)->tail, at + 8);
		n += vanity_rx_take(rig_rx(r, 0), ref + n, 4);
		n += vanity_rx_take(rig_rx(r, 0), ref + n, 4);
		(void)vanity_rx_take(rig_rx(r, 0), NULL, 0);
	}
	assert_int_equal(n, 16);
	assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_LEND_EXCEEDED);
	rig_check(r);
	rig_free(r);
}

/* The last hop of a ring: the owner may get its own frames, and only those it has lent. */
static void an_owner_takes_its_own_lent_frame_and_no_free_one(void **state)
{
	struct rig *r = system_new(&ring);
	struct vanity_ref ref[2];
	struct vanity_rx *rx = rig_rx(r, 1);

	(void)state;
	rig_send(r, 0, 2, 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 2), 2);
	vanity_tx_put(rig_tx(r, 1), &ref[0]);
	vanity_tx_publish(rig_tx(r, 1));
	assert_int_equal(vanity_rx_take(rx, ref, 2), 1);
	rig_check(r);
	/* Named again while it is a guest, and one that lies free in its pool. */
	slot_store(r, 1, 1, rig_pool(r, 0)->free[0], 0, 64);
	wire_store(&rig_wire_tx(r, 1)->tail, 2);
	assert_int_equal(vanity_rx_take(rx, ref + 1, 1), 0);
	assert_int_equal(rx->ch.fault, CHANNEL_FRAME_TWICE);
	rig_check(r);
	/* It can still hand out all that is free. */
	assert_int_equal(rig_free_frames(r, 0), 14);
	vanity_rx_give_back(rx, &ref[0], VANITY_DONE);
	for (uint32_t i = 0; i < 14; i++)
		assert_int_equal(vanity_frame_take(rig_pool(r, 0), ref, 1), 1);
	rig_check(r);
	rig_free(r);
}

/* --- a hostile consumer ---------------------------------------------------------------------- */

static void room_that_cannot_be_breaks_the_channel_for_its_writer(void **state)
{
	static const uint64_t room[] = { 9, 1ull << 40, UINT64_MAX, 1ull << 63 };

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct rig *r = system_new(&pair);

		assert_int_equal(rig_send(r, 0, 8, 0), 8);
		wire_store(&rig_wire_rx(r, 0)->room, room[i]);
		assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
		assert_int_equal(rig_tx(r, 0)->ch.fault, CHANNEL_ROOM_BEYOND_TAIL);
		/* Full from now on. */
		wire_store(&rig_wire_rx(r, 0)->room, 8);
		assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
		assert_int_equal(rig_send(r, 0, 4, 0), 0);
		rig_check(r);
		rig_free(r);
	}
}

static void room_that_runs_backwards_breaks_the_channel(void **state)
{
	struct rig *r = system_new(&pair);

	(void)state;
	rig_send(r, 0, 8, 0);
	rig_drain(r, 0, 8);
	(void)rig_turn(r, 0);
	assert_int_equal(rig_send(r, 0, 8, 0), 8);
	wire_store(&rig_wire_rx(r, 0)->room, 7);
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
	assert_int_equal(rig_tx(r, 0)->ch.fault, CHANNEL_ROOM_BEYOND_TAIL);
	rig_free(r);
}

static void a_lane_beyond_its_slots_breaks_the_channel(void **state)
{
	static const uint64_t tail[] = { 65, 1ull << 32, UINT64_MAX };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct rig *r = system_new(&pair);

		rig_send(r, 0, 4, 0);
		wire_store(&rig_wire_rx(r, 0)->lane_tail, tail[i]);
		(void)rig_turn(r, 0);
		assert_int_equal(rig_tx(r, 0)->ch.fault, CHANNEL_LANE_BEYOND_SLOTS);
		assert_int_equal(rig_tx(r, 0)->lent_count, 4);
		assert_int_equal(rig_free_frames(r, 0), 36);
		rig_check(r);
		rig_free(r);
	}
}

static void a_channel_its_own_lane_breaks_has_no_room_in_the_same_call(void **state)
{
	struct rig *r = system_new(&pair);

	(void)state;
	rig_send(r, 0, 8, 0);
	rig_rx(r, 0)->head = rig_rx(r, 0)->taken = 0;
	wire_store(&rig_wire_rx(r, 0)->room, 8);
	assert_int_equal(rig_send(r, 0, 6, 0), 6);
	wire_store(&rig_wire_rx(r, 0)->room, 14);
	/* Two of sixteen may still be lent; four are asked for, so it looks at the lane. */
	wire_store(&rig_wire_rx(r, 0)->lane_tail, 1000);
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
	assert_int_equal(rig_tx(r, 0)->ch.fault, CHANNEL_LANE_BEYOND_SLOTS);
	rig_free(r);
}

static void a_give_back_that_is_not_on_the_ledger_is_refused_and_counted(void **state)
{
	struct rig *r = system_new(&pair);
	struct vanity_ref ref[4], hand;
	uint32_t entry[8], n = 0;

	(void)state;
	assert_int_equal(vanity_frame_take(rig_pool(r, 0), &hand, 1), 1);
	rig_send(r, 0, 4, 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 4), 4);
	entry[n++] = hand.frame; /* in the owner's hand */
	entry[n++] = rig_pool(r, 0)->free[3]; /* free */
	entry[n++] = UINT32_MAX;
	entry[n++] = 43; /* no pool's */
	entry[n++] = ref[0].frame; /* this one is its */
	entry[n++] = ref[0].frame; /* once */
	entry[n++] = ref[1].frame | WIRE_LANE_ADOPTED; /* lent to this very generation */
	for (uint32_t i = 0; i < n; i++)
		wire_store_u32(&rig_lane(r, 0)[i], entry[i]);
	wire_store(&rig_wire_rx(r, 0)->lane_tail, n);
	(void)rig_turn(r, 0);
	assert_int_equal(wire_load(&rig_cell(r, 0, LIFE_PRODUCER)->refused), n - 1);
	assert_int_equal(rig_tx(r, 0)->ch.fault, CHANNEL_OK);
	assert_int_equal(rig_tx(r, 0)->lent_count, 3);
	assert_int_equal(rig_free_frames(r, 0), 36);
	rig_check(r);
	rig_free(r);
}

static void a_frame_lent_to_one_neighbour_is_not_anothers_to_give_back(void **state)
{
	static const struct rig_spec two = {
		.shard_count = 3,
		.pool = { { .owner = 0, .frames = 16, .bytes = 256 } },
		.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 8 },
			     { 0, 2, .slots = 8, .pools = RIG_POOL0, .lend = 8 } },
	};
	struct rig *r = system_new(&two);
	struct vanity_ref ref;

	(void)state;
	rig_send(r, 0, 1, 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), &ref, 1), 1);
	wire_store_u32(&rig_lane(r, 1)[0], ref.frame);
	wire_store(&rig_wire_rx(r, 1)->lane_tail, 1);
	(void)rig_turn(r, 0);
	assert_int_equal(rig_tx(r, 0)->lent_count, 1);
	assert_int_equal(wire_load(&rig_cell(r, 1, LIFE_PRODUCER)->refused), 1);
	rig_check(r);
	rig_sound(r);
	rig_free(r);
}

/* A router that is to send a packet back where it came from, and whose output was not given that
 * pool: the packet chose, so the packet is lost and not the router. */
static void a_frame_that_an_output_does_not_carry_goes_home_and_is_counted(void **state)
{
	static const struct rig_spec two = {
		.shard_count = 3,
		.pool = { { .owner = 0, .frames = 16, .bytes = 256 },
			  { .owner = 1, .frames = 16, .bytes = 256 } },
		.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 8 },
			     { 1, 2, .slots = 8, .pools = RIG_POOL1, .lend = 8 } },
	};
	struct rig *r = system_new(&two);
	struct vanity_ref ref[2];

	(void)state;
	assert_int_equal(rig_send(r, 0, 2, 0), 2);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 2), 2);
	vanity_tx_put(rig_tx(r, 1), &ref[0]);
	vanity_tx_put(rig_tx(r, 1), &ref[1]);
	vanity_tx_publish(rig_tx(r, 1));
	assert_int_equal(wire_load(&rig_cell(r, 1, LIFE_PRODUCER)->dropped), 2);
	assert_int_equal(rig_tx(r, 1)->lent_count, 0);
	assert_int_equal(rig_tx(r, 1)->tail, 0);
	assert_int_equal(wire_load(&r->shard[1].cell->log_count), 1); /* said once */
	look(r, 0); /* the burst is done */
	rig_turns(r);
	assert_int_equal(rig_free_frames(r, 0), 16);
	rig_check(r);
	rig_exact(r);
	rig_free(r);
}

/* --- a program's own bugs end the program, with words ---------------------------------------- */

#define ENDS(r, call)                                                                              \
	do {                                                                                       \
		jmp_buf end;                                                                       \
                                                                                                   \
		(r)->fault = &end;                                                                 \
		if (setjmp(end) == 0) {                                                            \
			(void)(call);                                                              \
			fail_msg("%s went on", #call);                                             \
		}                                                                                  \
		(r)->fault = NULL;                                                                 \
		assert_true((r)->words[0] != 0);                                                   \
		assert_int_equal(wire_load(&(r)->shard[(r)->faulted].cell->state), CELL_FAULT);    \
	} while (0)

static void put_call(struct rig *r, struct vanity_ref *ref)
{
	vanity_tx_put(rig_tx(r, 0), ref);
}

static int put(struct rig *r, struct vanity_ref *ref)
{
	put_call(r, ref);
	return 0;
}

static int give_back(struct rig *r, struct vanity_ref *ref)
{
	vanity_rx_give_back(rig_rx(r, 0), ref, VANITY_DONE);
	return 0;
}

static void a_programs_misuse_of_a_frame_ends_it_with_words(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[2], wild = { .frame = 3, .offset = 200, .length = 57 };

	(void)state;
	assert_int_equal(vanity_frame_take(rig_pool(r, 0), ref, 2), 2);
	vanity_tx_put(rig_tx(r, 0), &ref[0]);
	vanity_tx_publish(rig_tx(r, 0));
	ENDS(r, put(r, &ref[0])); /* twice */
	ref[1].offset = 200;
	ref[1].length = 57;
	ENDS(r, put(r, &ref[1])); /* beyond the frame */
	ENDS(r, vanity_ref_read(rig_rx(r, 0), &wild));
	wild.frame = 1000;
	ENDS(r, vanity_ref_read(rig_rx(r, 0), &wild));
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 1), 1);
	vanity_rx_give_back(rig_rx(r, 0), &ref[0], VANITY_DONE);
	ENDS(r, give_back(r, &ref[0]));
	ENDS(r, vanity_rx(r->shard[1].self, "no-such-port"));
	assert_string_equal(r->words, "the topology binds no input port no-such-port");
	rig_free(r);
}

static int take(struct rig *r)
{
	struct vanity_ref ref[1];

	return (int)vanity_rx_take(rig_rx(r, 0), ref, 1);
}

static void frames_on_a_channel_without_pools_end_the_program_with_the_remedy(void **state)
{
	struct rig *r = system_new(&plain);
	struct vanity_ref ref = { .frame = 0, .length = 1 };

	(void)state;
	ENDS(r, take(r));
	assert_non_null(strstr(r->words, "no frames here: say `pools = [ POOL ]` for input in"));
	ENDS(r, put(r, &ref));
	assert_non_null(strstr(r->words, "no frames here: say `pools = [ POOL ]` for output "));
	rig_free(r);
}

/* --- sleeping -------------------------------------------------------------------------------- */

static void an_idle_shard_sleeps_after_traffic(void **state)
{
	struct rig *r = system_new(&chain);

	(void)state;
	for (uint32_t round = 0; round < 3; round++) {
		rig_send(r, 0, 2, 0);
		rig_drain(r, 0, 2);
		rig_turns(r);
		for (uint32_t s = 0; s < 3; s++) {
			uint32_t waits = r->shard[s].waits;

			for (uint32_t i = 0; i < 3; i++) {
				(void)rig_turn(r, s);
				vanity_wait(r->shard[s].self, 0);
			}
			assert_true(r->shard[s].waits >= waits + 2);
		}
	}
	rig_free(r);
}

static void a_shard_sleeps_while_its_output_is_full_and_its_input_is_not_empty(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];
	uint32_t waits;

	(void)state;
	rig_send(r, 0, 8, 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 8), 8);
	for (uint32_t i = 0; i < 8; i++)
		vanity_tx_put(rig_tx(r, 1), &ref[i]);
	vanity_tx_publish(rig_tx(r, 1));
	look(r, 0);
	rig_send(r, 0, 4, 0);
	look(r, 0);
	rig_send(r, 0, 4, 0);
	assert_int_equal(vanity_tx_room(rig_tx(r, 1), 8), 0);
	waits = r->shard[1].waits;
	for (uint32_t i = 0; i < 4; i++) {
		(void)rig_turn(r, 1);
		assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, vanity_tx_room(rig_tx(r, 1), 8)),
				 0);
		vanity_wait(r->shard[1].self, 0);
	}
	assert_true(r->shard[1].waits >= waits + 3);
	/* And room wakes it: it does not sleep over it. */
	assert_int_equal(rig_drain(r, 1, 8), 8);
	waits = r->shard[1].waits;
	vanity_wait(r->shard[1].self, 0);
	assert_int_equal(r->shard[1].waits, waits);
	rig_free(r);
}

static void what_was_stored_before_the_sleep_is_not_slept_over(void **state)
{
	struct rig *r = system_new(&chain);
	uint32_t waits = r->shard[1].waits;

	(void)state;
	vanity_wait(r->shard[1].self, 0);
	vanity_wait(r->shard[1].self, 0);
	assert_true(r->shard[1].waits > waits);
	waits = r->shard[1].waits;
	rig_send(r, 0, 1, 0);
	vanity_wait(r->shard[1].self, 0);
	assert_int_equal(r->shard[1].waits, waits);
	/* An order, too. */
	look(r, 0);
	wire_store(&r->shard[1].orders->seq, wire_load(&r->shard[1].orders->seq) + 1);
	vanity_wait(r->shard[1].self, 0);
	assert_int_equal(r->shard[1].waits, waits);
	rig_free(r);
}

/* While shard 1 sleeps, shard 0 publishes twice, and again when it sleeps again. */
static void publish_while_asleep(struct rig *r, uint32_t shard)
{
	struct wire_head *head = r->shard[1].self->neighbour[0].mine;

	assert_int_equal(shard, 1);
	assert_true(wire_load(&head->asleep) != 0);
	assert_int_equal(wire_load(&r->shard[1].cell->state), CELL_WAITING);
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t bell = wire_load(r->shard[1].self->bell);

		assert_int_equal(rig_send(r, 0, 1, 0), 1);
		(void)rig_turn(r, 0);
		assert_int_equal(r->shard[0].wakes, r->verify + 1);
		assert_int_equal(wire_load(r->shard[1].self->bell), bell + (i == 0));
	}
	r->verify++;
}

static void a_sleeper_is_rung_once_for_each_sleep_and_nobody_else_is(void **state)
{
	struct rig *r = system_new(&chain);

	(void)state;
	r->shard[0].block->shared = 0; /* it rings at once */
	vanity_wait(r->shard[1].self, 0); /* news of the start */
	r->shard[0].wakes = 0;
	rig_send(r, 0, 1, 0);
	(void)rig_turn(r, 0);
	assert_int_equal(r->shard[0].wakes, 0); /* it is awake */
	rig_drain(r, 0, 8);
	rig_turns(r);
	r->on_wait = publish_while_asleep;
	for (uint32_t i = 0; i < 2; i++) {
		for (uint64_t k = 0; k < 4 && r->verify == i; k++)
			vanity_wait(r->shard[1].self, 0);
		assert_int_equal(r->verify, i + 1);
		assert_int_equal(rig_drain(r, 0, 8), 3);
		(void)rig_turn(r, 0);
		r->shard[0].wakes = (uint32_t)r->verify;
	}
	assert_int_equal(r->verify, 2);
	assert_int_equal(wire_load(&r->shard[1].self->neighbour[0].mine->asleep), 0);
	rig_free(r);
}

/* Shard 1 sleeps; shard 0 shares its core, goes on working, and then sleeps itself. */
static void publish_on_a_shared_core(struct rig *r, uint32_t shard)
{
	uint32_t turns = 0;

	if (shard != 1)
		return;
	r->shard[0].wakes = 0;
	assert_int_equal(rig_send(r, 0, 1, 0), 1);
	while (r->shard[0].wakes == 0 && turns++ < RING_TURNS)
		(void)rig_turn(r, 0);
	assert_int_equal(r->shard[0].wakes, 1);
	r->verify = turns;
}

static void publish_and_wait(struct rig *r, uint32_t shard)
{
	if (shard != 1)
		return;
	r->shard[0].wakes = 0;
	while (r->shard[0].self->beat % RING_TURNS != 0)
		(void)rig_turn(r, 0);
	assert_int_equal(rig_send(r, 0, 1, 0), 1);
	(void)rig_turn(r, 0);
	assert_int_equal(r->shard[0].wakes, 0);
	vanity_wait(r->shard[0].self, 0);
	assert_int_equal(r->shard[0].wakes, 1);
	r->verify++;
}

static void a_neighbour_on_a_shared_core_is_rung_after_some_turns_or_before_a_sleep(void **state)
{
	struct rig *r = system_new(&pair);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		vanity_wait(r->shard[1].self, 0); /* news of the start */
	r->on_wait = publish_on_a_shared_core;
	vanity_wait(r->shard[1].self, 0);
	assert_in_range(r->verify, 2, RING_TURNS);
	assert_int_equal(rig_drain(r, 0, 8), 1);
	rig_turns(r);
	r->on_wait = publish_and_wait;
	r->verify = 0;
	for (uint32_t i = 0; i < 4 && r->verify == 0; i++)
		vanity_wait(r->shard[1].self, 0);
	assert_int_equal(r->verify, 1);
	rig_free(r);
}

static int device_answer; /* of the shard under test */
static uint32_t device_asked;

static int device_news(void *context)
{
	(void)context;
	return ++device_asked >= 3 ? device_answer : 0;
}

static void one_that_spins_looks_at_its_devices_too(void **state)
{
	struct rig *r = system_new(&pair);
	struct rig_shard *s = &r->shard[1];

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		vanity_wait(s->self, 0); /* news of the start */
	s->block->shared = 0; /* a core of its own */
	s->platform.news = device_news;
	s->waits = 0;
	device_asked = 0;
	device_answer = 1;
	vanity_wait(s->self, VANITY_POLL);
	assert_int_equal(device_asked, 3);
	assert_int_equal(s->waits, 0);
	/* Where only a call can tell, it does not spin: it sleeps, or looks again if it polls. */
	device_asked = 0;
	device_answer = -1;
	vanity_wait(s->self, s->block->watchdog_ns / 4);
	assert_int_equal(device_asked, 3);
	assert_int_equal(s->waits, 1);
	vanity_wait(s->self, VANITY_POLL);
	assert_int_equal(device_asked, 4);
	assert_int_equal(s->waits, 1);
	rig_free(r);
}

/* Dozes for a moment in which nobody comes, then sleeps: two numbers, one parity each. */
static void look_at_the_sleeper(struct rig *r, uint32_t shard)
{
	uint64_t asleep = wire_load(&r->shard[shard].self->neighbour[0].mine->asleep);

	assert_int_equal(asleep & WIRE_DOZES, 0);
	assert_int_equal(asleep, r->verify + 2);
	r->verify = (uint32_t)asleep;
}

static void a_doze_and_the_sleep_behind_it_are_told_apart(void **state)
{
	struct rig *r = system_new(&pair);
	struct rig_shard *s = &r->shard[1];
	wire_u64 *asleep = &s->self->neighbour[0].mine->asleep;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		vanity_wait(s->self, 0); /* news of the start */
	s->block->shared = 0;
	s->block->wait = WAIT_BELL;
	s->self->asleep_number = r->verify = 1000;
	s->waits = 0;
	r->on_wait = look_at_the_sleeper;
	for (uint32_t i = 0; i < 3; i++)
		vanity_wait(s->self, 3000);
	assert_int_equal(s->waits, 3);
	/* News end a doze before it began, and then nobody is to ring. */
	rig_send(r, 0, 1, 0);
	vanity_wait(s->self, 3000);
	assert_int_equal(s->waits, 3);
	assert_int_equal(wire_load(asleep), 0);
	assert_int_equal(rig_drain(r, 0, 8), 1);
	rig_free(r);
}

static void who_dozes_is_rung_without_a_call(void **state)
{
	struct rig *r = system_new(&pair);
	wire_u64 *asleep = &r->shard[1].self->neighbour[0].mine->asleep;

	(void)state;
	r->shard[0].block->shared = 0; /* it rings at once */
	for (uint64_t number = 1000; number < 1006; number++) {
		uint64_t bell = wire_load(r->shard[1].self->bell);

		r->shard[0].wakes = 0;
		wire_store(asleep, number);
		for (uint32_t i = 0; i < 2; i++) {
			rig_send(r, 0, 1, 0);
			(void)rig_turn(r, 0);
		}
		assert_int_equal(wire_load(r->shard[1].self->bell), bell + 1);
		assert_int_equal(r->shard[0].wakes, number % 2 == 0);
		wire_store(asleep, 0);
		assert_int_equal(rig_drain(r, 0, 8), 2);
		rig_turns(r);
	}
	rig_free(r);
}

static void who_polls_or_has_a_device_does_not_doze(void **state)
{
	struct rig *r = system_new(&pair);
	struct rig_shard *s = &r->shard[1];
	uint64_t number;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		vanity_wait(s->self, 0); /* news of the start */
	s->block->shared = 0;
	s->block->wait = WAIT_BELL;
	number = s->self->asleep_number;
	vanity_wait_until(s->self, VANITY_POLL, vanity_now(s->self) + 100000);
	assert_int_equal(s->self->asleep_number, number);
	s->platform.news = device_news;
	device_asked = 0;
	device_answer = 0;
	vanity_wait(s->self, 10000);
	assert_int_equal(s->self->asleep_number, (number + 2) & ~1ull); /* the sleep's */
	rig_free(r);
}

static void the_default_spin_is_what_a_wake_costs_and_ppoll_is_none(void **state)
{
	struct rig *r = system_new(&pair);
	struct rig_shard *s = &r->shard[1];
	uint64_t begun;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		vanity_wait(s->self, 0); /* news of the start */
	s->block->shared = 0;
	s->block->wake_ns = 200000;
	s->waits = 0;
	begun = vanity_now(s->self);
	vanity_wait(s->self, VANITY_SPIN_DEFAULT);
	assert_true(vanity_now(s->self) - begun >= vanity_hz(s->self) / 1000000 * 200);
	assert_int_equal(s->waits, 1);
	/* Three hours of spin would not pass. */
	s->block->watchdog_ns = UINT64_MAX;
	s->block->wait = WAIT_PPOLL;
	vanity_wait(s->self, 10000000000000ull);
	vanity_wait(s->self, VANITY_POLL);
	assert_int_equal(s->waits, 3);
	rig_free(r);
}

static void a_successors_first_sleep_is_rung_although_its_forebears_was(void **state)
{
	struct rig *r = system_new(&pair);
	struct wire_head *head = r->shard[1].self->neighbour[0].mine;
	uint64_t first;

	(void)state;
	r->shard[0].block->shared = 0; /* it rings at once */
	for (uint32_t i = 0; i < 3; i++)
		vanity_wait(r->shard[1].self, 0);
	assert_true(r->shard[1].waits > 0);
	first = r->shard[1].self->asleep_number;
	wire_store(&head->asleep, first);
	rig_send(r, 0, 1, 0);
	(void)rig_turn(r, 0);
	assert_int_equal(r->shard[0].self->neighbour[0].rung, first);
	rig_kill(r, 1);
	rig_order(r, 0, LIFE_PRODUCER, ORDER_DETACH, 2);
	(void)rig_turn(r, 0);
	rig_raise(r, 1);
	rig_order(r, 0, LIFE_CONSUMER, ORDER_RESUME, 2);
	rig_go(r, 1);
	rig_ready(r, 1);
	r->shard[1].waits = 0;
	(void)rig_turn(r, 1);
	vanity_wait(r->shard[1].self, 0);
	assert_int_equal(r->shard[1].waits, 1);
	assert_int_not_equal(r->shard[1].self->asleep_number, first);
	rig_free(r);
}

static void a_sleep_ends_when_the_sleeper_has_something_to_do_of_its_own(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_shard *self = r->shard[1].self;
	uint64_t hz = vanity_hz(self), now;
	uint32_t waits;

	(void)state;
	vanity_wait(self, 0); /* news of the start */
	now = vanity_now(self);
	waits = r->shard[1].waits;
	vanity_wait_until(self, 0, now + hz / 1000 * 5);
	assert_int_equal(r->shard[1].waits, waits + 1);
	assert_int_equal(r->shard[1].deadline, now + hz / 1000 * 5);
	/* Later than any sleep may be: then it ends as ever. */
	vanity_wait_until(self, 0, now + hz * 3600);
	assert_int_equal(r->shard[1].waits, waits + 2);
	assert_true(r->shard[1].deadline <= vanity_now(self) + self->sleep_cycles);
	vanity_wait_until(self, 0, VANITY_NEVER);
	assert_int_equal(r->shard[1].waits, waits + 3);
	/* Its time has come already. */
	vanity_wait_until(self, 0, now);
	vanity_wait_until(self, UINT64_MAX, now);
	assert_int_equal(r->shard[1].waits, waits + 3);
	rig_free(r);
}

static void a_spin_ends_when_the_spinner_has_something_to_do_of_its_own(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_shard *self = r->shard[1].self;
	struct bind *bind = (struct bind *)(uintptr_t)self->bind;
	uint64_t at;
	uint32_t waits;

	(void)state;
	bind->shared = 0;
	vanity_wait(self, 0);
	waits = r->shard[1].waits;
	self->sleep_cycles = vanity_hz(self) * 3600; /* it would spin as long */
	at = vanity_now(self) + vanity_hz(self) / 1000;
	vanity_wait_until(self, VANITY_POLL, at);
	assert_true(vanity_now(self) >= at);
	assert_int_equal(r->shard[1].waits, waits);
	rig_free(r);
}

/* --- noise ----------------------------------------------------------------------------------- */

/* Both ends of the middle are noise. It neither falls nor holds a frame that is not a pool's. */
static void two_neighbours_of_noise_do_not_bring_a_shard_down(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct rig *r = system_new(&chain);

		r->random ^= seed * 0x9e3779b97f4a7c15ull;
		for (uint32_t i = 0; i < 300; i++) {
			struct wire_tx *up = rig_wire_tx(r, 0);
			struct wire_rx *down = rig_wire_rx(r, 1);
			struct vanity_ref ref[8];
			uint64_t noise = rig_random(r, 4)
						 ? rig_random(r, 24)
						 : (uint64_t)rig_random(r, UINT32_MAX) << 32;
			uint32_t n;

			switch (rig_random(r, 6)) {
			case 0:
				wire_store(&up->tail, wire_load(&up->tail) + rig_random(r, 3));
				break;
			case 1:
				slot_store(r, 0, wire_load(&up->tail) + rig_random(r, 2),
					   rig_random(r, 50), rig_random(r, 300),
					   rig_random(r, 300));
				break;
			case 2:
				wire_store(&down->head, wire_load(&down->head) + rig_random(r, 2));
				break;
			case 3:
				wire_store_u32(&rig_lane(r, 1)[rig_random(r, 64)],
					       rig_random(r, 50) | rig_random(r, 2) << 31);
				wire_store(&down->lane_tail,
					   wire_load(&down->lane_tail) + rig_random(r, 3));
				break;
			case 4:
				if (rig_random(r, 40) == 0)
					wire_store(&up->tail, noise);
				break;
			default:
				if (rig_random(r, 40) == 0)
					wire_store(&down->lane_tail, noise);
				break;
			}
			(void)rig_turn(r, 1);
			n = vanity_rx_take(rig_rx(r, 0), ref, vanity_tx_room(rig_tx(r, 1), 8));
			for (uint32_t k = 0; k < n; k++) {
				const uint8_t *bytes = vanity_ref_read(rig_rx(r, 0), &ref[k]);

				if (ref[k].length > 0)
					(void)*(const volatile uint8_t *)&bytes[ref[k].length - 1];
				if (rig_random(r, 2))
					vanity_tx_put(rig_tx(r, 1), &ref[k]);
				else
					vanity_rx_give_back(rig_rx(r, 0), &ref[k], VANITY_DONE);
			}
			vanity_tx_publish(rig_tx(r, 1));
			rig_check(r);
		}
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_come_in_order_and_whole_at_every_burst),
		cmocka_unit_test(frames_on_a_channel_without_pools_end_the_program_with_the_remedy),
		cmocka_unit_test(plain_slots_lose_their_top_bit_and_nothing_else),
		cmocka_unit_test(plain_slots_fill_up_and_wait_or_drop),
		cmocka_unit_test(a_stale_plain_slot_breaks_the_channel_and_leaves_the_output_alone),
		cmocka_unit_test(a_full_channel_waits_for_slots_and_then_for_frames),
		cmocka_unit_test(a_full_channel_that_drops_gives_back_and_counts),
		cmocka_unit_test(a_frozen_owner_hands_out_nothing),
		cmocka_unit_test(a_stop_waits_until_the_inputs_are_empty),
		cmocka_unit_test(rx_take_believes_no_tail),
		cmocka_unit_test(rx_take_stops_at_the_first_slot_of_another_lap),
		cmocka_unit_test(frames_are_seen_when_they_are_published),
		cmocka_unit_test(room_is_told_by_the_eighth_and_when_there_is_nothing_to_do),
		cmocka_unit_test(rx_take_refuses_a_frame_outside_the_channels_pools),
		cmocka_unit_test(rx_take_refuses_bytes_beyond_the_frame),
		cmocka_unit_test(rx_take_accepts_the_last_byte_of_a_frame),
		cmocka_unit_test(rx_take_refuses_a_frame_it_holds_already),
		cmocka_unit_test(rx_take_hands_out_what_came_before_the_false_one),
		cmocka_unit_test(rx_take_refuses_more_frames_than_may_be_lent),
		cmocka_unit_test(an_owner_takes_its_own_lent_frame_and_no_free_one),
		cmocka_unit_test(room_that_cannot_be_breaks_the_channel_for_its_writer),
		cmocka_unit_test(room_that_runs_backwards_breaks_the_channel),
		cmocka_unit_test(a_lane_beyond_its_slots_breaks_the_channel),
		cmocka_unit_test(a_channel_its_own_lane_breaks_has_no_room_in_the_same_call),
		cmocka_unit_test(a_give_back_that_is_not_on_the_ledger_is_refused_and_counted),
		cmocka_unit_test(a_frame_lent_to_one_neighbour_is_not_anothers_to_give_back),
		cmocka_unit_test(a_frame_that_an_output_does_not_carry_goes_home_and_is_counted),
		cmocka_unit_test(a_programs_misuse_of_a_frame_ends_it_with_words),
		cmocka_unit_test(an_idle_shard_sleeps_after_traffic),
		cmocka_unit_test(
			a_shard_sleeps_while_its_output_is_full_and_its_input_is_not_empty),
		cmocka_unit_test(what_was_stored_before_the_sleep_is_not_slept_over),
		cmocka_unit_test(a_sleeper_is_rung_once_for_each_sleep_and_nobody_else_is),
		cmocka_unit_test(a_neighbour_on_a_shared_core_is_rung_after_some_turns_or_before_a_sleep),
		cmocka_unit_test(one_that_spins_looks_at_its_devices_too),
		cmocka_unit_test(a_doze_and_the_sleep_behind_it_are_told_apart),
		cmocka_unit_test(who_dozes_is_rung_without_a_call),
		cmocka_unit_test(who_polls_or_has_a_device_does_not_doze),
		cmocka_unit_test(the_default_spin_is_what_a_wake_costs_and_ppoll_is_none),
		cmocka_unit_test(a_successors_first_sleep_is_rung_although_its_forebears_was),
		cmocka_unit_test(a_sleep_ends_when_the_sleeper_has_something_to_do_of_its_own),
		cmocka_unit_test(a_spin_ends_when_the_spinner_has_something_to_do_of_its_own),
		cmocka_unit_test(two_neighbours_of_noise_do_not_bring_a_shard_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
