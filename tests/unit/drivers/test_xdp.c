/* SPDX-License-Identifier: Apache-2.0 */
#include "../shards/cm.h"

#include "../shards/fake_vanity.h"
#include "drivers/netdev.h"
#include "drivers/xdp.h"
#include "model_xdp.h"

#define FRAMES 64u
#define ENTRIES 16u
#define FILL 32u
#define BOTH (NETDEV_RECEIVES | NETDEV_SENDS)

static struct netdev dev;
static const char *words;

/* --- a death at the n-th touch of shared memory ---------------------------------------------- */

static uint64_t points, die_at; /* 0: never */
static jmp_buf death;

void sim_point(const void *word);
uint64_t sim_cycles(void);

void sim_point(const void *word)
{
	(void)word;
	if (++points == die_at)
		longjmp(death, 1);
}

uint64_t sim_cycles(void)
{
	return 0;
}

static void begin_at(uint32_t start)
{
	fake.may_hold = true;
	fake.pool_frames = FRAMES;
	fake.ready = false;
	fake.link = VANITY_LINK_UP;
	fake.frozen = false;
	memset(fake.place, 0, sizeof(fake.place));
	model_new(fake.frame, FRAMES, ENTRIES, FILL, start);
	model.grant.pool = fake_pool();
	die_at = 0;
}

static void begin(void)
{
	fake_new();
	begin_at(0);
}

static int open_with(uint32_t uses)
{
	memset(&dev, 0, sizeof(dev));
	words = NULL;
	fake.ready = false;
	return netdev_open(&dev, fake_shard(), &model.grant, NULL, uses, &words);
}

static void raise_with(uint32_t uses)
{
	assert_int_equal(open_with(uses), 0);
	fake.ready = true;
	netdev_turn(&dev);
}

static uint32_t send_one(uint32_t length)
{
	static uint8_t bytes[4096];
	const struct netdev_packet packet = { bytes, length };

	model_packet(bytes, sizeof(bytes), 99);
	return netdev_send(&dev, &packet, 1);
}

static uint32_t held(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < FRAMES; i++)
		n += fake.place[i] == FAKE_HELD;
	return n;
}

/* Every frame the kernel has is ours, and it has it once; the others of ours are spare. */
static void check_frames(void)
{
	uint32_t kernel = 0;

	for (uint32_t i = 0; i < FRAMES; i++) {
		uint32_t has = model_has(i);

		assert_true(has <= 1);
		if (has == 1)
			assert_int_equal(fake.place[i], FAKE_HELD);
		kernel += has;
	}
	assert_int_equal(kernel, dev.xdp.posted_count + dev.xdp.sending_count);
	assert_int_equal(held(), kernel + dev.spare.count);
}

/* --- what it does ---------------------------------------------------------------------------- */

static void a_packet_is_received_where_the_kernel_put_it(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	begin();
	raise_with(BOTH);
	assert_true(model_arrive(60));
	assert_true(model_arrive(1514));
	assert_int_equal(netdev_receive(&dev, ref, 8), 2);
	assert_int_equal(ref[0].length, 60);
	assert_int_equal(ref[1].length, 1514);
	assert_int_equal(ref[0].offset, MODEL_HEADROOM);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(model_number(netdev_bytes(&dev, &ref[i])), i);
		vanity_frame_drop(fake_pool(), &ref[i], VANITY_DONE);
	}
	assert_int_equal(dev.count[NETDEV_RECEIVED], 2);
	check_frames();
}

static void no_more_is_received_than_was_asked_for(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	begin();
	raise_with(NETDEV_RECEIVES);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(model_arrive(60));
	assert_int_equal(netdev_receive(&dev, ref, 0), 0);
	assert_int_equal(netdev_receive(&dev, ref, 3), 3);
	assert_int_equal(netdev_receive(&dev, ref + 3, 3), 2);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(model_number(netdev_bytes(&dev, &ref[i])), i);
}

