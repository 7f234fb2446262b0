/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile producer and a hostile consumer, threads of their own, rewrite every word they may write
 * while shard 1 works. Nothing beyond a region is touched (the rig's are exactly sized, for the
 * sanitizer), only their channels break, and what shard 1 has with an honest neighbour arrives whole.
 *
 *      c0: 0 -> 1 frames, hostile producer        c2: 1 -> 3 frames, honest
 *      c1: 1 -> 2 frames, hostile consumer        c3: 3 -> 1 plain slots, honest
 */
#include "rig.h"

#include <pthread.h>
#include <sched.h>

#define VICTIM 1u
#define ROUNDS 150u
#define STEPS 150u

static const struct rig_spec spec = {
	.shard_count = 4,
	.pool = { { .owner = 0, .frames = 24, .bytes = 256 },
		  { .owner = 1, .frames = 32, .bytes = 320 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 12 },
		     { 1, 2, .slots = 8, .pools = RIG_POOL0 | RIG_POOL1, .lend = 8 },
		     { 1, 3, .slots = 8, .pools = RIG_POOL1, .lend = 8 },
		     { 3, 1, .slots = 8, .slot_bytes = 16 } },
};

struct hostile {
	pthread_t thread;
	wire_u64 *word; /* of all it may write ... */
	uint64_t words; /* ... and how many */
	wire_u64 *slots; /* NULL: a consumer */
	const wire_u64 *taken;
	uint64_t random;
	uint32_t stop, began; /* atomic */
};

static uint64_t next(struct hostile *h)
{
	h->random ^= h->random >> 12;
	h->random ^= h->random << 25;
	h->random ^= h->random >> 27;
	return h->random * 0x2545f4914f6cdd1dull;
}