static void what_is_sent_is_copied_once_and_its_frame_comes_back(void **state)
{
	(void)state;
	begin();
	raise_with(BOTH);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(netdev_send_room(&dev, 1), 1);
		assert_int_equal(send_one(60), 1);
		netdev_turn(&dev);
	}
	assert_int_equal(model.sent_count, 100);
	assert_int_equal(model.sent[99], 99);
	assert_int_equal(dev.count[NETDEV_SENT], 100);
	assert_int_equal(dev.count[NETDEV_COPIED], 100);
	assert_int_equal(dev.count[NETDEV_KICKS], 100);
	check_frames();
}

static void sending_and_receiving_do_not_take_each_others_last_frame(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	begin();
	raise_with(BOTH);
	assert_int_equal(dev.spare.count, FRAMES / 4);
	assert_int_equal(dev.xdp.posted_count,
			 ENTRIES); /* more would find no room to be received */
	model.no_completion = true;
	/* All frames for sending are with the kernel: receiving goes on. */
	for (uint32_t i = 0; i < FRAMES / 4; i++)
		assert_int_equal(send_one(60), 1);
	netdev_turn(&dev);
	assert_int_equal(netdev_send_room(&dev, 1), 0);
	assert_int_equal(send_one(60), 0);
	assert_int_equal(dev.count[NETDEV_TX_FULL], 1);
	assert_true(model_arrive(60));
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
	vanity_frame_drop(fake_pool(), &ref[0], VANITY_DONE);
	check_frames();
}

static void a_dry_pool_is_counted_and_sending_goes_on(void **state)
{
	struct vanity_ref ref[64];
	uint32_t n = 0;

	(void)state;
	begin();
	raise_with(BOTH);
	/* Nobody gives a frame back. */
	for (uint32_t turn = 0; turn < 20; turn++) {
		while (model_arrive(60))
			;
		n += netdev_receive(&dev, ref, 64);
		netdev_turn(&dev);
	}
	assert_int_equal(n, FRAMES - FRAMES / 4);
	assert_int_equal(dev.xdp.posted_count, 0);
	assert_true(dev.count[NETDEV_RX_NO_FRAME] > 0);
	assert_int_equal(send_one(60), 1);
	netdev_turn(&dev);
	assert_int_equal(model.sent_count, 1);
	/* Frozen pools give nothing, which is no want of frames. */
	n = (uint32_t)dev.count[NETDEV_RX_NO_FRAME];
	fake.frozen = true;
	netdev_turn(&dev);
	assert_int_equal(dev.count[NETDEV_RX_NO_FRAME], n);
}

static void who_only_sends_posts_nothing_and_who_only_receives_keeps_nothing(void **state)
{
	(void)state;
	begin();
	raise_with(NETDEV_SENDS);
	assert_int_equal(model.ring[VANITY_RING_FILL].producer, 0);
	assert_int_equal(dev.spare.count, ENTRIES);
	begin();
	raise_with(NETDEV_RECEIVES);
	assert_int_equal(dev.spare.count, 0);
	assert_int_equal(model.ring[VANITY_RING_FILL].producer, ENTRIES);
}

static void the_kernel_is_kicked_when_its_flag_says_so_and_as_long_as_it_moves(void **state)
{
	(void)state;
	begin();
	raise_with(BOTH);
	model.ring[VANITY_RING_TX].flags = 0;
	assert_int_equal(send_one(60), 1);
	assert_int_equal(netdev_turn(&dev), 0); /* the driver looks by itself */
	assert_int_equal(model.kicks, 0);
	model.ring[VANITY_RING_TX].flags = 1;
	model.kick_max = 2;
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(send_one(60), 1);
	assert_int_equal(netdev_turn(&dev), 0);
	assert_int_equal(model.kicks, 5);
	assert_int_equal(model.sent_count, 10);
	/* It takes nothing: once is enough for now, and another turn is wanted. */
	model.kick_max = 0;
	assert_int_equal(send_one(60), 1);
	assert_int_equal(netdev_turn(&dev), 1);
	assert_int_equal(model.kicks, 6);
	/* Nothing to send, nothing to tell. */
	model.kick_max = 32;
	assert_int_equal(netdev_turn(&dev), 0);
	assert_int_equal(model.kicks, 7);
	assert_int_equal(netdev_turn(&dev), 0);
	assert_int_equal(model.kicks, 7);
}

static void at_most_eight_kicks_are_spent_a_turn(void **state)
{
	(void)state;
	begin();
	raise_with(BOTH);
	model.kick_max = 1;
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(send_one(60), 1);
	assert_int_equal(netdev_turn(&dev), 1);
	assert_int_equal(model.kicks, XDP_KICKS_MAX);
	assert_int_equal(netdev_turn(&dev), 0);
	assert_int_equal(model.sent_count, 12);
}

static void a_fill_ring_that_wants_waking_is_kicked_once_a_turn(void **state)
{
	(void)state;
	begin();
	raise_with(NETDEV_RECEIVES);
	model.ring[VANITY_RING_FILL].flags = 1;
	netdev_turn(&dev);
	netdev_turn(&dev);
	assert_int_equal(model.kicks, 2);
}

static void a_device_that_stands_still_refuses_after_ten_milliseconds(void **state)
{
	(void)state;
	begin();
	raise_with(BOTH);
	model.kick_max = 0;
	for (uint32_t i = 0; i < FRAMES / 4; i++)
		assert_int_equal(send_one(60), 1);
	assert_int_equal(netdev_turn(&dev), 1);
	assert_int_equal(netdev_send_room(&dev, 8), 0); /* may wait where it is */
	fake.now += fake.hz / 100;
	assert_int_equal(netdev_turn(&dev), 1);
	fake.now += 1;
	assert_int_equal(netdev_turn(&dev), 0);
	assert_int_equal(netdev_send_room(&dev, 8), 8); /* stops nobody but itself */
	assert_int_equal(send_one(60), 0);
	assert_int_equal(dev.count[NETDEV_TX_FULL], 1);
	/* And goes on as soon as it moves. */
	model.kick_max = 4;
	netdev_turn(&dev);
	assert_int_equal(netdev_send_room(&dev, 8), 8);
	assert_int_equal(send_one(60), 1);
}

static void without_a_frame_to_send_with_it_refuses_after_ten_milliseconds(void **state)
{
	(void)state;
	begin();
	memset(fake.place, FAKE_PUT, sizeof(fake.place)); /* others have them all */
	raise_with(BOTH);
	assert_int_equal(netdev_send_room(&dev, 8), 0);
	fake.now += fake.hz / 100 + 1;
	netdev_turn(&dev);
	assert_int_equal(netdev_send_room(&dev, 8), 8);
	assert_int_equal(send_one(60), 0);
	assert_int_equal(dev.count[NETDEV_TX_FULL], 1);
	memset(fake.place, FAKE_FREE, sizeof(fake.place));
	netdev_turn(&dev);
	assert_int_equal(send_one(60), 1);
	/* The smallest pool still sends and receives. */
	begin();
	model.grant.pool_frames = model.frames = fake.pool_frames = 2;
	raise_with(BOTH);
	assert_int_equal(send_one(60), 1);
	assert_true(model_arrive(60));
}

static void a_device_that_moves_is_never_found_standing_still(void **state)
{
	(void)state;
	begin();
	raise_with(BOTH);
	model.kick_max = 1;
	model.no_completion = true;
	model.ring[VANITY_RING_TX].flags =
		0; /* it looks by itself, as a driver without copies does */
	for (uint32_t i = 0; i < 40; i++) {
		while (netdev_send_room(&dev, 1) > 0)
			assert_int_equal(send_one(60), 1);
		model.grant.calls->kick(NULL);
		model_complete();
		fake.now += fake.hz / 200;
		netdev_turn(&dev);
		assert_false(dev.xdp.stalled);
	}
}