/* Mostly what might be true for a moment: else all would break at the first look. */
static void *hostile_main(void *argument)
{
	struct hostile *h = argument;

	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
		for (uint64_t i = 0; h->slots != NULL && i < 16; i++) {
			uint64_t at = wire_load(h->taken) + i % 8, r = next(h);
			uint64_t length = r % 64 == 0 ? r >> 32 : r >> 32 & 0xff;

			wire_store(&h->slots[at % 8 * 2 + 1], length);
			wire_store(&h->slots[at % 8 * 2], (3 + (r >> 8) % 25) |
								  ((at / 8 & 1) ^ 1) << 63);
		}
		for (uint64_t i = 0; i < h->words; i += 1 + next(h) % 8) {
			uint64_t r = next(h);

			if (h->slots != NULL && r % 16 != 0)
				continue;
			wire_store(&h->word[i], r & 32 ? r >> 6 & 15 : next(h));
		}
		__atomic_store_n(&h->began, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void hostile_start(struct hostile *h, struct rig *r, uint32_t wire, uint64_t seed)
{
	const struct plan_region *region = &r->plan->region[r->plan->wire[wire].region];

	h->word = r->region[r->plan->wire[wire].region];
	h->words = region->bytes / 8;
	h->random = seed * 0x9e3779b97f4a7c15ull + 1;
	h->stop = 0;
	assert_int_equal(pthread_create(&h->thread, NULL, hostile_main, h), 0);
	while (!__atomic_load_n(&h->began, __ATOMIC_RELAXED))
		sched_yield();
}

static void hostile_stop(struct hostile *h)
{
	__atomic_store_n(&h->stop, 1, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(h->thread, NULL), 0);
}

/* What came from the hostile one is read to its last byte and goes on to the other. */
static void victim_forwards(struct rig *r)
{
	struct vanity_ref ref[8];
	uint32_t n = vanity_rx_take(rig_rx(r, 0), ref, 8);

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *bytes = vanity_ref_read(rig_rx(r, 0), &ref[i]);

		assert_true(ref[i].offset + ref[i].length <= 256);
		for (uint32_t k = 0; k < ref[i].length; k++)
			(void)*(const volatile uint8_t *)&bytes[k];
		if (vanity_tx_room(rig_tx(r, 1), 1) == 1)
			vanity_tx_put(rig_tx(r, 1), &ref[i]);
		else
			vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	}
	vanity_tx_publish(rig_tx(r, 1));
}

/* Between the honest ends each step moves as much as ever, in order. */
static void honest_step(struct rig *r, uint64_t *count)
{
	uint64_t slot[2] = { *count & ~WIRE_SLOT_LAP, ~*count }, got[2] = { 0, 0 };
	struct vanity_ref ref[4];

	assert_int_equal(rig_send(r, 2, 4, (uint32_t)*count), 4);
	assert_int_equal(vanity_rx_take(rig_rx(r, 2), ref, 4), 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(ref[i].tag, (uint32_t)*count + i);
		vanity_rx_give_back(rig_rx(r, 2), &ref[i], VANITY_DONE);
	}
	assert_int_equal(vanity_rx_take(rig_rx(r, 2), ref, 4), 0); /* and so they are home */
	assert_int_equal(vanity_slot_put(rig_tx(r, 3), slot, 1), 1);
	vanity_tx_publish(rig_tx(r, 3));
	assert_int_equal(vanity_slot_take(rig_rx(r, 3), got, 1), 1);
	assert_int_equal(got[0] & ~WIRE_SLOT_LAP, slot[0]);
	assert_int_equal(got[1], slot[1]);
	(*count)++;
}

static void nothing_lost_beside_the_hostile(void **state)
{
	uint32_t broken[2] = { 0, 0 };

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct rig *r = rig_new(&spec);
		struct hostile producer = { 0 }, consumer = { 0 };
		uint64_t count = 0;

		rig_start(r);
		rig_kill(r, 0);
		rig_kill(r, 2);
		producer.slots = rig_slots(r, 0);
		producer.taken = &rig_wire_rx(r, 0)->taken;
		hostile_start(&producer, r, r->plan->channel[0].tx_wire, 2 * round);
		hostile_start(&consumer, r, r->plan->channel[1].rx_wire, 2 * round + 1);
		for (uint32_t step = 0; step < STEPS; step++) {
			/* A change of generation in the midst of it, and its channel may open again. */
			if (step % 8 == 0)
				for (uint32_t c = 0; c < 2; c++)
					rig_order(r, c, c == 0 ? LIFE_CONSUMER : LIFE_PRODUCER,
						  step % 16 == 0 ? ORDER_DETACH : ORDER_JOIN,
						  2 + step / 16);
			(void)rig_turn(r, VICTIM);
			victim_forwards(r);
			honest_step(r, &count);
			for (uint32_t c = 0; c < 2; c++)
				broken[c] += wire_load(&rig_cell(r, c, c == 0 ? LIFE_CONSUMER :
										 LIFE_PRODUCER)
								->broken) >> 56 != CHANNEL_OK;
			assert_int_equal(wire_load(&rig_cell(r, 2, LIFE_PRODUCER)->broken), 0);
			assert_int_equal(wire_load(&rig_cell(r, 3, LIFE_CONSUMER)->broken), 0);
			rig_check(r);
		}
		hostile_stop(&producer);
		hostile_stop(&consumer);
		assert_int_equal(count, STEPS);
		rig_free(r);
	}
	/* It was an attack: both ends broke, and said so. */
	assert_true(broken[0] > 0);
	assert_true(broken[1] > 0);
	print_message("hostile producer's channel broken after %u steps, consumer's after %u, of %u\n",
		      broken[0], broken[1], ROUNDS * STEPS);
}

/* The report: which port, what kind of claim, and its value. */
static void the_report_names_the_claim(void **state)
{
	struct rig *r = rig_new(&spec);
	struct vanity_ref ref[8];
	uint64_t word0 = 3 | 1ull << 63, broken;

	(void)state;
	rig_start(r);
	rig_kill(r, 0);
	rig_kill(r, 2);
	wire_store(&rig_slots(r, 0)[1], 257);
	wire_store_release(&rig_slots(r, 0)[0], word0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 8), 0);
	broken = wire_load(&rig_cell(r, 0, LIFE_CONSUMER)->broken);
	assert_int_equal(broken >> 56, CHANNEL_FRAME_BOUNDS);
	assert_int_equal(broken & 0xff, 3);
	for (uint32_t c = 1; c < 4; c++) {
		assert_int_equal(wire_load(&rig_cell(r, c, LIFE_CONSUMER)->broken), 0);
		assert_int_equal(wire_load(&rig_cell(r, c, LIFE_PRODUCER)->broken), 0);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_lost_beside_the_hostile),
		cmocka_unit_test(the_report_names_the_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