static void a_kick_that_says_down_refuses_until_one_does_not(void **state)
{
	(void)state;
	begin();
	raise_with(BOTH);
	model.kick_answer = VANITY_GRANT_DOWN;
	assert_int_equal(send_one(60), 1);
	assert_int_equal(netdev_turn(&dev), 0);
	assert_int_equal(netdev_send_room(&dev, 64), 64);
	assert_int_equal(send_one(60), 0);
	assert_int_equal(dev.count[NETDEV_LINK_DOWN], 1);
	model.kick_answer = 0;
	netdev_turn(&dev);
	assert_int_equal(send_one(60), 1);
	netdev_turn(&dev);
	assert_int_equal(model.sent_count, 2);
	model.kick_answer = VANITY_GRANT_GONE;
	assert_int_equal(send_one(60), 1);
	netdev_turn(&dev);
	model.kick_answer = 0;
	netdev_turn(&dev); /* gone is gone */
	assert_int_equal(send_one(60), 0);
	assert_int_equal(dev.count[NETDEV_GONE], 1);
}

static void lengths_that_do_not_suit_the_link_are_refused(void **state)
{
	(void)state;
	begin();
	raise_with(BOTH);
	assert_int_equal(netdev_send_max(&dev), 1514);
	assert_int_equal(send_one(1514), 1);
	assert_int_equal(send_one(1515), 0);
	assert_int_equal(send_one(13), 0);
	assert_int_equal(dev.count[NETDEV_TX_OVERSIZE], 1);
	assert_int_equal(dev.count[NETDEV_TX_BAD], 1);
	fake.link_mtu = 9000; /* it changed meanwhile; a frame did not */
	assert_int_equal(netdev_send_max(&dev), 2048);
	assert_int_equal(send_one(2048), 1);
	assert_int_equal(send_one(2049), 0);
	fake.link_mtu = 68;
	assert_int_equal(send_one(83), 0);
	assert_int_equal(send_one(82), 1);
}

/* --- what the kernel may claim --------------------------------------------------------------- */

static void descriptors_that_cannot_be_are_counted_and_cost_at_most_their_frame(void **state)
{
	struct model_ring *rx = &model.ring[VANITY_RING_RX];
	struct vanity_ref ref[16];
	uint64_t first;

	(void)state;
	begin();
	raise_with(BOTH);
	for (uint32_t i = 0; i < 9; i++)
		assert_true(model_arrive(60));
	first = rx->desc[0].addr & ~2047ull;
	rx->desc[1].addr = FRAMES * 2048ull; /* one behind the pool */
	rx->desc[2].addr = ~0ull;
	rx->desc[3].addr = (1ull << 43) + first; /* the right frame, 64 bits later */
	rx->desc[4].length = 13;
	rx->desc[5].length = 2048 - MODEL_HEADROOM + 1;
	rx->desc[6].options = 1;
	rx->desc[7].addr = first; /* the frame of the first, again */
	rx->desc[8].length = UINT32_MAX;
	assert_int_equal(netdev_receive(&dev, ref, 16), 1);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 8);
	/* 1, 2, 3 and 7 named none of their frames: those stay with the kernel, as far as we know.
	 */
	assert_int_equal(dev.xdp.posted_count, ENTRIES - 5);
	assert_int_equal(held(), FRAMES / 4 + ENTRIES - 4);
	assert_false(dev.broken);
	rx->desc[9].addr =
		fake.place[63] == FAKE_FREE ? 63 * 2048 : 62 * 2048; /* free, not posted */
	rx->desc[9].length = 60;
	rx->producer++;
	assert_int_equal(netdev_receive(&dev, ref, 16), 0);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 9);
}

static void the_first_frame_that_does_not_exist_is_not_received(void **state)
{
	struct model_ring *rx = &model.ring[VANITY_RING_RX];
	struct vanity_ref ref[1];

	(void)state;
	begin();
	raise_with(BOTH);
	model.no_completion = true;
	for (uint32_t i = 0; i < FRAMES / 4; i++)
		assert_int_equal(send_one(60), 1); /* all of them: the first frame's bit is set */
	rx->desc[0].addr = FRAMES * 2048ull;
	rx->desc[0].length = 60;
	rx->producer++;
	assert_int_equal(netdev_receive(&dev, ref, 1), 0);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 1);
	assert_int_equal(dev.xdp.sending[0] & 1, 1);
}

static void a_frame_may_be_filled_to_its_last_byte(void **state)
{
	struct vanity_ref ref[1];

	(void)state;
	begin();
	raise_with(BOTH);
	assert_true(model_arrive(60));
	model.ring[VANITY_RING_RX].desc[0].length = 2048 - MODEL_HEADROOM;
	assert_int_equal(netdev_receive(&dev, ref, 1), 1);
	assert_int_equal(ref[0].offset + ref[0].length, 2048);
}

static void a_cursor_beyond_its_ring_stops_the_device(void **state)
{
	struct vanity_ref ref[64];

	(void)state;
	for (uint32_t ring = 0; ring < VANITY_RINGS; ring++) {
		uint32_t *theirs;
		bool kernels = ring == VANITY_RING_RX || ring == VANITY_RING_DONE;

		begin();
		raise_with(BOTH);
		assert_int_equal(send_one(60), 1);
		theirs = kernels ? &model.ring[ring].producer : &model.ring[ring].consumer;
		model.no_completion = true;
		model.kick_max = 0;
		*theirs = kernels ? *theirs + ENTRIES + 1 : *theirs - 65;
		if (ring == VANITY_RING_FILL)
			*theirs = model.ring[ring].producer + 1;
		for (uint32_t i = 0; i < 30 && !dev.broken; i++) {
			uint32_t n = netdev_receive(&dev, ref, 64);

			while (n > 0)
				vanity_frame_drop(fake_pool(), &ref[--n], VANITY_DONE);
			(void)netdev_send_room(&dev, 64);
			if (ring != VANITY_RING_FILL)
				netdev_turn(&dev);
			(void)send_one(60);
			if (ring == VANITY_RING_FILL) {
				(void)model_arrive(60);
				netdev_turn(&dev);
				break;
			}
		}
		if (ring == VANITY_RING_FILL)
			continue; /* looked at when there is no room: see the next test */
		assert_true(dev.broken);
		assert_true(dev.count[NETDEV_RX_BAD] >= 1);
		assert_int_equal(netdev_receive(&dev, ref, 64), 0);
		assert_int_equal(netdev_turn(&dev), 0);
		assert_int_equal(netdev_send_room(&dev, 64), 64);
		assert_int_equal(send_one(60), 0);
		assert_true(dev.count[NETDEV_GONE] >= 1);
	}
}

static void a_successor_finds_a_fill_ring_that_cannot_be_and_stops(void **state)
{
	(void)state;
	begin();
	raise_with(BOTH);
	model.ring[VANITY_RING_FILL].consumer = model.ring[VANITY_RING_FILL].producer + 1;
	memset(fake.place, 0, sizeof(fake.place));
	assert_int_equal(open_with(BOTH), 0);
	assert_true(dev.broken);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 1);
	assert_true(fake_logged("device: a ring that cannot be: nothing moves until stop and start"));
}

static void a_completion_of_what_is_not_being_sent_is_counted(void **state)
{
	struct model_ring *done = &model.ring[VANITY_RING_DONE];
	uint32_t spare;

	(void)state;
	begin();
	raise_with(BOTH);
	spare = dev.spare.count;
	assert_int_equal(send_one(60), 1);
	netdev_turn(&dev);
	done->addr[1] = done->addr[0]; /* twice */
	done->addr[2] = FRAMES * 2048; /* outside */
	done->addr[3] = ~0ull;
	done->addr[4] = 0; /* posted to receive, not to send */
	done->producer += 4;
	assert_int_equal(netdev_send_room(&dev, 64), spare < ENTRIES ? spare : ENTRIES);
	assert_int_equal(dev.spare.count, spare);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 4);
	assert_false(dev.broken);
}

/* --- what cannot be driven ------------------------------------------------------------------- */

static void refused(const char *want)
{
	assert_int_equal(open_with(BOTH), -1);
	assert_string_equal(words, want);
}

static void facts_that_do_not_fit_together_are_refused_with_words(void **state)
{
	static const char *const rings = "device: its rings are not where its facts say";

	(void)state;
	begin();
	model.grant.pool = NULL;
	refused("device: xdp needs a pool of its shard: dma = POOL:rw");
	begin();
	fake.frame_bytes = 1024;
	refused("device: xdp needs frames of 2KiB or 4KiB");
	begin();
	model.grant.keep_bytes = xdp_keep_bytes(FRAMES) - 1;
	refused("device: no memory to keep what the kernel has");
	begin();
	model.grant.calls = NULL;
	refused("device: it cannot be kicked");
	for (uint32_t i = 0; i < VANITY_RINGS; i++) {
		struct vanity_ring_place *place = &model.facts.ring[i];

		begin();
		place->entries = 12;
		refused(rings);
		begin();
		place->entries = 0;
		refused(rings);
		begin();
		place->entry_bytes = 24 - place->entry_bytes;
		refused(rings);
		begin();
		place->desc = sizeof(struct model_ring) -
			      (uint64_t)place->entries * place->entry_bytes + 8;
		refused(rings);
		begin();
		place->desc = UINT64_MAX & ~7ull;
		refused(rings);
		begin();
		place->producer = sizeof(struct model_ring) - 3;
		refused(rings);
		begin();
		place->consumer = 2;
		refused(rings);
		begin();
		place->flags = UINT64_MAX - 3;
		refused(rings);
		begin();
		model.grant.window[i].base = NULL;
		refused(rings);
	}
}

/* --- generations ------------------------------------------------------------------------------ */

static uint8_t seen[8192]; /* how often each packet was published */
static struct vanity_ref lent[FRAMES]; /* with a borrower that outlives us */
static uint32_t lent_count;
static uint32_t sent_number;

static void lend_on(uint32_t max)
{
	struct vanity_ref ref[16];
	uint32_t n = netdev_receive(&dev, ref, max);

	/* From here to the put there is no point to die at: published is published. */
	for (uint32_t i = 0; i < n; i++) {
		seen[model_number(netdev_bytes(&dev, &ref[i]))]++;
		assert_int_equal(fake.place[ref[i].frame], FAKE_HELD);
		fake.place[ref[i].frame] = FAKE_PUT;
		lent[lent_count++] = ref[i];
	}
}

/* One turn of a shard like nic: receives and lends on, sends, and what was lent comes home. */
static void one_turn(uint32_t round)
{
	struct netdev_packet packet[4];
	static uint8_t bytes[4][60];
	uint32_t n;

	for (uint32_t i = 0; i < 5; i++)
		(void)model_arrive(60 + i);
	while (lent_count > 8) {
		struct vanity_ref *back = &lent[--lent_count];

		fake.place[back->frame] = FAKE_FREE;
	}
	for (n = 0; n < 1 + round % 4; n++) {
		model_packet(bytes[n], 60, sent_number++);
		packet[n] = (struct netdev_packet){ bytes[n], 60 };
	}
	(void)netdev_send(&dev, packet, n);
	lend_on(round % 3 == 0 ? 3 : 16);
	(void)netdev_turn(&dev);
}

/* The pool's successor owns what no borrower states. */
static void bury(void)
{
	for (uint32_t i = 0; i < FRAMES; i++) {
		if (fake.place[i] == FAKE_HELD)
			fake.place[i] = FAKE_FREE;
	}
}

static void generation(uint32_t turns)
{
	assert_int_equal(open_with(BOTH), 0);
	fake.ready = true;
	(void)netdev_turn(&dev);
	for (uint32_t i = 0; i < turns; i++)
		one_turn(i);
}

/* Runs until the @n-th point. Return: whether it got there. */
static bool dies_at(uint64_t n, uint32_t turns)
{
	points = 0;
	die_at = n;
	if (setjmp(death) == 0) {
		generation(turns);
		die_at = 0;
		return false;
	}
	die_at = 0;
	bury();
	return true;
}

static void fresh(uint32_t start)
{
	begin_at(start);
	memset(seen, 0, sizeof(seen));
	lent_count = 0;
	sent_number = 0;
}

/* The generation that lives: all is accounted for, all that arrives is received, all is once. */
static void check_successor(void)
{
	uint32_t arrived;

	assert_int_equal(open_with(BOTH), 0);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 0);
	assert_true(dev.count[NETDEV_REPLAYED] <= VANITY_BURST_MAX);
	check_frames();
	assert_int_equal(dev.count[NETDEV_RECLAIMED], held());
	fake.ready = true;
	(void)netdev_turn(&dev);
	for (uint32_t i = 0; i < 6; i++) {
		one_turn(i);
		check_frames();
	}
	/* What was lost at the deaths is behind us: from here on nothing is. */
	arrived = model.arrived;
	model.dropped = 0;
	for (uint32_t i = 0; i < 12; i++)
		one_turn(i + 1);
	lend_on(16);
	(void)netdev_turn(&dev);
	assert_int_equal(model.dropped, 0);
	for (uint32_t i = arrived; i < model.arrived; i++)
		assert_int_equal(seen[i], 1);
	for (uint32_t i = 0; i < arrived; i++)
		assert_true(seen[i] <= 1);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 0);
	assert_int_equal(dev.spare.count + dev.xdp.sending_count, FRAMES / 4);
	assert_int_equal(dev.xdp.posted_count, ENTRIES);
	for (uint32_t i = 1; i < model.sent_count; i++)
		assert_true(model.sent[i] > model.sent[i - 1]);
}

static void a_successor_goes_on_after_a_death_at_every_touch_of_shared_memory(void **state)
{
	(void)state;
	fake_new();
	/* Cursors that wrap on the way, and some that do not. */
	for (uint32_t start = 0xfffffff0u; start != 32; start += 16) {
		uint64_t n = 1;

		for (;; n++) {
			fresh(start);
			if (!dies_at(n, 9))
				break;
			check_successor();
		}
		assert_true(n > 400);
	}
}

static void a_successor_that_dies_too_leaves_nothing_worse(void **state)
{
	(void)state;
	fake_new();
	for (uint64_t n = 1;; n += 7) {
		uint64_t m = 1;

		for (;; m += 3) {
			fresh(0xfffffff8u);
			if (!dies_at(n, 5))
				return;
			if (!dies_at(m, 2))
				break;
			check_successor();
		}
		check_frames();
	}
}

static void frames_the_kernel_still_sends_are_claimed_too(void **state)
{
	(void)state;
	fake_new();
	for (uint64_t n = 1;; n++) {
		fresh(0);
		model.no_completion = true;
		if (!dies_at(n, 4))
			break;
		assert_int_equal(open_with(BOTH), 0);
		check_frames();
		fake.ready = true;
		(void)netdev_turn(&dev);
		while (model.kernel_count > 0)
			model_complete();
		model.no_completion = false;
		for (uint32_t i = 0; i < 6; i++)
			one_turn(i);
		check_frames();
		assert_int_equal(dev.count[NETDEV_RX_BAD], 0);
		assert_int_equal(dev.spare.count + dev.xdp.sending_count, FRAMES / 4);
	}
}

static void another_binding_voids_what_was_kept(void **state)
{
	uint64_t keep[64];

	(void)state;
	begin();
	raise_with(BOTH);
	assert_int_equal(send_one(60), 1);
	bury();
	memcpy(keep, model.keep, sizeof(keep));
	/* A new socket: empty rings, and the old one's frames are with nobody. */
	model_new(fake.frame, FRAMES, ENTRIES, FILL, 0);
	model.grant.pool = fake_pool();
	memcpy(model.keep, keep, sizeof(keep));
	model.facts.epoch = 8;
	assert_int_equal(open_with(BOTH), 0);
	assert_int_equal(held(), 0);
	assert_int_equal(dev.count[NETDEV_RECLAIMED], 0);
	assert_int_equal(((struct xdp_keep *)model.keep)->epoch, 8);
	fake.ready = true;
	netdev_turn(&dev);
	check_frames();
}

static void a_frame_a_borrower_has_is_not_claimed_whatever_was_kept(void **state)
{
	struct xdp_keep *keep = (struct xdp_keep *)model.keep;

	(void)state;
	begin();
	keep->epoch = 7;
	keep->bits[0] = ~0ull; /* all 64 are posted, it says */
	keep->bits[1] = ~0ull; /* and all are being sent */
	keep->fill_intent = ~0ull;
	keep->tx_intent = 0x1000000000000000ull;
	fake.place[3] = FAKE_PUT;
	assert_int_equal(open_with(BOTH), 0);
	assert_int_equal(fake.place[3], FAKE_PUT);
	assert_int_equal(dev.xdp.posted_count, FRAMES - 1);
	assert_int_equal(dev.xdp.sending_count, 0);
	assert_int_equal(keep->bits[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_received_where_the_kernel_put_it),
		cmocka_unit_test(no_more_is_received_than_was_asked_for),
		cmocka_unit_test(what_is_sent_is_copied_once_and_its_frame_comes_back),
		cmocka_unit_test(sending_and_receiving_do_not_take_each_others_last_frame),
		cmocka_unit_test(a_dry_pool_is_counted_and_sending_goes_on),
		cmocka_unit_test(who_only_sends_posts_nothing_and_who_only_receives_keeps_nothing),
		cmocka_unit_test(
			the_kernel_is_kicked_when_its_flag_says_so_and_as_long_as_it_moves),
		cmocka_unit_test(at_most_eight_kicks_are_spent_a_turn),
		cmocka_unit_test(a_fill_ring_that_wants_waking_is_kicked_once_a_turn),
		cmocka_unit_test(a_device_that_stands_still_refuses_after_ten_milliseconds),
		cmocka_unit_test(without_a_frame_to_send_with_it_refuses_after_ten_milliseconds),
		cmocka_unit_test(a_device_that_moves_is_never_found_standing_still),
		cmocka_unit_test(a_kick_that_says_down_refuses_until_one_does_not),
		cmocka_unit_test(lengths_that_do_not_suit_the_link_are_refused),
		cmocka_unit_test(
			descriptors_that_cannot_be_are_counted_and_cost_at_most_their_frame),
		cmocka_unit_test(the_first_frame_that_does_not_exist_is_not_received),
		cmocka_unit_test(a_frame_may_be_filled_to_its_last_byte),
		cmocka_unit_test(a_cursor_beyond_its_ring_stops_the_device),
		cmocka_unit_test(a_successor_finds_a_fill_ring_that_cannot_be_and_stops),
		cmocka_unit_test(a_completion_of_what_is_not_being_sent_is_counted),
		cmocka_unit_test(facts_that_do_not_fit_together_are_refused_with_words),
		cmocka_unit_test(a_successor_goes_on_after_a_death_at_every_touch_of_shared_memory),
		cmocka_unit_test(a_successor_that_dies_too_leaves_nothing_worse),
		cmocka_unit_test(frames_the_kernel_still_sends_are_claimed_too),
		cmocka_unit_test(another_binding_voids_what_was_kept),
		cmocka_unit_test(a_frame_a_borrower_has_is_not_claimed_whatever_was_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
